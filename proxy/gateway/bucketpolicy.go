package gateway

import (
	"encoding/xml"
	"net/http"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// maxBucketPolicy bounds the body of PutBucketPolicy, in bytes; S3's own limit is 20 KiB and is policy's to refuse.
const maxBucketPolicy = 64 << 10

// putBucketPolicy carries out PutBucketPolicy. The policy is kept as it was given; it counts within the time that
// records are cached.
func putBucketPolicy(x *exchange) error {
	document, err := x.readDocument(maxBucketPolicy)
	if err != nil {
		return err
	}
	if _, refused := policy.ParseBucketPolicy(document, x.Facts.Kind, x.Facts.ARN); refused != nil {
		return refused
	}
	return x.setBucketPolicy(string(document))
}

// deleteBucketPolicy carries out DeleteBucketPolicy, also where there is none.
func deleteBucketPolicy(x *exchange) error { return x.setBucketPolicy("") }

func (x *exchange) setBucketPolicy(document string) error {
	_, err := x.g.o.Buckets.UpdateBucket(x.context, x.Bucket, func(b *state.Bucket) error {
		if b.Incarnation != x.Record.Incarnation {
			return s3.NoSuchBucket(x.Bucket) // the policy names another bucket's ARN, or was meant for it
		}
		b.Policy = document
		return nil
	})
	if err != nil {
		return x.updateError(err)
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}

// currentPolicy is the bucket's policy as it is now.
func (x *exchange) currentPolicy() (string, error) {
	record, err := x.grant.FreshRecord(x.context)
	switch {
	case err != nil:
		return "", err
	case record == nil:
		return "", s3.NoSuchBucket(x.Bucket)
	case record.Policy == "":
		return "", s3.Refuse("NoSuchBucketPolicy", "The bucket policy does not exist", "BucketName", x.Bucket)
	}
	return record.Policy, nil
}

// getBucketPolicy carries out GetBucketPolicy: the policy as it was given.
func getBucketPolicy(x *exchange) error {
	document, err := x.currentPolicy()
	if err != nil {
		return err
	}
	x.ctx.Response.Header.SetContentType("application/json")
	x.ctx.Response.SetBodyString(document)
	return nil
}

// getBucketPolicyStatus carries out GetBucketPolicyStatus. Nothing is public: anonymous requests have no access,
// whatever a policy says.
func getBucketPolicyStatus(x *exchange) error {
	if _, err := x.currentPolicy(); err != nil {
		return err
	}
	return x.answerXML(&struct {
		XMLName  xml.Name `xml:"PolicyStatus"`
		Xmlns    string   `xml:"xmlns,attr"`
		IsPublic bool
	}{Xmlns: s3.Namespace})
}
