package objects_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"testing"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/memstore"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// The reads of an object that has several parts need its trailer; whatever becomes of the requests for it is an error.
func TestFaultsOfATrailersRequests(t *testing.T) {
	i := install(t, nil)
	i.put(t, "other", small)
	_, other := i.front.stored(t, things+"-s", "other")
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
		{
			"the metadata is another object's", edit(setHeader(envelopeHeader, other.Get(envelopeHeader))),
			"ServiceUnavailable", "", true,
		},
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
	for range 1000 { // so that it most likely joins; otherwise it loads for itself, and fails as well
		runtime.Gosched()
	}
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
