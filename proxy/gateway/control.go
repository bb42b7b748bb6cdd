package gateway

import (
	"encoding/xml"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// S3 Control is another service than S3, with a namespace, a document of errors and texts of its own. Its calls come to
// the same listener; those about the tags of buckets are served.

const controlNamespace = "http://awss3control.amazonaws.com/doc/2018-08-20/"

// controlError says in the words of S3 Control what was found in those of S3.
func controlError(e *s3.Error) *s3.Error {
	if e.Code != "NoSuchBucket" {
		return e
	}
	other := s3.Refuse("NoSuchResource", "The specified resource doesn't exist.").Because(e.Cause)
	other.Row = e.Row
	return other
}

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

// untagResource carries out UntagResource. Tags that the bucket hasn't are removed already.
func untagResource(x *exchange) error {
	return x.changeTags(x.grant.Rules.RemovedTags(), func(old policy.Tags) (policy.Tags, *policy.Refusal) {
		return x.grant.Rules.Untag(old), nil
	})
}
