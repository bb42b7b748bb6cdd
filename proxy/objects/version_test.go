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
)

// versioned makes the store report versions.
func versioned(id string) func(r *store.Request) turn {
	return func(r *store.Request) turn {
		r.Query = ""
		return edit(setHeader("X-Amz-Version-Id", id))
	}
}

// Refusals of requests about versions are S3's.
func TestRefusalsOfVersions(t *testing.T) {
	i := install(t, nil)
	var marker turn = func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		return f.give(ctx, r, &answer{status: 405, header: http.Header{
			"X-Amz-Delete-Marker": {"true"}, "X-Amz-Version-Id": {"v1"},
			"Last-Modified": {"Mon, 02 Jan 2006 15:04:05 GMT"},
		}})
	}
	for _, c := range []struct {
		name, version string
		turn          turn
		code          string
		headers       int
	}{
		{"a delete marker", "v1", marker, "MethodNotAllowed", 3},
		{"a version that isn't there", "v1", refuse(404, "NoSuchVersion"), "NoSuchVersion", 0},
		{"a key that isn't there", "v1", refuse(404, "NoSuchVersion").edit(func(*answer) {}), "NoSuchVersion", 0},
		{"no version id", "v1", refuse(400, "InvalidArgument"), "InvalidArgument", 0},
		{"a failure", "v1", refuse(500, "InternalError"), "InternalError", 0},
		{"a key whose newest version is a marker", "", marker.edit(func(a *answer) { a.status = 404 }), "NoSuchKey", 2},
		{"a key that is gone", "", refuse(404, "NoSuchKey"), "NoSuchKey", 0},
		{"a condition", "", refuse(412, ""), "PreconditionFailed", 0},
	} {
		x := i.object(t, "key")
		x.Version = c.version
		i.front.set(on("HeadObject", c.turn))
		_, _, err := x.HeadIf(t.Context(), objects.Unconditional)
		i.front.set(nil)
		wantCode(t, c.name, err, c.code)
		if e := objects.Translate(err); len(e.Header) != c.headers {
			t.Errorf("%s: headers %v, want %d", c.name, e.Header, c.headers)
		}
	}
	x := i.object(t, "key")
	x.Version = "v1"
	i.front.set(on("GetObject", marker))
	_, err := x.HeadWithTail(t.Context())
	wantCode(t, "a marker as a source", err, "InvalidRequest")
}

// Versions are told as the store names them; objects of directory buckets have none.
func TestVersionsAreToldAsTheStoreNamesThem(t *testing.T) {
	i := install(t, nil)
	i.put(t, "source", large)
	i.front.set(versioned("v7"))
	x := i.object(t, "source")
	from, err := x.HeadWithTail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if from.VersionID() != "v7" ||
		!slices.Equal(from.Version, []s3.Element{{Name: "x-amz-copy-source-version-id", Value: "v7"}}) {
		t.Errorf("the source's version: %v", from.Version)
	}
	for name, c := range map[string]func() (*objects.WriteResult, error){
		"a copy": func() (*objects.WriteResult, error) {
			_, done, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "copy"), x, sseKMS, nil)
			return done, err
		},
		"a copy sealed anew": func() (*objects.WriteResult, error) {
			_, done, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "copy"), x, sseS3, nil)
			return done, err
		},
	} {
		done, err := c()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(done.Version, []s3.Element{{Name: "x-amz-version-id", Value: "v7"}}) {
			t.Errorf("%s: version %v", name, done.Version)
		}
	}
	y := i.object(t, "source")
	y.Facts.Kind = policy.Directory
	y.Facts.BoundKey = customKey
	if from, err = y.HeadWithTail(t.Context()); err != nil || from.VersionID() != "" {
		t.Errorf("in a directory bucket: %v, %v", from.Version, err)
	}
	i.front.set(nil)
	_, done, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "copy"), x, sseKMS, nil)
	if err != nil || done.Version != nil {
		t.Errorf("a store without versions: %v, %v", done, err)
	}
	// Some stores leave the id null out of their answers.
	i.front.set(func(r *store.Request) turn { r.Query = ""; return nil })
	y = i.object(t, "source")
	y.Version = "null"
	if from, err = y.HeadWithTail(t.Context()); err != nil || from.VersionID() != "null" {
		t.Errorf("the version null: %v, %v", from, err)
	}
}

// On a store without versions null is the object itself.
func TestNullIsTheObjectOnAStoreWithoutVersions(t *testing.T) {
	i := install(t, nil)
	i.put(t, "key", small)
	i.front.set(func(r *store.Request) turn {
		if r.Query != "" {
			return refuse(400, "InvalidArgument")
		}
		return nil
	})
	for name, look := range map[string]func(x *objects.Object) error{
		"by HEAD":      func(x *objects.Object) error { _, err := x.Head(t.Context()); return err },
		"with its end": func(x *objects.Object) error { _, err := x.HeadWithTail(t.Context()); return err },
	} {
		x := i.object(t, "key")
		x.Version = "null"
		if err := look(x); err != nil || x.Version != "" {
			t.Errorf("%s: %v, version %q", name, err, x.Version)
		}
		x.Version = "v1"
		wantCode(t, name, look(x), "InvalidArgument")
	}
}

// What the store keeps with an object that copies don't take over is told.
func TestAttributesOfASource(t *testing.T) {
	i := install(t, nil)
	i.put(t, "key", small, "x-amz-meta-sealfront-redirect", "/there")
	i.front.set(on("HeadObject", edit(func(a *answer) {
		a.header.Set("X-Amz-Storage-Class", "STANDARD_IA")
		a.header.Set("X-Amz-Object-Lock-Mode", "GOVERNANCE")
		a.header.Set("Last-Modified", "never")
	})))
	from, err := i.object(t, "key").Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range from.Attributes {
		names = append(names, string(f.Name))
	}
	redirect := slices.Index(names, "x-amz-meta-sealfront-redirect")
	kept := from.Attributes[redirect : redirect+1]
	slices.Sort(names)
	if want := []string{"x-amz-meta-sealfront-redirect", objects.LockMode, objects.ClassHeader}; !slices.Equal(names,
		want) {
		t.Errorf("attributes %v, want %v", names, want)
	}
	if !from.Modified.IsZero() {
		t.Errorf("modified %s", from.Modified)
	}
	i.front.set(nil)
	other := policy.Encryption{SSE: policy.SSEKMS, KeyARN: otherKey}
	if _, err := from.Reencrypt(t.Context(), i.object(t, "key"), other, kept, anyone, from.Modified); err != nil {
		t.Error(err)
	}
	if _, header := i.front.stored(t, things+"-s", "key"); header.Get("X-Amz-Meta-Sealfront-Redirect") != "/there" {
		t.Errorf("the redirect is lost: %v", header)
	}
}
