package s3_test

import (
	"math"
	"testing"

	"sealfront/proxy/s3"
)

func TestARangeIsOneSpanOfBytes(t *testing.T) {
	for value, want := range map[string]s3.Range{
		"bytes=0-0":                   {First: 0, Last: 0},
		"bytes=5-9":                   {First: 5, Last: 9},
		" bytes=5- ":                  {First: 5, Last: math.MaxInt64},
		"bytes=-7":                    {Last: 7, Suffix: true},
		"bytes=-0":                    {Suffix: true},
		"bytes=0-9223372036854775807": {Last: math.MaxInt64},
	} {
		if got, ok := s3.ParseRange(value); !ok || got != want {
			t.Errorf("%q is %+v, %t, want %+v", value, got, ok, want)
		}
	}
	for _, value := range []string{
		"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-a", "bytes=a-1", "bytes=-a", "bytes=2-1",
		"bytes=0-1,3-4", "items=0-1",
		"Bytes=0-1", "bytes=+1-2", "bytes=0-9223372036854775808", "bytes=9223372036854775808-",
		"bytes=-9223372036854775808", "bytes=0-1-2",
	} {
		if got, ok := s3.ParseRange(value); ok {
			t.Errorf("%q is honoured as %+v", value, got)
		}
	}
}

func TestARangeIsResolvedWithinItsObject(t *testing.T) {
	for _, c := range []struct {
		value       string
		length      int64
		first, last int64
		ok, whole   bool
	}{
		{"bytes=0-0", 10, 0, 0, true, false},
		{"bytes=5-99", 10, 5, 9, true, false},
		{"bytes=5-", 10, 5, 9, true, false},
		{"bytes=9-", 10, 9, 9, true, false},
		{"bytes=10-", 10, 0, 0, false, false},
		{"bytes=0-", 0, 0, 0, false, false},
		{"bytes=-3", 10, 7, 9, true, false},
		{"bytes=-99", 10, 0, 9, true, false},
		{"bytes=-0", 10, 0, 0, false, false},
		{"bytes=-0", 0, 0, 0, false, false},
		{"bytes=-5", 0, 0, 0, false, true}, // the whole, without a 206
	} {
		r, ok := s3.ParseRange(c.value)
		if !ok {
			t.Fatalf("%q isn't read", c.value)
		}
		first, last, ok := r.Resolve(c.length)
		if ok != c.ok || ok && (first != c.first || last != c.last) {
			t.Errorf("%q of %d bytes is %d-%d, %t", c.value, c.length, first, last, ok)
		}
		if r.Whole(c.length) != c.whole {
			t.Errorf("%q of %d bytes is the whole: %t", c.value, c.length, !c.whole)
		}
	}
}

func TestContentRangesAreReadAsTheyAreWritten(t *testing.T) {
	if got := s3.ContentRange(5, 9, 10); got != "bytes 5-9/10" {
		t.Errorf("written as %q", got)
	}
	for _, c := range [][3]int64{{0, 0, 1}, {5, 9, 10}, {0, 1 << 40, 1<<40 + 1}} {
		first, last, total, ok := s3.ParseContentRange(s3.ContentRange(c[0], c[1], c[2]))
		if !ok || first != c[0] || last != c[1] || total != c[2] {
			t.Errorf("%v came back as %d-%d/%d, %t", c, first, last, total, ok)
		}
	}
	for _, value := range []string{
		"", "bytes", "0-1/2", "bytes 0-1", "bytes 01/2", "bytes a-1/2", "bytes 0-b/2", "bytes 0-1/c", "bytes 0-1/*",
		"bytes 2-1/3", "bytes -1-1/3",
		"bytes 0-2/2",
	} {
		if first, last, total, ok := s3.ParseContentRange(value); ok {
			t.Errorf("%q is read as %d-%d/%d", value, first, last, total)
		}
	}
}
