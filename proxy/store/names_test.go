package store_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"sealfront/proxy/store"
)

func TestNamesAreHeldToTheRule(t *testing.T) {
	all, none := store.AllNames(), store.Names{}
	versitygw := all
	versitygw.EmptySegments, versitygw.DotSegments, versitygw.Segment, versitygw.Characters, versitygw.Words = false,
		false, 227, 0, all.Words&^1
	versitygw = versitygw.WithCharacters("\t\n\r\x7f")
	minio := all
	minio.EmptySegments, minio.DotSegments, minio.SpacedDots, minio.Backslashes, minio.Segment = false, false, false,
		false, 255
	const refused, absent = "refused", "absent"
	for name, want := range map[string]struct{ versitygw, minio, careful string }{
		"a/b.txt":                       {"", "", ""},
		"a/":                            {"", "", ""},
		"a b":                           {"", "", ""},
		"...":                           {"", "", ""},
		"a/..b":                         {"", "", ""},
		"grüße/日本語/🙂":                   {"", "", ""},
		"a//b":                          {absent, absent, absent},
		"/a":                            {absent, absent, absent},
		"a//":                           {absent, absent, absent},
		"a/./b":                         {absent, absent, absent},
		"a/..":                          {absent, absent, absent},
		"x/.. ":                         {"", absent, absent},
		"x/ .":                          {"", absent, absent},
		"\t../x":                        {"", absent, absent},
		`a\..\b`:                        {"", absent, absent},
		`a\b`:                           {"", "", ""},
		"tab\tin it":                    {"", "", refused},
		"\x01":                          {refused, "", refused},
		"p/\uFFFEx":                     {refused, "", refused},
		"p/\uFFFD":                      {refused, "", refused},
		".sgwtmp/multipart":             {absent, "", absent},
		"a/.sgwtmp":                     {absent, "", absent},
		".sgwtmpx":                      {"", "", ""},
		"a/x__XLDIR__/b":                {"", "", absent},
		strings.Repeat("n", 228):        {refused, "", refused},
		"a/" + strings.Repeat("n", 256): {absent, absent, absent},
	} {
		for rule, c := range map[string]struct {
			names store.Names
			want  string
		}{
			"all": {all, ""}, "versitygw": {versitygw, want.versitygw}, "minio": {minio, want.minio},
			"none": {none, want.careful},
		} {
			fault, got := c.names.Check(name), ""
			switch {
			case fault != nil && fault.Absent:
				got = absent
			case fault != nil:
				got = refused
			}
			if got != c.want {
				t.Errorf("%s: %.40q is %q, want %q (%v)", rule, name, got, c.want, fault)
			}
		}
	}
}

// A marker that the store is sent is one that it takes, and isn't behind the client's.
func FuzzMarker(f *testing.F) {
	for _, s := range []string{
		"..", "a/../b", "a//b", "/", "a/. /b", "x/.. ", `a\..\b`, "a/\u0085.", "a/..", "a/..b",
		"", "\x01", "a/.\t",
	} {
		f.Add(s)
	}
	minio := store.AllNames()
	minio.EmptySegments, minio.DotSegments, minio.SpacedDots, minio.Backslashes = false, false, false, false
	f.Fuzz(func(t *testing.T, after string) {
		if !utf8.ValidString(after) {
			return
		}
		marker := minio.Marker(after)
		if !utf8.ValidString(marker) || marker > after {
			t.Fatalf("the marker of %q is %q", after, marker)
		}
		if fault := minio.Check(marker); marker != after && fault != nil && fault.Absent {
			t.Fatalf("the marker of %q, %q, is none that the store takes: %v", after, marker, fault)
		}
	})
}
