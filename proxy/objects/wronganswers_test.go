package objects_test

import (
	"net/http"
	"slices"
	"testing"

	"sealfront/crypto"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// Answers of a store that can't be right are errors, never wrong bytes.
func TestWrongAnswersToReadsAreErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		meet   func(i *installation) turn
		code   string
		damage string
	}{
		{
			"a Content-Range that is none",
			func(*installation) turn { return edit(setHeader("Content-Range", "bytes x")) }, "InternalError", "",
		},
		{"another Content-Range", func(*installation) turn {
			return edit(setHeader("Content-Range",
				"bytes 0-4095/307792"))
		}, "InternalError", ""},
		{
			"no envelope", func(*installation) turn { return edit(setHeader(envelopeHeader, "")) },
			"InvalidObjectState",
			"envelope",
		},
		{
			"a garbled envelope", func(*installation) turn { return edit(setHeader(envelopeHeader, "AAAA")) },
			"InvalidObjectState", "envelope",
		},
		{"the range is ignored", func(*installation) turn { return without("Range") }, "InternalError", ""},
		{"the body is cut off", func(*installation) turn { return edit(cut(10)) }, "ServiceUnavailable", ""},
		{
			"another length", func(*installation) turn {
				return edit(func(a *answer) { a.body, a.length = a.body[:100], 100 })
			}, "InternalError", "",
		},
		{
			"the whole, of unknown length", func(*installation) turn {
				return edit(func(a *answer) { a.status, a.length = http.StatusOK, -1 })
			}, "InternalError", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := install(t, nil)
			i.put(t, "key", large)
			x := i.object(t, "key")
			i.front.set(once("GetObject", 0, c.meet(i)))
			_, err := x.HeadWithTail(t.Context())
			if err == nil || !slices.Contains([]string{c.code, "InternalError"}, objects.Translate(err).Code) {
				t.Errorf("its end: %v, want %s", err, c.code)
			}
			if got := i.damages(); got != c.damage {
				t.Errorf("its end: counted %q", got)
			}
			i.front.set(nil)
			_, opened := i.open(t, x)
			i.front.set(once("GetObject", 0, c.meet(i)))
			if _, err = readOpened(t.Context(), x, opened, 70_000, 200_000); err == nil {
				t.Error("a range: no error")
			}
			i.damages()
			i.front.set(nil)
		})
	}
}

// A store that answers with more than it was asked for is read from where the range begins, and one that answers with
// less, or with something else, isn't read at all.
func TestAnswersWithOtherBytesThanWereAskedFor(t *testing.T) {
	const segment = crypto.SealedSegmentSize
	i := install(t, nil)
	i.put(t, "key", large)
	x := i.object(t, "key")
	stored, _ := i.front.stored(t, things+"-s", "key")
	give := func(from, to, total int) func(*answer) {
		return func(a *answer) {
			a.body, a.length = stored[from:to+1], int64(to-from+1)
			a.header.Set("Content-Range", s3.ContentRange(int64(from), int64(to), int64(total)))
		}
	}
	first, last := crypto.SegmentSize+5, 2*crypto.SegmentSize+5 // in the second and third segment
	for _, c := range []struct {
		name   string
		change func(*answer)
		meets  []func(*answer)
		code   string
	}{
		{"as asked", give(segment, 3*segment-1, len(stored)), nil, ""},
		{"more in front and behind", give(10, len(stored)-1, len(stored)), nil, ""},
		{"too little", give(segment, 2*segment, len(stored)), nil, "InternalError"},
		{"another place", give(0, 2*segment-1, len(stored)), nil, "InternalError"},
		{"of an object of another size", give(segment, 3*segment-1, len(stored)+1), nil, "ServiceUnavailable"},
		{
			"cut off in front", give(10, len(stored)-1, len(stored)),
			[]func(*answer){cut(len(stored) - 100)},
			"ServiceUnavailable",
		},
		{
			"the whole, as if it were a range", give(0, len(stored)-1, len(stored)),
			[]func(*answer){func(a *answer) { a.status = http.StatusOK }},
			"InternalError",
		},
	} {
		_, opened := i.open(t, x)
		i.front.set(on("GetObject", edit(func(a *answer) {
			c.change(a)
			for _, change := range c.meets {
				change(a)
			}
		})))
		got, err := readOpened(t.Context(), x, opened, int64(first), int64(last))
		i.front.set(nil)
		if c.code != "" {
			wantCode(t, c.name, err, c.code)
		} else if err != nil || string(got) != string(large[first:last+1]) {
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		}
	}
	// Who asks a reader for more than it has is told so.
	_, opened := i.open(t, x)
	r, err := x.Read(t.Context(), opened, 0, 9, nil, s3.ChecksumOf(crypto.CRC64NVME))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	wantCode(t, "eleven bytes of ten", r.Fill(make([]byte, 11)), "InternalError")
	if sum, err := r.Finish(); err != nil || sum.Algorithm != crypto.CRC64NVME {
		t.Errorf("%+v, %v", sum, err)
	}
	for _, span := range [][2]int64{{0, opened.Length}, {-1, 5}} {
		if _, err := x.Read(t.Context(), opened, span[0], span[1], nil, s3.ChecksumOf(crypto.CRC64NVME)); err == nil {
			t.Errorf("bytes %d to %d: no error", span[0], span[1])
		}
	}
}
