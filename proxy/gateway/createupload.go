package gateway

import (
	"encoding/xml"
	"strings"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// createMultipartUpload carries out CreateMultipartUpload: the envelope goes to the store as the object's metadata, and
// into the upload's record, so that any replica can seal any part. Two requests to the store.
func createMultipartUpload(x *exchange) error {
	kind, sumType, err := x.uploadChecksum()
	if err != nil {
		return err
	}
	if err := x.checkObjectLock(); err != nil {
		return err
	}
	conditions := x.writeConditions()
	u, err := x.CreateUpload(x.context, x.grant.Decision.Encryption, kind, sumType, x.grant.Start, &conditions,
		func(r *store.Request, envelope []byte) error {
			x.setTags(r)
			x.setAttributes(r)
			return x.setObjectHeaders(r, envelope)
		})
	if err != nil {
		return err
	}
	if kind != nil {
		h := &x.ctx.Response.Header
		h.Set("x-amz-checksum-algorithm", kind.Name)
		h.Set("x-amz-checksum-type", s3.ChecksumType(sumType))
	}
	x.showEncryption()
	return x.answerXML(&struct {
		XMLName               xml.Name `xml:"InitiateMultipartUploadResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Bucket, Key, UploadId string
	}{Xmlns: s3.Namespace, Bucket: x.Bucket, Key: x.Key, UploadId: u.ID})
}

// uploadChecksum reads the checksum that an upload requests: section 6.1. No algorithm is nil: the proxy then adds
// CRC64NVME over the whole object.
func (x *exchange) uploadChecksum() (*s3.ChecksumKind, crypto.ChecksumType, error) {
	name, typeName := x.grant.Value("x-amz-checksum-algorithm"), x.grant.Value("x-amz-checksum-type")
	if name == "" {
		if typeName != "" {
			return nil, 0,
				s3.Refuse("InvalidRequest",
					"The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return nil, crypto.FullObject, nil
	}
	kind := s3.ChecksumByName(strings.ToUpper(name))
	if kind == nil {
		return nil, 0, s3.UnsupportedAlgorithm()
	}
	mismatch := func() error {
		return s3.Refuse("InvalidRequest",
			"The "+typeName+" checksum type cannot be used with the "+strings.ToLower(kind.Name)+" checksum algorithm.")
	}
	switch strings.ToUpper(typeName) {
	case "":
		if kind.Composite {
			return kind, crypto.Composite, nil
		}
		return kind, crypto.FullObject, nil
	case "COMPOSITE":
		if !kind.Composite {
			return nil, 0, mismatch()
		}
		return kind, crypto.Composite, nil
	case "FULL_OBJECT":
		if !kind.Full {
			return nil, 0, mismatch()
		}
		return kind, crypto.FullObject, nil
	}
	return nil, 0, s3.Refuse("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
}
