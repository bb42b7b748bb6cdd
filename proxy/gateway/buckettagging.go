package gateway

import (
	"encoding/xml"
	"net/http"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// The tags of a bucket are in its record: policies have conditions on them, and the store needn't know them.

// getBucketTagging carries out GetBucketTagging, by the record as it is now.
func getBucketTagging(x *exchange) error {
	record, err := x.grant.FreshRecord(x.context)
	switch {
	case err != nil:
		return err
	case record == nil:
		return s3.NoSuchBucket(x.Bucket)
	case len(record.Tags) == 0:
		return s3.Refuse("NoSuchTagSet", "The TagSet does not exist", "BucketName", x.Bucket)
	}
	out := struct {
		XMLName xml.Name     `xml:"Tagging"`
		Xmlns   string       `xml:"xmlns,attr"`
		Tag     []policy.Tag `xml:"TagSet>Tag"`
	}{Xmlns: s3.Namespace, Tag: record.Tags}
	return x.answerXML(&out)
}

// putBucketTagging carries out PutBucketTagging: the tags there were are replaced.
func putBucketTagging(x *exchange) error {
	document, err := x.readDocument(objects.MaxDocument)
	if err != nil {
		return err
	}
	tags, refused := policy.ParseBucketTagging(document)
	if refused != nil {
		return refused
	}
	return x.changeTags(tags, func(policy.Tags) (policy.Tags, *policy.Refusal) { return tags, nil })
}

// deleteBucketTagging carries out DeleteBucketTagging.
func deleteBucketTagging(x *exchange) error {
	return x.changeTags(nil, func(policy.Tags) (policy.Tags, *policy.Refusal) { return nil, nil })
}

// changeTags gives the bucket the tags that change makes of those it has. given are those of the request's document.
// Who may change tags may depend on the tags themselves, and the record that the request was decided by may be older
// than a change at another replica: the very tags that are replaced decide once more.
func (x *exchange) changeTags(given policy.Tags, change func(policy.Tags) (policy.Tags, *policy.Refusal)) error {
	_, err := x.g.o.Buckets.UpdateBucket(x.context, x.Bucket, func(b *state.Bucket) error {
		if x.grant.Control.Kind != "" && x.grant.Control.Resource != b.ARN {
			return s3.NoSuchBucket(x.Bucket)
		}
		if err := x.grant.MayTagAs(b, given); err != nil {
			return err
		}
		tags, refused := change(policy.Tags(b.Tags))
		if refused != nil {
			return refused
		}
		b.Tags = state.Tags(tags)
		return nil
	})
	if err != nil {
		return x.updateError(err)
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}
