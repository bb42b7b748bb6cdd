package objects_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"sealfront/crypto"
)

const (
	envelopeHeader     = "x-amz-meta-sealfront"
	envelopeHeaderName = "X-Amz-Meta-Sealfront"
)

// alter puts an object's stored bytes and envelope back changed.
func (i *installation) alter(t testing.TB, key string, change func(body []byte, e *crypto.Envelope) []byte) {
	t.Helper()
	stored, header := i.front.stored(t, things+"-s", key)
	e, err := crypto.ParseEnvelopeText([]byte(header.Get(envelopeHeader)))
	if err != nil {
		t.Fatal(err)
	}
	stored = change(stored, e)
	i.front.raw(t, things+"-s", key, stored, envelopeHeader, string(e.AppendText(nil)))
}

// What the store has altered is never handed on: it is an error, counted by what was found damaged.
func TestWhatTheStoreAltersIsFoundDamaged(t *testing.T) {
	flipped := func(at int) func([]byte, *crypto.Envelope) []byte {
		return func(b []byte, _ *crypto.Envelope) []byte {
			if at < 0 {
				at += len(b)
			}
			b[at] ^= 1
			return b
		}
	}
	for _, c := range []struct {
		name   string
		data   []byte
		alter  func(body []byte, e *crypto.Envelope) []byte
		damage string
		code   string
	}{
		{"a bit of a segment", small, flipped(0), "segment", "InternalError"},
		{"a bit of the last segment's tag", large, flipped(300*kib + 4*16), "segment", "InternalError"},
		{"a bit of the trailer", small, flipped(-60), "trailer", "InternalError"},
		{"a bit of the tail", small, flipped(-1), "trailer", "InternalError"},
		{"the tail says that the trailer is longer", small, flipped(-17), "trailer", "InternalError"},
		{
			"a byte is missing", small, func(b []byte, _ *crypto.Envelope) []byte { return b[1:] }, "length",
			"InternalError",
		},
		{
			"a byte is added", large, func(b []byte, _ *crypto.Envelope) []byte { return append(b, 0) }, "length",
			"InternalError",
		},
		{
			"a size that no object has", small, func([]byte, *crypto.Envelope) []byte { return []byte("x") }, "length",
			"InternalError",
		},
		{
			"no bytes any more", small, func([]byte, *crypto.Envelope) []byte { return []byte{} }, "length",
			"InternalError",
		},
		{
			"two segments are swapped", large, func(b []byte, _ *crypto.Envelope) []byte {
				const n = crypto.SealedSegmentSize
				return slices.Concat(b[n:2*n], b[:n], b[2*n:])
			}, "segment", "InternalError",
		},
		{
			"the wrapped key", small, func(b []byte, e *crypto.Envelope) []byte { e.Wrapped[0] ^= 1; return b },
			"envelope", "InternalError",
		},
		{
			"the commitment", small, func(b []byte, e *crypto.Envelope) []byte { e.Commitment[0] ^= 1; return b },
			"envelope", "InternalError",
		},
		{
			"the flag for copies", small, func(b []byte, e *crypto.Envelope) []byte { e.Copied = true; return b },
			"envelope", "InternalError",
		},
		{
			"the object's id", small, func(b []byte, e *crypto.Envelope) []byte { e.ObjectID[0] ^= 1; return b },
			"envelope", "InternalError",
		},
		{
			"the blob", small, func(b []byte,
				e *crypto.Envelope,
			) []byte {
				e.Blob = []byte(customKey + "#77")
				return b
			},
			"", "InternalError",
		},
		{
			"the key", small, func(b []byte, e *crypto.Envelope) []byte { e.KeyARN = foreignKey; return b }, "key",
			"InternalError",
		},
		{
			"the kind of encryption", small,
			func(b []byte, e *crypto.Envelope) []byte { e.SSE = crypto.SSES3; return b },
			"key", "InternalError",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := install(t, nil)
			i.put(t, "key", c.data)
			i.alter(t, "key", c.alter)
			x := i.object(t, "key")
			_, err := i.read(t, x)
			wantCode(t, "read", err, c.code)
			if got := i.damages(); got != c.damage {
				t.Errorf("counted %q, want %q", got, c.damage)
			}
			if c.damage != "trailer" { // which a download of one part doesn't need
				got, err := download(t.Context(), i, x, "")
				wantCode(t, "download", err, c.code)
				if !strings.HasPrefix(string(c.data), string(got)) {
					t.Error("downloaded bytes that weren't put")
				}
			}
			before, _ := i.front.stored(t, things+"-s", "key")
			for name, op := range map[string]func(context.Context, testing.TB, *installation, string) error{
				"append": appending, "copy onto itself": copyingSelf(sseS3),
			} {
				if err := op(t.Context(), t, i, "key"); err == nil {
					t.Errorf("%s: no error", name)
				}
			}
			if after, _ := i.front.stored(t, things+"-s", "key"); !slices.Equal(before, after) {
				t.Error("the damaged object was replaced")
			}
		})
	}
}

// What was not sealed here isn't served, and counts as damaged.
func TestWhatWasNotSealedIsNotServed(t *testing.T) {
	i := install(t, nil)
	i.front.raw(t, things+"-s", "key", []byte("plain"))
	x := i.object(t, "key")
	_, err := i.read(t, x)
	wantCode(t, "with its end", err, "InvalidObjectState")
	_, err = x.Head(t.Context())
	wantCode(t, "by HEAD", err, "InvalidObjectState")
	if got := i.damages(); got != "envelope envelope" {
		t.Errorf("counted %q", got)
	}
	seen, err := i.Head(t.Context(), things+"-s", "key")
	if err != nil || seen.WrapSalt() != "" {
		t.Errorf("the salt %q of no envelope, %v", seen.WrapSalt(), err)
	}
}
