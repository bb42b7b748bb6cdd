package objects

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"sealfront/policy/xmldoc"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// Where the newest version of a key is a delete marker there is no object, so If-None-Match: * holds. Some stores take
// the marker for one and answer 412 for as long as it lies there (versitygw), so that a lock file works once. To them a
// marker has the ETag of the version below it, and a markerStore writes over it under that condition: sealed bytes are
// never the same twice, so no object that came between has the ETag, and of two writers that find one marker one
// succeeds. An empty object has no bytes, and its ETag comes again: over a marker of such a one 501 is the answer.
//
//	PUT, Complete, copy, If-None-Match: * ─▶ 412 ─▶ HEAD ─▶ 404 ─▶ versions ─▶ the same under If-Match
//
// A body that streams can't be sent twice: it is answered 409, which SDKs repeat, and from then on the key is checked
// first.
type markerStore struct {
	Store
	conditional bool        // If-Match holds
	seen        atomic.Bool // the store takes delete markers for objects
}

// Do sends the request.
func (m *markerStore) Do(ctx context.Context, r *store.Request) (*store.Answer, error) {
	field := newObjectCondition(r)
	if field < 0 {
		return m.Store.Do(ctx, r)
	}
	over := false
	if r.Body != nil && m.seen.Load() {
		var err error
		if over, err = m.overMarker(ctx, r, field); err != nil {
			return nil, err
		}
	}
	a, err := m.Store.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	if over {
		return m.answerOverMarker(a, r)
	}
	if a.Status != http.StatusPreconditionFailed {
		return a, nil
	}
	if over, err = m.overMarker(ctx, r, field); err != nil {
		a.Close()
		return nil, err
	}
	if !over {
		return a, nil
	}
	a.Close()
	m.seen.Store(true)
	if r.Body != nil {
		return nil, conflict(r.Key)
	}
	if a, err = m.Store.Do(ctx, r); err != nil {
		return nil, err
	}
	return m.answerOverMarker(a, r)
}

// answerOverMarker is the answer to a write over a marker. Where there is neither an object nor a marker, the client
// starts again.
func (m *markerStore) answerOverMarker(a *store.Answer, r *store.Request) (*store.Answer, error) {
	if a.Status != http.StatusNotFound {
		return a, nil
	}
	if code := a.Fault(r.Operation).Code; code == "NoSuchBucket" || code == "NoSuchUpload" {
		return a, nil
	}
	a.Close()
	return nil, conflict(r.Key)
}

func conflict(key string) *s3.Error {
	return s3.ConditionalRequestConflict(key)
}

// newObjectCondition is the index of the header by which a request makes an object only where there is none; -1 if it
// has none.
func newObjectCondition(r *store.Request) int {
	switch r.Operation {
	case "PutObject", "CopyObject", "CompleteMultipartUpload":
	default:
		return -1
	}
	for i := range r.Header {
		if strings.EqualFold(string(r.Header[i].Name), "If-None-Match") && string(r.Header[i].Value) == "*" {
			return i
		}
	}
	return -1
}

// there reports whether the key has an object.
func (m *markerStore) there(ctx context.Context, r *store.Request) (bool, error) {
	h := &store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: r.Bucket, Key: r.Key}
	a, err := m.Store.Do(ctx, h)
	if err != nil {
		return false, err
	}
	defer a.Close()
	return a.Status != http.StatusNotFound, nil
}

// overMarker changes the request's condition to one that a delete marker meets which is the key's newest version, and
// reports whether there is one. Otherwise the request stays.
func (m *markerStore) overMarker(ctx context.Context, r *store.Request, field int) (over bool, err error) {
	if there, err := m.there(ctx, r); there || err != nil {
		return false, err
	}
	q := &store.Request{Operation: "ListObjectVersions", Method: "GET", Bucket: r.Bucket}
	q.Query = store.AppendQuery(store.AppendQuery("encoding-type=url", "prefix", r.Key), "versions", "")
	a, err := m.Store.Do(ctx, q)
	if err != nil {
		return false, err
	}
	defer a.Close()
	if a.Fault(q.Operation) != nil {
		return false, nil // a store without versions
	}
	body, err := a.Bytes(MaxListing)
	if err != nil {
		return false, s3.Unavailable(err)
	}
	var versions storeVersions
	if err := xmldoc.Unmarshal(body, &versions); err != nil {
		return false, s3.Internal(err)
	}
	page, err := versions.listing()
	if err != nil {
		return false, err
	}
	marker := false
	for i := range page.Entries {
		e := &page.Entries[i]
		switch {
		case e.Name != r.Key || e.Version == nil:
			continue
		case e.Version.Marker:
			marker = marker || e.Version.IsLatest
			continue
		case !marker:
			return false, nil
		case m.conditional && e.Version.Size > 0 && e.Version.ETag != "":
			r.Header[field].Name, r.Header[field].Value = []byte("If-Match"), []byte(`"`+s3.Unquote(e.Version.ETag)+`"`)
			return true, nil
		}
		break
	}
	if marker {
		return false, s3.Refuse("NotImplemented",
			"The store behind this service can't write over this delete marker under a condition.", "Header", "If-None-Match")
	}
	return false, nil
}

// A taggingStore refuses what makes an object with more tags and metadata than the probe has seen the store hold. Some
// stores find that out once they have replaced the object, and answer 500.
type taggingStore struct {
	Store
	room int // store.Abilities.TagRoom
}

// Do sends the request.
func (s *taggingStore) Do(ctx context.Context, r *store.Request) (*store.Answer, error) {
	if s.room == math.MaxInt {
		return s.Store.Do(ctx, r)
	}
	size, tagged := 0, false
	for i := range r.Header {
		name, value := r.Header[i].Name, r.Header[i].Value
		switch {
		case string(name) == TagsHeader && len(value) > 0:
			tagged = true
			// Decoded, they are what the store keeps.
			plain, err := url.QueryUnescape(string(value))
			if err != nil {
				return nil, s3.Internal(err)
			}
			size += len(plain)
		case bytes.HasPrefix(name, []byte(UserMetadata)):
			size += len(name) - len(UserMetadata) + len(value)
		}
	}
	if tagged && size > s.room {
		return nil, NoRoomForTags(nil)
	}
	return s.Store.Do(ctx, r)
}

// NoRoomForTags is 400, as what is wrong with tags is.
func NoRoomForTags(err error) *s3.Error {
	return s3.Refuse("InvalidTag",
		"The store behind this service has no room for tags of this size in addition to the object's metadata.").Because(err)
}

// fewTags is what every store holds, in bytes of a Tagging document.
const fewTags = 1024

// OutOfTagRoom reports whether the store's 500 for PutObjectTagging is about the size of the tags: what the object has
// as metadata isn't known here. The tags there were stay.
func (g *Objects) OutOfTagRoom(f *store.Fault, document int) bool {
	return g.o.Abilities.TagRoom != math.MaxInt && document > fewTags &&
		(f.Status == http.StatusInternalServerError || f.Status == http.StatusInsufficientStorage)
}
