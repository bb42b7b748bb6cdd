package tools

import "testing"

// The same metadata in two spellings is no difference.
func TestMetadataIsComparedByItsMeaning(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		same       bool
	}{
		{"x-amz-meta-a", "é漢", "=?UTF-8?B?w6nmvKI=?=", true},
		{"x-amz-meta-a", "\xe9", "=?ISO-8859-1?B?6Q==?=", true},
		{"x-amz-meta-a", "=?UTF-8?Q?=C3=A9?=", "=?UTF-8?B?w6k=?=", true},
		{"x-amz-meta-a", "é", "=?UTF-8?B?w6g=?=", false},
		{"x-amz-meta-a", "=?KLINGON?B?YQ==?=", "a", false},
		{"content-disposition", "é", "=?UTF-8?B?w6k=?=", false},
	} {
		if got := meaning(c.name, c.a) == meaning(c.name, c.b); got != c.same {
			t.Errorf("%s: %q and %q: %t", c.name, c.a, c.b, got)
		}
	}
}
