package store_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sealfront/proxy/store"
)

func TestReplaceEnd(t *testing.T) {
	const body = "sealed segments|old end"
	for name, from := range map[string]func(string) io.Reader{
		"as it comes":       func(s string) io.Reader { return strings.NewReader(s) },
		"a byte at a time":  func(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) },
		"data with its EOF": func(s string) io.Reader { return iotest.DataErrReader(strings.NewReader(s)) },
	} {
		got, err := io.ReadAll(store.ReplaceEnd(from(body), int64(len(body)), []byte("new end")))
		if err != nil || string(got) != "sealed segments|new end" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		// Whatever is missing of the body, the new end isn't given out.
		for cut := range len(body) {
			got, err := io.ReadAll(store.ReplaceEnd(from(body[:cut]), int64(len(body)), []byte("new end")))
			if !errors.Is(err, store.ErrUnavailable) || !strings.HasPrefix("sealed segments|", string(got)) {
				t.Errorf("%s, cut at %d: %q, %v", name, cut, got, err)
			}
		}
	}
	if got, err := io.ReadAll(store.ReplaceEnd(bytes.NewReader([]byte("all")), 3, []byte("new"))); err != nil ||
		string(got) != "new" {
		t.Errorf("nothing but an end: %q, %v", got, err)
	}
}
