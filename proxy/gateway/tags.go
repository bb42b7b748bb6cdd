package gateway

import (
	"net/url"

	"sealfront/policy"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

const (
	tagsHeader     = "x-amz-tagging"
	tagCountHeader = "x-amz-tagging-count"
	tagDirective   = "x-amz-tagging-directive"
)

// setTags puts the request's tags onto a request that makes an object in the store.
func (x *exchange) setTags(r *store.Request) {
	if v := x.headerValue(tagsHeader); v != "" && x.facts.Kind == policy.General {
		r.Set(tagsHeader, v)
	}
}

// copiedTags say which tags a copy has. The zero value: those of its source.
type copiedTags struct {
	replace bool
	set     string // query-encoded, with replace
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

// direct puts them onto a copy that the store makes.
func (t *copiedTags) direct(r *store.Request) {
	if !t.replace {
		r.Set(tagDirective, "COPY")
		return
	}
	r.Set(tagDirective, "REPLACE")
	if t.set != "" {
		r.Set(tagsHeader, t.set)
	}
}

// send puts them onto a request that makes an object of bytes. The store is asked for the source's if it has some.
func (t *copiedTags) send(r *store.Request, from *origin) error {
	set := t.set
	if !t.replace && from.tagged {
		var err error
		if set, err = from.tags(); err != nil {
			return err
		}
	}
	if set != "" {
		r.Set(tagsHeader, set)
	}
	return nil
}

// tags reads the object's tags, query-encoded.
func (o *origin) tags() (string, error) {
	x := o.x
	r := x.about("GetObjectTagging", "GET")
	r.Query = store.AppendQuery(r.Query, "tagging", "")
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return "", err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if f.Status == 404 {
			return "", errReplaced
		}
		return "", storeError(f, x.bucket, x.key)
	}
	body, err := a.Bytes(maxDocument)
	if err != nil {
		return "", s3.Unavailable(err)
	}
	var tagging struct {
		TagSet struct {
			Tag policy.Tags
		}
	}
	if err := xmldoc.Unmarshal(body, &tagging); err != nil {
		return "", s3.Internal(err)
	}
	return encodeTags(tagging.TagSet.Tag), nil
}

// encodeTags writes tags as x-amz-tagging has them, in their order. url.Values would sort them.
func encodeTags(tags policy.Tags) string {
	var set []byte
	for i, tag := range tags {
		if i > 0 {
			set = append(set, '&')
		}
		set = append(set, url.QueryEscape(tag.Key)...)
		set = append(set, '=')
		set = append(set, url.QueryEscape(tag.Value)...)
	}
	return string(set)
}
