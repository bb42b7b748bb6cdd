package objects_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// A deletion happens when its conditions hold, on any store; those that a store can't hold are refused, never ignored.
func TestDeletionsHappenWhenTheirConditionsHold(t *testing.T) {
	all := func(*store.Abilities) {}
	none := func(a *store.Abilities) { a.ConditionalDelete, a.DeleteIfAny = false, false }
	noAny := func(a *store.Abilities) { a.DeleteIfAny = false }
	for _, c := range []struct {
		name                  string
		able                  func(a *store.Abilities)
		key                   string // "key" has an object, "none" hasn't
		match, size, modified string // ETAG and DATE stand for the object's
		code                  string
	}{
		{"an object", all, "key", "", "", "", ""},
		{"nothing", all, "none", "", "", "", ""},
		{"any object", all, "key", "*", "", "", ""},
		{"any object, where there is none", all, "none", "*", "", "", "NoSuchKey"},
		{"any object, on a store that doesn't know it", noAny, "key", "*", "", "", ""},
		{"any object, on a store that knows no conditions", none, "key", " * ", "", "", ""},
		{"any object, where there is none, on a store that doesn't know it", none, "none", "*", "", "", "NoSuchKey"},
		{"the ETag is this", all, "key", "ETAG", "", "", ""},
		{"the ETag is another", all, "key", `"sf-x"`, "", "", "PreconditionFailed"},
		{"the ETag of nothing", all, "none", `"sf-x"`, "", "", "NoSuchKey"},
		{"the ETag, on a store that knows no conditions", none, "key", "ETAG", "", "", "NotImplemented"},
		{"the size is this", all, "key", "", "1000", "", ""},
		{"the size is another", all, "key", "", "1001", "", "PreconditionFailed"},
		{"the size of nothing", all, "none", "", "1000", "", ""},
		{"the size of any object, where there is none", all, "none", "*", "1000", "", "NoSuchKey"},
		{"the size, on a store that knows no conditions", none, "key", "", "1000", "", "NotImplemented"},
		{"the date is this", all, "key", "", "", "DATE", ""},
		{"the date is another", all, "key", "", "", "Mon, 02 Jan 2006 15:04:05 GMT", "PreconditionFailed"},
		{"the date is none", all, "key", "", "", "yesterday", "PreconditionFailed"},
		{"all are these", all, "key", "ETAG", "1000", "DATE", ""},
		{"a name that can't be", func(a *store.Abilities) { a.Names.DotSegments = false }, "a/../b", "", "", "", ""},
		{
			"any object of a name that can't be", func(a *store.Abilities) { a.Names.DotSegments = false }, "a/../b",
			"*",
			"", "", "NoSuchKey",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := install(t, lessAble(c.able))
			i.put(t, "key", small)
			_, header := i.front.stored(t, things+"-s", "key")
			if c.match == "ETAG" {
				c.match = s3.ClientETag([]byte(header.Get("Etag")))
			}
			if c.modified == "DATE" {
				c.modified = header.Get("Last-Modified")
			}
			_, err := i.in(t, things, policy.DeleteObject, c.key).Remove(t.Context(), c.match, c.size, c.modified,
				false)
			want := small
			switch {
			case c.code != "":
				wantCode(t, "delete", err, c.code)
			case err != nil:
				t.Error(err)
			case c.key == "key":
				want = nil
			}
			i.wantRead(t, "the object", i.object(t, "key"), want)
		})
	}
}

// What the store says to a deletion is told in S3's words.
func TestWhatAStoreSaysToADeletion(t *testing.T) {
	for _, c := range []struct {
		name, match, size string
		able              func(a *store.Abilities)
		version           string
		meet              func(r *store.Request) turn
		code              string
	}{
		{"it is lost", "", "", nil, "", on("DeleteObject", drop), "ServiceUnavailable"},
		{
			"any object is lost", "*", "", func(a *store.Abilities) { a.DeleteIfAny = false }, "",
			on("HeadObject", drop),
			"ServiceUnavailable",
		},
		{
			"any object's deletion is lost", "*", "", func(a *store.Abilities) { a.DeleteIfAny = false }, "",
			on("DeleteObject", drop), "ServiceUnavailable",
		},
		{
			"any object is always another", "*", "", func(a *store.Abilities) { a.DeleteIfAny = false }, "",
			on("DeleteObject", refuse(412, "")), "ConditionalRequestConflict",
		},
		{
			"any object, and the store says that a condition failed", "*", "", nil, "",
			on("DeleteObject", refuse(412, "")), "NoSuchKey",
		},
		{
			"nothing, under a condition on its size", "", "1000", nil, "", on("DeleteObject", refuse(404, "NoSuchKey")),
			"",
		},
		{
			"another object, under a condition on its size", "", "1000", nil, "", on("DeleteObject", refuse(412, "")),
			"PreconditionFailed",
		},
		{"the object can't be looked at", "", "1000", nil, "", on("HeadObject", refuse(503, "")), "ServiceUnavailable"},
		{
			"a size that no object has", "", "1000", nil, "", on("HeadObject", edit(func(a *answer) { a.length = 1 })),
			"InternalError",
		},
		{"no bucket", "", "", nil, "", on("DeleteObject", refuse(404, "NoSuchBucket")), "NoSuchBucket"},
		{"a locked version", "", "", nil, "v1", on("DeleteObject", refuse(403, "AccessDenied")), "AccessDenied"},
		{
			"a locked version, in other words", "", "", nil, "v1", on("DeleteObject", refuse(400, "InvalidRequest")),
			"AccessDenied",
		},
		{
			"a locked version, in its own words", "", "", nil, "v1", on("DeleteObject", refuse(400, "ObjectLocked")),
			"AccessDenied",
		},
		{"no version", "", "", nil, "v1", on("DeleteObject", refuse(400, "InvalidArgument")), "InvalidArgument"},
		{"access denied", "", "", nil, "", on("DeleteObject", refuse(403, "AccessDenied")), "InternalError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			change := c.able
			if change == nil {
				change = func(*store.Abilities) {}
			}
			i := install(t, lessAble(change))
			i.put(t, "key", small)
			x := i.in(t, things, policy.DeleteObject, "key")
			x.Version = c.version
			i.front.set(c.meet)
			_, err := x.Remove(t.Context(), c.match, c.size, "", false)
			i.front.set(nil)
			if c.code == "" {
				if err != nil {
					t.Error(err)
				}
			} else {
				wantCode(t, "delete", err, c.code)
			}
			i.wantRead(t, "the object", i.object(t, "key"), small)
		})
	}
}

// What the store reports of versions is passed on, and the wish to delete in spite of a retention reaches it.
func TestDeletionsTellOfVersions(t *testing.T) {
	i := install(t, nil)
	i.put(t, "key", small)
	i.front.set(on("DeleteObject", func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		if !slices.ContainsFunc(r.Header,
			func(h sigv4.Field) bool { return string(h.Name) == objects.BypassHeader && string(h.Value) == "true" }) {
			t.Errorf("the store was asked with %v", r.Header)
		}
		return f.give(ctx, r, &answer{
			status: http.StatusNoContent,
			header: http.Header{"X-Amz-Version-Id": {"v2"}, "X-Amz-Delete-Marker": {"true"}},
		})
	}))
	told, err := i.in(t, things, policy.DeleteObject, "key").Remove(t.Context(), "", "", "", true)
	if want := []s3.Element{
		{Name: "x-amz-version-id", Value: "v2"},
		{Name: "x-amz-delete-marker", Value: "true"},
	}; err != nil || !slices.Equal(told, want) {
		t.Errorf("%v, %v", told, err)
	}
}

// A delete marker that is named is something to delete.
func TestAnyVersionMayBeADeleteMarker(t *testing.T) {
	i := install(t, lessAble(func(a *store.Abilities) { a.DeleteIfAny = false }))
	x := i.in(t, things, policy.DeleteObject, "key")
	x.Version = "v1"
	i.front.set(first(on("HeadObject", refuse(405, "")),
		on("DeleteObject", func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
			return f.give(ctx, r, &answer{status: http.StatusNoContent})
		})))
	if _, err := x.Remove(t.Context(), "*", "", "", false); err != nil {
		t.Error(err)
	}
	if sent := i.front.sent(); !slices.Equal(sent, []string{"HeadObject", "DeleteObject"}) {
		t.Errorf("sent %v", sent)
	}
}
