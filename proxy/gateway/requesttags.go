package gateway

import (
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// setTags puts the request's tags onto a request that makes an object in the store.
func (x *exchange) setTags(r *store.Request) {
	if v := x.grant.Value(objects.TagsHeader); v != "" && x.Facts.Kind == policy.General {
		r.Set(objects.TagsHeader, v)
	}
}

// copiedTags reads the request's tagging directive.
func (x *exchange) copiedTags() objects.Tags {
	if x.grant.Value(objects.TagDirective) != "REPLACE" {
		return objects.Tags{}
	}
	return objects.Tags{Replace: true, Set: x.grant.Value(objects.TagsHeader)}
}

// permitTags sees whether the caller may take a source's tags along.
func (x *exchange) permitTags(from *objects.Source) error {
	tags := x.copiedTags()
	switch {
	case tags.Replace || !from.Tagged:
		return nil
	case x.Facts.Kind == policy.Directory && from.Object.Facts.Kind == policy.General:
		return s3.Refuse("NotImplemented", "A header you provided implies functionality that is not implemented", "Header", objects.TagDirective) // section 1.6
	}
	source, err := x.place(from.Object)
	if err != nil {
		return err
	}
	if err := x.grant.Permit(policy.GetObjectTagging, &source, ""); err != nil {
		return err
	}
	return x.grant.Permit(policy.PutObjectTagging, &x.grant.Place, "")
}
