package objects_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/memstore"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
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
			"the blob", small, func(b []byte, e *crypto.Envelope) []byte { e.Blob = []byte(customKey + "#77"); return b },
			"", "InternalError",
		},
		{
			"the key", small, func(b []byte, e *crypto.Envelope) []byte { e.KeyARN = foreignKey; return b }, "key",
			"InternalError",
		},
		{
			"the kind of encryption", small, func(b []byte, e *crypto.Envelope) []byte { e.SSE = crypto.SSES3; return b },
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

// An envelope that names a KMS key which its bucket doesn't allow is never opened: KMS isn't called, whoever asks.
func TestAForeignKeyIsNeverCalled(t *testing.T) {
	i := install(t, nil)
	i.put(t, "key", small)
	i.alter(t, "key", func(b []byte, e *crypto.Envelope) []byte { e.KeyARN = foreignKey; return b })
	i.kms.called()
	x := i.object(t, "key")
	never := func(string) error {
		t.Error("somebody was asked for a key that nobody may use")
		return nil
	}
	from, err := x.HeadWithTail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() error{
		"by its source":  func() error { _, err := from.Open(t.Context(), false, never); return err },
		"by its head":    func() error { _, err := x.Open(t.Context(), from.Sealed, never); return err },
		"past the cache": func() error { _, err := x.Unwrap(t.Context(), from.Envelope, true, never); return err },
		"for a rename": func() error {
			return rename(t.Context(), i.in(t, things, policy.RenameObject, "new"), "key",
				nil)
		},
		"for another key": func() error {
			_, err := from.Reencrypt(t.Context(), x, sseKMS, nil, never, from.Modified)
			return err
		},
	} {
		wantCode(t, name, open(), "InternalError")
		if got := i.damages(); got != "key" {
			t.Errorf("%s: counted %q", name, got)
		}
	}
	if calls := i.kms.called(); len(calls) > 0 {
		t.Errorf("KMS was called: %v", calls)
	}
}

// Who may not use an object's key is refused before KMS is called; under the service key nobody is asked.
func TestWhoMayNotUseAKeyDoesNotReachKMS(t *testing.T) {
	i := install(t, nil)
	i.put(t, "key", small)
	i.keys.DropAll()
	i.kms.called()
	x := i.object(t, "key")
	refused := s3.AccessDenied()
	var asked []string
	nobody := func(arn string) error { asked = append(asked, arn); return refused }
	from, err := x.HeadWithTail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u, _, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, nil)
	if err != nil {
		t.Fatal(err)
	}
	i.keys.DropAll()
	i.kms.called()
	_, opened := from.Open(t.Context(), false, nobody)
	_, unwrapped := x.Unwrap(t.Context(), from.Envelope, false, nobody)
	_, opens := x.Open(t.Context(), from.Sealed, nobody)
	_, reencrypted := from.Reencrypt(t.Context(), x, sseS3, nil, nobody, from.Modified)
	_, part := x.Unwrap(t.Context(), u.Envelope, false, nobody)
	for _, err := range []error{opened, unwrapped, opens, reencrypted, part} {
		wantCode(t, "opened", err, "AccessDenied")
	}
	if calls := i.kms.called(); len(calls) > 0 || len(asked) != 5 || asked[0] != customKey {
		t.Errorf("KMS was called: %v; asked for %v", calls, asked)
	}
	if _, err := putTo(t.Context(), x, sseS3, &body{data: small}, objects.Conditions{}); err != nil {
		t.Fatal(err)
	}
	if from, err = x.HeadWithTail(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := from.Open(t.Context(), true, nobody); err != nil || len(asked) != 5 {
		t.Errorf("under the service key: %v, asked for %v", err, asked)
	}
}

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
			"no envelope", func(*installation) turn { return edit(setHeader(envelopeHeader, "")) }, "InvalidObjectState",
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

// The reads of an object that has several parts need its trailer; whatever becomes of the requests for it is an error.
func TestFaultsOfATrailersRequests(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.CompleteMultipartUpload, "key")
	if _, err := upload(t.Context(), x, sseKMS, nil, crypto.FullObject, [][]byte{part, small}, nil); err != nil {
		t.Fatal(err)
	}
	a, s, err := x.HeadIf(t.Context(), objects.Unconditional)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	for _, c := range []struct {
		name     string
		turn     turn
		code     string
		damage   string
		replaced bool
	}{
		{"none", nil, "", "", false},
		{"the request is lost", drop, "ServiceUnavailable", "", false},
		{"the store fails", refuse(500, "InternalError"), "InternalError", "", false},
		{"the object is another", refuse(412, "PreconditionFailed"), "ServiceUnavailable", "", true},
		{"the object is gone", refuse(404, "NoSuchKey"), "ServiceUnavailable", "", true},
		{"the metadata is another's", edit(setHeader(envelopeHeader, "AAAA")), "ServiceUnavailable", "envelope", true},
		{"the range is ignored", without("Range"), "InternalError", "", false},
		{"the answer is cut off", edit(cut(1)), "InternalError", "", false},
		{"a bit is altered", edit(flip(-60)), "InternalError", "trailer", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			x.ForgetLayout()
			i.front.set(on("GetObject", c.turn))
			opened, err := x.Open(t.Context(), s, anyone)
			i.front.set(nil)
			if c.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				defer opened.Secrets.Wipe()
			} else {
				wantCode(t, "open", err, c.code)
			}
			if errors.Is(err, objects.ErrReplaced) != c.replaced {
				t.Errorf("%v: replaced, want %v", err, c.replaced)
			}
			if got := i.damages(); got != c.damage {
				t.Errorf("counted %q, want %q", got, c.damage)
			}
			// The parts' checksums, too.
			known, err := x.Open(t.Context(), s, anyone)
			if err != nil {
				t.Fatal(err)
			}
			defer known.Secrets.Wipe()
			i.front.set(nil)
			again, err := x.Open(t.Context(), s, anyone)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Secrets.Wipe()
			i.front.set(on("GetObject", c.turn))
			defer i.front.set(nil)
			_, err = x.Part(t.Context(), again, 1, true)
			if (err != nil) != (c.code != "") {
				t.Errorf("a part's checksum: %v", err)
			}
			i.damages()
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

// Requests for a layout at one time share a load; who has seen another size hears that the object was replaced.
func TestALayoutOfAnotherSizeIsAnotherObjects(t *testing.T) {
	i := install(t, nil)
	i.upload(t, "key", part, small)
	x := i.object(t, "key")
	looks := func(change func(*answer)) *objects.Sealed {
		i.front.set(on("HeadObject", edit(change)))
		defer i.front.set(nil)
		a, s, err := x.HeadIf(t.Context(), objects.Unconditional)
		if err != nil {
			t.Fatal(err)
		}
		a.Close()
		return s
	}
	right, wrong := looks(func(*answer) {}), looks(func(a *answer) { a.length++ })
	x.ForgetLayout()
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	i.front.set(on("GetObject", before(func() {
		once.Do(func() { close(entered) })
		<-leave
	})))
	done := make(chan error, 1)
	go func() {
		opened, err := x.Open(t.Context(), right, anyone)
		if err == nil {
			opened.Secrets.Wipe()
		}
		done <- err
	}()
	<-entered
	shared := make(chan error, 1)
	go func() {
		_, err := x.Open(t.Context(), wrong, anyone)
		shared <- err
	}()
	time.Sleep(20 * time.Millisecond) // so that it joins; otherwise it loads for itself and fails as well
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := <-shared; err == nil {
		t.Error("a layout of another size was taken")
	}
	i.front.set(nil)
}

// Trailers of objects with so many parts that they don't come with the metadata are read by one more request.
func TestLongTrailersAreReadByOneMoreRequest(t *testing.T) {
	i := installOver(t, memstore.Options{}, alone, nil)
	for name, spoil := range map[string]func(virtual turn) turn{
		"":                    nil,
		"the request is lost": func(turn) turn { return drop },
		"altered":             func(virtual turn) turn { return virtual.edit(flip(-60)) },
		"cut off":             func(virtual turn) turn { return virtual.edit(cut(1)) },
	} {
		x, virtual, total := i.sealManyParts(t, "key", 250)
		i.front.set(on("GetObject", virtual))
		if spoil != nil {
			i.front.set(first(once("GetObject", 1, spoil(virtual)), on("GetObject", virtual)))
		}
		from, err := x.HeadWithTail(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		opened, err := from.Open(t.Context(), false, anyone)
		i.front.set(nil)
		if spoil != nil {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		p, err := x.Part(t.Context(), opened, 250, false)
		if err != nil || p.Count != 250 || p.Last != total-1 {
			t.Errorf("the last part: %+v, %v, want it to end at %d", p, err, total-1)
		}
		opened.Secrets.Wipe()
	}
}

// sealManyParts makes an object whose trailer names many parts, of which a turn answers the end, and no byte is ever
// stored.
func (i *installation) sealManyParts(t testing.TB, key string, parts int) (x *objects.Object, virtual turn,
	length int64,
) {
	t.Helper()
	x = i.in(t, things, policy.CompleteMultipartUpload, key)
	u, _, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, nil)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := x.Unwrap(t.Context(), u.Envelope, false, anyone)
	if err != nil {
		t.Fatal(err)
	}
	defer secrets.Wipe()
	trailer := &crypto.Trailer{}
	for range parts {
		trailer.Parts = append(trailer.Parts, crypto.Part{Length: crypto.MinPartSize, Salt: crypto.NewSalt()})
		trailer.Length += crypto.MinPartSize
	}
	end, err := secrets.DataKey.AppendTrailer(nil, &u.Envelope.ObjectID, trailer)
	if err != nil {
		t.Fatal(err)
	}
	total := crypto.StoredLength(trailer.Length)
	envelope := string(u.Envelope.AppendText(nil))
	return x, func(ctx context.Context, f *front, r *store.Request) (*store.Answer, error) {
		wanted, _ := s3.ParseRange(string(r.Header[0].Value))
		from, to, _ := wanted.Resolve(total)
		n := to - from + 1
		header := http.Header{
			envelopeHeaderName: {envelope}, "Etag": {`"virtual"`},
			"Content-Range": {s3.ContentRange(from, to, total)},
		}
		return f.give(ctx, r, &answer{
			status: http.StatusPartialContent, header: header, body: end[int64(len(end))-n:],
			length: n,
		})
	}, trailer.Length
}
