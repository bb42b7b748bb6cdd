package gateway

import (
	"encoding/xml"
	"net/http"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// A fixed answer is that of an operation about something that no bucket has here, since nothing behind the proxy could
// act on it without seeing plaintext, or leading clients past the proxy. What would set it up is 501.
type fixed struct {
	code, message string // an error
	document      string // else an empty document's root, or
	list          string // that of a list, when no id is named, and
	inner         string // what is in it; neither: 204
}

const noSuchConfiguration = "The specified configuration does not exist."

// fixedAnswers has a row an operation.
var fixedAnswers = map[policy.Operation]fixed{
	policy.GetBucketCors:    {code: "NoSuchCORSConfiguration", message: "The CORS configuration does not exist"},
	policy.DeleteBucketCors: {},
	policy.GetBucketWebsite: {
		code: "NoSuchWebsiteConfiguration", message: "The specified bucket does not have a website configuration",
	},
	policy.DeleteBucketWebsite: {},
	policy.GetBucketReplication: {
		code: "ReplicationConfigurationNotFoundError", message: "The replication configuration was not found",
	},
	policy.DeleteBucketReplication: {},

	policy.GetBucketLogging:                   {document: "BucketLoggingStatus"},
	policy.GetBucketNotificationConfiguration: {document: "NotificationConfiguration"},
	policy.GetBucketAccelerateConfiguration:   {document: "AccelerateConfiguration"},
	policy.GetBucketAbac:                      {document: "AbacStatus", inner: "<Status>Disabled</Status>"},
	policy.GetBucketRequestPayment: {
		document: "RequestPaymentConfiguration", inner: "<Payer>BucketOwner</Payer>",
	},

	policy.GetBucketAnalyticsConfiguration: {
		code: "NoSuchConfiguration", message: noSuchConfiguration, list: "ListBucketAnalyticsConfigurationsResult",
	},
	policy.GetBucketInventoryConfiguration: {
		code: "NoSuchConfiguration", message: noSuchConfiguration, list: "ListInventoryConfigurationsResult",
	},
	policy.GetBucketMetricsConfiguration: {
		code: "NoSuchConfiguration", message: noSuchConfiguration, list: "ListMetricsConfigurationsResult",
	},
	policy.GetBucketIntelligentTieringConfiguration: {
		code: "NoSuchConfiguration", message: noSuchConfiguration, list: "ListBucketIntelligentTieringConfigurationsOutput",
	},
}

// constant carries out the operations of fixedAnswers.
func constant(x *exchange) error {
	f := fixedAnswers[x.Operation]
	_, named := x.grant.Query.Get("id")
	switch {
	case f.list != "" && !named:
		return x.answerElement(f.list, "<IsTruncated>false</IsTruncated>")
	case f.code != "":
		return s3.Refuse(f.code, f.message, "BucketName", x.Bucket)
	case f.document != "":
		return x.answerElement(f.document, f.inner)
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}

func (x *exchange) answerElement(root, inner string) error {
	return x.answerDocument([]byte("<" + root + ` xmlns="` + s3.Namespace + `">` + inner + "</" + root + ">"))
}

// getBucketLocation carries out GetBucketLocation. The location of us-east-1 is told by nothing.
func getBucketLocation(x *exchange) error {
	if x.Record.Region == "us-east-1" {
		return x.answerElement("LocationConstraint", "")
	}
	return x.answerElement("LocationConstraint", x.Record.Region)
}

type grantee struct {
	XSI         string `xml:"xmlns:xsi,attr"`
	Type        string `xml:"xsi:type,attr"`
	ID          string
	DisplayName string
}

// getACL carries out GetBucketAcl and GetObjectAcl: ACLs are off, and the owner may do everything.
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

// putACL carries out PutBucketAcl and PutObjectAcl. A canned ACL that says what holds anyway was let through by the
// policy; no other is possible.
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

// objectExists asks the store for the object, where the request is about one.
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
