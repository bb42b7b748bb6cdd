package objects

import (
	"context"
	"net/url"

	"sealfront/policy"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// Tags say which tags a copy has. The zero value: those of its source.
type Tags struct {
	Replace bool
	Set     string // query-encoded, with replace
}

// direct puts them onto a copy that the store makes.
func (t *Tags) direct(r *store.Request) {
	if !t.Replace {
		r.Set(TagDirective, "COPY")
		return
	}
	r.Set(TagDirective, "REPLACE")
	if t.Set != "" {
		r.Set(TagsHeader, t.Set)
	}
}

// send puts them onto a request that makes an object of bytes. The store is asked for the source's if it has some.
func (t *Tags) send(ctx context.Context, r *store.Request, from *Source) error {
	set := t.Set
	if !t.Replace && from.Tagged {
		var err error
		if set, err = from.tags(ctx); err != nil {
			return err
		}
	}
	if set != "" {
		r.Set(TagsHeader, set)
	}
	return nil
}

// tags reads the object's tags, query-encoded.
func (o *Source) tags(ctx context.Context) (string, error) {
	x := o.Object
	r := x.NewRequest("GetObjectTagging", "GET")
	r.Query = store.AppendQuery(r.Query, "tagging", "")
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return "", err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if f.Status == 404 {
			return "", ErrReplaced
		}
		return "", StoreError(f, x.Bucket, x.Key)
	}
	body, err := a.Bytes(MaxDocument)
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
	return EncodeTags(tagging.TagSet.Tag), nil
}

// EncodeTags writes tags as x-amz-tagging has them, in their order. url.Values would sort them.
func EncodeTags(tags policy.Tags) string {
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
