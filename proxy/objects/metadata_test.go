package objects_test

import (
	"slices"
	"testing"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// Values that aren't ASCII come back byte for byte; what the store may have put there is shown as it is.
func TestMetadataValuesComeBack(t *testing.T) {
	for _, value := range []string{"", "plain", "ü", "\xff\xfe", "sealfront-bytes:AAAA", "a\tb"} {
		stored := objects.StoredValue(value)
		if !s3.IsASCII(stored) || objects.ShownValue(stored) != value {
			t.Errorf("%q is stored as %q and shown as %q", value, stored, objects.ShownValue(stored))
		}
	}
	for _, stored := range []string{"sealfront-bytes:!", "sealfront-bytes:" + "Cg", "sealfront-bytes:" + "DQ"} {
		if got := objects.ShownValue(stored); got != stored {
			t.Errorf("%q is shown as %q", stored, got)
		}
	}
}

// Metadata of the proxy's own is reserved, whole names only.
func TestReservedMetadata(t *testing.T) {
	i := install(t, nil)
	for name, want := range map[string]bool{
		"x-amz-meta-sealfront": true, "x-amz-meta-sealfront-encoding": true, "x-amz-meta-sealfront-type": true,
		"x-amz-meta-sealfront-redirect": true,
		"x-amz-meta-sealfront-expires":  true, "x-amz-meta-sealfront2": false, "x-amz-meta-sealfront-other": false,
		"x-amz-meta-a": false,
	} {
		if i.Reserved(name) != want {
			t.Errorf("%s: reserved %v", name, !want)
		}
	}
	for name, want := range map[string]bool{
		"cache-control": true, "expires": true, "content-encoding": false,
		"x-amz-meta-a": false,
	} {
		if objects.IsStored(name) != want {
			t.Errorf("%s: stored %v", name, !want)
		}
	}
}

// Names that the store can't hold are refused to who makes an object, and are nothing to who reads one.
func TestNamesTheStoreCantHold(t *testing.T) {
	i := install(t, lessAble(func(a *store.Abilities) {
		a.Names.DotSegments, a.Names.FolderKeys,
			a.Names.Segment = false, false, 100
	}))
	for _, c := range []struct {
		op   policy.Operation
		key  string
		made string // error of who makes an object of it
		read string // of who reads it
	}{
		{policy.PutObject, "a", "", ""},
		{policy.PutObject, "", "", ""},
		{policy.PutObject, "a/../b", "InvalidURI", "NoSuchKey"},
		{policy.RenameObject, "a/../b", "InvalidURI", "NoSuchKey"},
		{policy.PutObject, "a/", "InvalidURI", ""},
		{policy.GetObject, "a/../b", "", "NoSuchKey"},
		{policy.GetObject, "a", "", ""},
		{policy.DeleteObject, "a/../b", "", ""},
		{policy.AbortMultipartUpload, "a/../b", "", ""},
		{policy.ListParts, "a/../b", "", ""},
		{policy.ListObjectsV2, "", "", ""},
	} {
		x := i.in(t, things, c.op, c.key)
		made, read := i.CheckKey(c.op, c.key), x.CheckRequested()
		for name, got := range map[string]struct {
			err  error
			code string
		}{"made": {made, c.made}, "read": {read, c.read}} {
			if got.code == "" && got.err != nil || got.code != "" &&
				(got.err == nil || objects.Translate(got.err).Code != got.code) {
				t.Errorf("%s %q, %s: %v, want %q", c.op, c.key, name, got.err, got.code)
			}
		}
	}
}

// Objects made with no more than they must have are those of the documented defaults.
func TestDefaults(t *testing.T) {
	i := install(t, nil)
	o := i.o
	o.Log, o.MetadataHeader, o.CopyLimit, o.Damaged = nil, "", 0, nil
	plain := objects.New(o)
	if !plain.Reserved("x-amz-meta-sealfront") {
		t.Error("the envelope has another name")
	}
	plain.Damaged("key") // which nobody counts
	x := i.object(t, "key")
	y := x.At(x.Record, x.Facts, "other")
	if !x.SameName(x.At(x.Record, x.Facts, "key")) || x.SameName(y) || y.Operation != x.Operation ||
		y.Principal != x.Principal {
		t.Errorf("%+v", y)
	}
	if got := slices.Compact([]string{x.Bucket, y.Bucket}); len(got) != 1 {
		t.Error("another bucket")
	}
}
