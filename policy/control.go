package policy

import (
	"encoding/xml"
	"slices"
	"strings"
)

// controlVersion begins the path of every call of S3 Control, on the same listener as S3's own requests. No bucket can have
// this name: see validName.
const controlVersion = "v20180820"

// A Control is what a call of S3 Control is about, by its path: /v20180820/tags/ARN. The zero value is a request for S3
// itself.
type Control struct {
	Kind     string // the path's first segment behind the version, "tags"; "-" where there is none
	Resource string // what is behind it: an ARN
}

// ParseControl takes the decoded path of a call of S3 Control apart, without its first slash; ok is false for any other path.
func ParseControl(path string) (c Control, ok bool) {
	rest, ok := strings.CutPrefix(path, controlVersion)
	if !ok || rest != "" && rest[0] != '/' {
		return Control{}, false
	}
	c.Kind, c.Resource, _ = strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	if c.Kind == "" {
		c.Kind = "-"
	}
	return c, true
}

// Bucket returns the name of the bucket that the resource is, "" when it is none. That the ARN is the bucket's very own is
// known from its record.
func (c *Control) Bucket() string {
	name, kind := c.named()
	if KindOf(name) != kind || strings.Contains(name, "/") {
		return ""
	}
	return name
}

// named returns the name in the ARN of a bucket, and the kind of bucket that the ARN is for; Service for any other ARN.
func (c *Control) named() (name string, kind Kind) {
	fields := strings.SplitN(c.Resource, ":", 6)
	if len(fields) < 6 || fields[0] != "arn" {
		return "", Service
	}
	switch fields[2] {
	case "s3":
		if fields[3] == "" && fields[4] == "" {
			return fields[5], General
		}
	case "s3express":
		if name, cut := strings.CutPrefix(fields[5], "bucket/"); cut {
			return name, Directory
		}
	}
	return "", Service
}

// accountHeader names the account that a call of S3 Control is for; SDKs put it in front of the endpoint's name, too.
const accountHeader = "x-amz-account-id"

// classifyControl knows the calls of S3 Control that are served. Whatever else it has, for other resources than buckets too, is
// MethodNotAllowed, which tools take for a service that lacks the call and ask by S3's own.
func classifyControl(r *Request) (Operation, *Refusal) {
	here := place{onControl, r.Control.Kind}
	op, known := routed(r.Method, here)
	if !known {
		return 0, methodNotAllowed(r.Method, here)
	}
	if account, _ := r.Value(accountHeader); !isAccount(account) {
		return 0, invalidRequest("1.6", "Missing or malformed required header for this request: "+accountHeader)
	}
	if name, _ := r.Control.named(); r.Bucket == "" && name != "" {
		return 0, noSuchBucket("1.1", name)
	}
	if r.Bucket == "" {
		if fields := strings.SplitN(r.Control.Resource, ":", 6); len(fields) < 6 || fields[0] != "arn" || fields[5] == "" {
			return 0, invalidArgument("1.1", "resourceArn", r.Control.Resource, "The ARN is not valid.")
		}
		return 0, methodNotAllowed(r.Method, place{onControl, "resource"})
	}
	if _, refusal := ParseBucketName(r.Bucket); refusal != nil {
		return 0, noSuchBucket("1.1", r.Bucket)
	}
	return op, nil
}

// checkAccount decides whether a call of S3 Control is for an account that it may be for: the bucket's, or the caller's.
func (c *Case) checkAccount() *Refusal {
	if operations[c.Operation].at != onControl {
		return nil
	}
	account, given := c.Request.Value(accountHeader)
	if !given || account == c.Bucket.Account || c.Caller != nil && account == c.Caller.Account {
		return nil // a question to Explain may leave it out
	}
	return accessDenied("1.6")
}

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

// With returns tags with more, which replace those of the same key in their place.
func (tags Tags) With(more Tags) (Tags, *Refusal) {
	both := slices.Clone(tags)
	for _, t := range more {
		if i := slices.IndexFunc(both, func(u Tag) bool { return u.Key == t.Key }); i >= 0 {
			both[i].Value = t.Value
		} else {
			both = append(both, t)
		}
	}
	if len(both) > maxTags {
		return nil, tooManyTags()
	}
	return both, nil
}

func (tags Tags) has(key string) bool {
	return slices.ContainsFunc(tags, func(t Tag) bool { return t.Key == key })
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
	text := "This request contains a tag key or value that isn't valid. Valid characters include the following: [a-zA-Z+-=._:/]. " +
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
