package gateway

import (
	"encoding/xml"
	"net/http"

	"sealfront/policy"
	"sealfront/proxy/state"
)

// The tags of a bucket are in its record: policies have conditions on them, and the store needn't know them.

// getBucketTagging carries out GetBucketTagging, by the record as it is now.
func getBucketTagging(x *exchange) error {
	record, err := x.g.freshBucket(x)
	switch {
	case err != nil:
		return err
	case record == nil:
		return noSuchBucket(x.bucket)
	case len(record.Tags) == 0:
		return refusal("NoSuchTagSet", "The TagSet does not exist", "BucketName", x.bucket)
	}
	out := struct {
		XMLName xml.Name     `xml:"Tagging"`
		Xmlns   string       `xml:"xmlns,attr"`
		Tag     []policy.Tag `xml:"TagSet>Tag"`
	}{Xmlns: s3Namespace, Tag: record.Tags}
	return x.answerXML(&out)
}

// putBucketTagging carries out PutBucketTagging: the tags there were are replaced.
func putBucketTagging(x *exchange) error {
	document, err := x.readDocument(maxDocument)
	if err != nil {
		return err
	}
	tags, refused := policy.ParseBucketTagging(document)
	if refused != nil {
		return refused
	}
	if err := x.permitTagging(tags); err != nil {
		return err
	}
	return x.setBucketTags(tags)
}

// permitTagging asks for the request's permissions once more, now that the tags in its document are read: conditions
// may be about them.
func (x *exchange) permitTagging(tags policy.Tags) error {
	if refused := policy.AuthorizeTags(x.operation, &x.request, x.caller(), &x.matter.Target, tags); refused != nil {
		return refused
	}
	return nil
}

// deleteBucketTagging carries out DeleteBucketTagging.
func deleteBucketTagging(x *exchange) error { return x.setBucketTags(nil) }

func (x *exchange) setBucketTags(tags policy.Tags) error {
	_, err := x.g.o.Buckets.UpdateBucket(x.context, x.bucket, func(b *state.Bucket) error {
		b.Tags = state.Tags(tags)
		return nil
	})
	if err != nil {
		return x.updateError(err)
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}
