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

// copiedTags say which tags a copy has. The zero value: those of its source.
type copiedTags struct {
	replace bool
	set     string // query-encoded, with replace
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
	a, err := x.in.o.Store.Do(x.context, r)
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
