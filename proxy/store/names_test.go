package store_test

import (
	"slices"
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
	minio := folding()
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

// folding is the rule of a store as MinIO is.
func folding() store.Names {
	n := store.AllNames()
	n.EmptySegments, n.DotSegments, n.SpacedDots, n.Backslashes, n.Segment = false, false, false, false, 255
	return n
}

// A marker that the store is sent is one that it takes, and isn't behind the client's.
func FuzzMarker(f *testing.F) {
	for _, s := range []string{
		"..", "a/../b", "a//b", "/", "a/. /b", "x/.. ", `a\..\b`, "a/\u0085.", "a/..", "a/..b", `a\.. \é/..`,
		"", "\x01", "a/.\t", strings.Repeat("a", 1025) + "/../b", "x__XLDIR__/../b",
	} {
		f.Add(s)
	}
	minio := folding()
	f.Fuzz(func(t *testing.T, after string) {
		if !utf8.ValidString(after) {
			return
		}
		marker := minio.Marker(after)
		if !utf8.ValidString(marker) || marker > after {
			t.Fatalf("the marker of %q is %q", after, marker)
		}
		if minio.Folds(marker) {
			t.Fatalf("the marker of %q, %q, is none that the store takes", after, marker)
		}
	})
}

// Between the marker that the store is sent and the client's, there is no name that the store can hold.
func TestMarkersLeaveNothingBetween(t *testing.T) {
	minio, names := folding(), []string{""}
	for begin, length := 0, 1; length <= 5; length++ {
		end := len(names)
		for _, beginning := range names[begin:end] {
			for _, c := range []string{"\t", " ", ".", "/", "0", `\`, "é"} {
				names = append(names, beginning+c)
			}
		}
		begin = end
	}
	slices.Sort(names)
	others := 0
	for i, after := range names {
		marker := minio.Marker(after)
		if marker != after {
			others++
		}
		for ; i >= 0 && names[i] > marker; i-- {
			if fault := minio.Check(names[i]); fault == nil || !fault.Absent {
				t.Fatalf("%q is between %q and its marker, %q", names[i], after, marker)
			}
		}
	}
	if others < len(names)/4 {
		t.Fatalf("%d of %d names have another marker", others, len(names))
	}
}
