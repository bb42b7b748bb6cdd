package objects_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/store"
)

// A markedStore takes a delete marker for an object: If-None-Match: * fails while one is a key's newest version, and
// the version below it is what If-Match is compared with.
type markedStore struct {
	versions string // the entries of the list of versions
	etag     string // of the version below the marker
}

func (m *markedStore) meet(r *store.Request) turn {
	condition := func(name string) string {
		for _, h := range r.Header {
			if string(h.Name) == name {
				return string(h.Value)
			}
		}
		return ""
	}
	switch r.Operation {
	case "PutObject", "CopyObject", "CompleteMultipartUpload":
		if !strings.HasSuffix(r.Bucket, "-s") {
			return nil
		}
		if condition("If-None-Match") == "*" {
			return refuse(412, "PreconditionFailed")
		}
		if match := condition("If-Match"); match != "" && m.etag != "" {
			if match != `"`+m.etag+`"` {
				return refuse(412, "PreconditionFailed")
			}
			m.etag = ""
			return without("If-Match")
		}
	case "ListObjectVersions":
		return write("<ListVersionsResult><EncodingType>url</EncodingType>" + m.versions + "</ListVersionsResult>")
	}
	return nil
}

func marker(key string, latest bool) string {
	return fmt.Sprintf("<DeleteMarker><Key>%s</Key><VersionId>m</VersionId><IsLatest>%v</IsLatest></DeleteMarker>", key,
		latest)
}

func version(key, etag string, size int) string {
	return fmt.Sprintf("<Version><Key>%s</Key><VersionId>v</VersionId><IsLatest>false</IsLatest>"+
		"<ETag>%s</ETag><Size>%d</Size></Version>", key, etag, size)
}

// Over a delete marker an object is made that shall be none's successor, by the condition that the store compares with
// the version below.
func TestNewObjectsAreWrittenOverDeleteMarkers(t *testing.T) {
	for _, c := range []struct {
		name     string
		data     []byte
		versions string
		change   func(a *store.Abilities)
		meet     func(r *store.Request) turn // first
		codes    []string                    // of one attempt after the other; "" for success
	}{
		{"a small object", small, marker("key", true) + version("key", "e1", 9), nil, nil, []string{""}},
		{
			"a large object, which streams", large, marker("key", true) + version("key", "e1", 9), nil, nil,
			[]string{"ConditionalRequestConflict", ""},
		},
		{"among others", small, version("a", "e9", 9) + marker("key", true) + marker("key", false) + version("key",
			"e1", 9), nil, nil, []string{""}},
		{"an object is there", small, version("key", "e1", 9), nil, nil, []string{"PreconditionFailed"}},
		{"nothing is there", small, "", nil, nil, []string{"PreconditionFailed"}},
		{"no version is below", small, marker("key", true), nil, nil, []string{"NotImplemented"}},
		{
			"an empty version is below", small, marker("key", true) + version("key", "e1", 0), nil, nil,
			[]string{"NotImplemented"},
		},
		{
			"the store knows no If-Match", small, marker("key", true) + version("key", "e1", 9),
			func(a *store.Abilities) { a.ConditionalPut = false }, nil,
			[]string{"NotImplemented"},
		},
		{
			"the version below is another by now", small, marker("key", true) + version("key", "e2", 9), nil, nil,
			[]string{"PreconditionFailed"},
		},
		{"the store is lost", small, "", nil, on("PutObject", drop), []string{"ServiceUnavailable"}},
		{"the look is lost", small, "", nil, on("HeadObject", drop), []string{"ServiceUnavailable"}},
		{
			"the look says that there is something", small, "", nil, on("HeadObject", refuse(500, "")),
			[]string{"PreconditionFailed"},
		},
		{"the list is lost", small, "", nil, on("ListObjectVersions", drop), []string{"ServiceUnavailable"}},
		{
			"the store lists no versions", small, "", nil, on("ListObjectVersions", refuse(501, "NotImplemented")),
			[]string{"PreconditionFailed"},
		},
		{
			"the list is cut off", small, "", nil,
			on("ListObjectVersions", write("<ListVersionsResult/>").edit(cut(9))),
			[]string{"ServiceUnavailable"},
		},
		{"the list is none", small, "", nil, on("ListObjectVersions", write("what?")), []string{"InternalError"}},
		{"the list has a name that can't be", small, marker("%zz", true), nil, nil, []string{"InternalError"}},
		{
			"the second request is lost", small, marker("key", true) + version("key", "e1", 9), nil,
			once("PutObject", 1, drop),
			[]string{"ServiceUnavailable"},
		},
		{
			"nothing is there any more", small, marker("key", true) + version("key", "e1", 9), nil,
			once("PutObject", 1, refuse(404, "NoSuchKey")),
			[]string{"ConditionalRequestConflict", ""},
		},
		{
			"the bucket is gone", small, marker("key", true) + version("key", "e1", 9), nil,
			once("PutObject", 1, refuse(404, "NoSuchBucket")),
			[]string{"NoSuchBucket"},
		},
		{
			"a stream, once the store is known, and the list is lost", large,
			marker("key", true) + version("key", "e1", 9), nil,
			once("ListObjectVersions", 1, drop),
			[]string{"ConditionalRequestConflict", "ServiceUnavailable"},
		},
		{
			"a stream, once the store is known, and it is lost", large, marker("key", true) + version("key", "e1", 9),
			nil,
			once("PutObject", 1, drop),
			[]string{"ConditionalRequestConflict", "ServiceUnavailable"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			change := c.change
			if change == nil {
				change = func(*store.Abilities) {}
			}
			i := install(t, lessAble(change))
			m := &markedStore{versions: c.versions, etag: "e1"}
			meet := c.meet
			if meet == nil {
				meet = func(*store.Request) turn { return nil }
			}
			i.front.set(first(meet, m.meet))
			x := i.object(t, "key")
			for n, code := range c.codes {
				_, err := putTo(t.Context(), x, sseKMS, &body{data: c.data}, objects.Conditions{NoneMatch: "*"})
				if code != "" {
					wantCode(t, fmt.Sprint("attempt ", n), err, code)
				} else if err != nil {
					t.Fatal(err)
				}
			}
			i.front.set(nil)
			want := c.data
			if c.codes[len(c.codes)-1] != "" {
				want = nil
			}
			i.wantRead(t, "the object", x, want)
		})
	}
}

// Completes are written over delete markers, too: by attempts of their own where their body streams.
func TestUploadsAreCompletedOverDeleteMarkers(t *testing.T) {
	for _, given := range []objects.Conditions{{}, {NoneMatch: "*"}} {
		for _, parts := range [][][]byte{{small}, {part, small}, {{}}} {
			for _, below := range []int{9, 0} {
				i := install(t, nil)
				x := i.in(t, things, policy.CompleteMultipartUpload, "key")
				u, list, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, parts)
				if err != nil {
					t.Fatal(err)
				}
				m := &markedStore{versions: marker("key", true) + version("key", "e1", below), etag: "e1"}
				i.front.set(m.meet)
				_, err = completeParts(t.Context(), x, u.ID, list, func(c *objects.Completion) { c.Conditions = given })
				i.front.set(nil)
				want := append([]byte{}, slices.Concat(parts...)...)
				if below == 0 && given.NoneMatch != "" {
					wantCode(t, "over a marker of an empty version", err, "NotImplemented")
					want = nil
				} else if err != nil {
					t.Errorf("%v, %d parts, %d bytes below: %v", given, len(parts), below, err)
				}
				i.wantRead(t, "the object", x, want)
			}
		}
	}
}
