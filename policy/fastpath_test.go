package policy_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sealfront/policy"
)

// lowerASCII is text with the letters A to Z in lower case.
func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// FuzzFastPath compares what fastpath.go does with the plain reading.
func FuzzFastPath(f *testing.F) {
	for _, names := range [][]string{policy.HeaderNames, policy.Families} {
		for _, name := range names {
			f.Add(name, strings.ToUpper(name), "PUT", uint8(2))
		}
	}
	for name := range policy.ServedElsewhere {
		f.Add(strings.ToTitle(name), name, "GET", uint8(0))
	}
	for op := range policy.Operations {
		f.Add("X-Amz-Checksum-Sha256\r", op.String(), "DELETE", uint8(op))
	}
	for _, query := range []string{"", "acl", "tagging", "uploads", "uploadId", "tags"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "get", ""} {
			for level := range policy.Levels {
				f.Add("x-amz-", query, method, uint8(level))
			}
		}
	}
	f.Add("x-amz-\x7fcl", "\u212aey", "PATCH", uint8(3))
	f.Fuzz(func(t *testing.T, name, other, method string, level uint8) {
		if !utf8.ValidString(name) {
			return // strings.Map would change it
		}
		lower := lowerASCII(name)
		if got := policy.AppendLower([]byte("before "), name); !bytes.Equal(got, []byte("before "+lower)) {
			t.Errorf("appendLower(%q) = %q", name, got)
		}
		if got, want := policy.HeaderNumber(name), slices.Index(policy.HeaderNames, lower); got != want {
			t.Errorf("headerIDOf(%q) = %d, want %d", name, got, want)
		}
		small := lowerASCII(strings.ToValidUTF8(other, "?"))
		if got, want := policy.EqualFolded(name, small), lower == small; got != want {
			t.Errorf("equalFolded(%q, %q) = %t", name, small, got)
		}
		if got, want := policy.BeginsFolded(name, small), strings.HasPrefix(lower, small); got != want {
			t.Errorf("beginsFolded(%q, %q) = %t", name, small, got)
		}
		_, served := policy.ServedElsewhere[lower]
		promise := !served && slices.ContainsFunc(policy.Families,
			func(f string) bool { return strings.HasPrefix(lower, f) })
		if got := policy.IsPromise(name); got != promise {
			t.Errorf("isPromise(%q) = %t", name, got)
		}
		op, known := policy.Routed(method, int(level), other)
		if plain, plainly := policy.PlainlyRouted(method, int(level), other); op != plain || known != plainly {
			t.Errorf("routed(%q, %d, %q) = %v %t, want %v %t", method, level, other, op, known, plain, plainly)
		}
	})
}
