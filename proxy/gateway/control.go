package gateway

import (
	"encoding/xml"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// S3 Control is a service of its own, with a namespace, an error document and messages that differ from S3's. Its
// requests come to the same listener; those about the tags of buckets are served.

// listTagsForResource carries out ListTagsForResource, by the record as it is now. A bucket without tags has an empty
// list.
func listTagsForResource(x *exchange) error {
	record, err := x.grant.FreshRecord(x.context)
	switch {
	case err != nil:
		return err
	case record == nil, record.ARN != x.grant.Control.Resource:
		return s3.NoSuchBucket(x.Bucket)
	}
	out := struct {
		XMLName xml.Name `xml:"ListTagsForResourceResult"`
		Xmlns   string   `xml:"xmlns,attr"`
		Tags    struct {
			Tag []policy.Tag
		}
	}{Xmlns: controlNamespace}
	out.Tags.Tag = record.Tags
	return x.answerXML(&out)
}

// tagResource carries out TagResource: tags of keys that the bucket has are replaced, others added.
func tagResource(x *exchange) error {
	document, err := x.readDocument(objects.MaxDocument)
	if err != nil {
		return err
	}
	tags, refused := policy.ParseTagResource(document)
	if refused != nil {
		return refused
	}
	return x.changeTags(tags, func(old policy.Tags) (policy.Tags, *policy.Refusal) { return old.With(tags) })
}

// untagResource carries out UntagResource. Tags that the bucket doesn't have are ignored.
func untagResource(x *exchange) error {
	return x.changeTags(x.grant.Rules.RemovedTags(), func(old policy.Tags) (policy.Tags, *policy.Refusal) {
		return x.grant.Rules.Untag(old), nil
	})
}
