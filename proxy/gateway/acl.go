package gateway

import (
	"encoding/xml"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

type grantee struct {
	XSI         string `xml:"xmlns:xsi,attr"`
	Type        string `xml:"xsi:type,attr"`
	ID          string
	DisplayName string
}

// getACL carries out GetBucketAcl and GetObjectAcl: ACLs are disabled, and the owner has full control.
func getACL(x *exchange) error {
	if err := x.objectExists(); err != nil {
		return err
	}
	account := x.Facts.Account
	return x.answerXML(&struct {
		XMLName    xml.Name `xml:"AccessControlPolicy"`
		Xmlns      string   `xml:"xmlns,attr"`
		Owner      listedOwner
		Grantee    grantee `xml:"AccessControlList>Grant>Grantee"`
		Permission string  `xml:"AccessControlList>Grant>Permission"`
	}{
		Xmlns: s3.Namespace, Owner: listedOwner{account, account},
		Grantee:    grantee{"http://www.w3.org/2001/XMLSchema-instance", "CanonicalUser", account, account},
		Permission: "FULL_CONTROL",
	})
}

// putACL carries out PutBucketAcl and PutObjectAcl. Package policy has accepted a canned ACL that has no effect; no
// other is possible.
func putACL(x *exchange) error {
	if x.grant.Value("x-amz-acl") == "" {
		return s3.Refuse("AccessControlListNotSupported", "The bucket does not allow ACLs", "BucketName", x.Bucket)
	}
	document, err := x.readDocument(objects.MaxDocument)
	switch {
	case err != nil:
		return err
	case len(document) > 0: // its grants would not be made
		return s3.Refuse("UnexpectedContent", "This request contains unsupported content.")
	}
	return x.objectExists()
}

// objectExists sends a HEAD for the object, where the request is about one.
func (x *exchange) objectExists() error {
	if x.Key == "" {
		return nil
	}
	a, _, err := x.HeadIf(x.context, objects.Unconditional)
	if err != nil {
		return err
	}
	defer a.Close()
	x.showVersion(a)
	return nil
}
