package policy

import (
	"encoding/xml"
	"strings"
)

// RemovedTags are the keys of the tags that UntagResource removes, by the request's parameters; no values.
func (r *Request) RemovedTags() (tags Tags) {
	if r.Query == nil {
		return nil
	}
	r.Query.All(func(name, value string) bool {
		if name == "tagKeys" {
			tags = append(tags, Tag{Key: strings.Clone(value)})
		}
		return true
	})
	return tags
}

// checkRemovedTags holds what UntagResource may ask for.
func checkRemovedTags(r *Request) *Refusal {
	tags := r.RemovedTags()
	if len(tags) > maxTags {
		return tooManyTags()
	}
	for _, t := range tags {
		if t.Key == "" || !isTagText(t.Key, maxTagKey) || isSystemTag(t.Key) {
			return controlTag(t.Key, false)
		}
	}
	return nil
}

// Untag returns tags without those that the request, UntagResource, removes.
func (r *Request) Untag(tags Tags) (left Tags) {
	removed := r.RemovedTags()
	for _, t := range tags {
		if !removed.has(t.Key) {
			left = append(left, t)
		}
	}
	return left
}

// ParseTagResource reads the body of TagResource. Unlike those of S3's own documents, its tags have a value each.
func ParseTagResource(body []byte) (Tags, *Refusal) {
	var doc struct {
		XMLName xml.Name `xml:"TagResourceRequest"`
		Tags    *struct {
			Tag     []tagXML   `xml:"Tag"`
			Unknown []strayXML `xml:",any"`
		} `xml:"Tags"`
		Unknown []strayXML `xml:",any"`
	}
	if !decodeXML(body, &doc) || len(doc.Unknown) != 0 || doc.Tags == nil || len(doc.Tags.Unknown) != 0 {
		return nil, malformedXML("6.9")
	}
	for _, t := range doc.Tags.Tag {
		if len(t.Value) != 1 {
			return nil, malformedXML("6.9")
		}
	}
	tags, refusal := readTags(doc.Tags.Tag)
	if refusal != nil && refusal.Code == codeInvalidTag {
		return nil, controlTag(refusal.Elements[0].Value, refusal.Message == tagTwiceText)
	}
	return tags, refusal
}

// controlTag says of a tag what S3 Control says, which has other texts than S3.
func controlTag(key string, twice bool) *Refusal {
	text := "This request contains a tag key or value that isn't valid. Valid characters include the following: " +
		"[a-zA-Z+-=._:/]. " +
		"Tag keys can contain up to 128 characters. Tag values can contain up to 256 characters."
	switch {
	case twice:
		text = "There are duplicate tag keys in your request. Remove the duplicate tag keys and try again."
	case isSystemTag(key):
		text = "User-defined tag keys can't start with \"aws:\". This prefix is reserved for system tags. " +
			"Remove \"aws:\" from your tag keys and try again."
	}
	return refuse("6.9", codeInvalidTag, text, "TagKey", key)
}
