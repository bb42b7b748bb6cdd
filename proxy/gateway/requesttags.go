package gateway

import (
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// setTags puts the request's tags onto a request that makes an object in the store.
func (x *exchange) setTags(r *store.Request) {
	if v := x.headerValue(tagsHeader); v != "" && x.facts.Kind == policy.General {
		r.Set(tagsHeader, v)
	}
}

// copiedTags reads the request's tagging directive.
func (x *exchange) copiedTags() copiedTags {
	if x.headerValue(tagDirective) != "REPLACE" {
		return copiedTags{}
	}
	return copiedTags{replace: true, set: x.headerValue(tagsHeader)}
}

// permitTags sees whether the caller may take a source's tags along.
func (x *exchange) permitTags(from *origin) error {
	tags := x.copiedTags()
	switch {
	case tags.replace || !from.tagged:
		return nil
	case x.facts.Kind == policy.Directory && from.x.facts.Kind == policy.General:
		return s3.Refuse("NotImplemented", "A header you provided implies functionality that is not implemented", "Header", tagDirective) // section 1.6
	}
	source := from.x
	if refused := policy.Authorize(policy.GetObjectTagging, &x.request, x.caller(), source.target(""), policy.ReadWrite); refused != nil {
		return refused
	}
	if refused := policy.Authorize(policy.PutObjectTagging, &x.request, x.caller(), x.target(""), policy.ReadWrite); refused != nil {
		return refused
	}
	return nil
}
