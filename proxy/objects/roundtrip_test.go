package objects_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/memstore"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// edges are sizes around every edge: of a segment, of what is taken in whole, of a part that may stay.
var edges = []int{
	0, 1, crypto.SegmentSize - 1, crypto.SegmentSize, crypto.SegmentSize + 1, 2 * crypto.SegmentSize,
	objects.WholeLimit, objects.WholeLimit + 1,
	crypto.MinPartSize - 1, crypto.MinPartSize, crypto.MinPartSize + 1,
}

// download reads a range of an object as a client's GET does: by one request, where the first guess was right.
func download(ctx context.Context, i *installation, x *objects.Object, asked string) ([]byte, error) {
	r := x.NewRequest("GetObject", "GET")
	wanted, ranged := s3.ParseRange(asked)
	if ranged {
		if err := x.SetRange(r, wanted); err != nil {
			return nil, err
		}
	}
	a, err := i.front.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() { a.Close() }()
	if f := a.Fault(r.Operation); f != nil {
		if f.Status == http.StatusPreconditionFailed && x.HasLayout() { // that of an earlier object
			x.ForgetLayout()
			return download(ctx, i, x, asked)
		}
		return nil, x.ReadFault(f, a)
	}
	s, err := x.ReadSealed(a)
	if err != nil {
		return nil, err
	}
	opened, err := x.Open(ctx, s, anyone)
	if err != nil {
		return nil, err
	}
	defer opened.Secrets.Wipe()
	first, last := int64(0), opened.Length-1
	if ranged {
		first, last, _ = wanted.Resolve(opened.Length)
	}
	if opened.Length == 0 {
		return []byte{}, nil
	}
	if a, err = x.CoverRange(ctx, a, opened, first, last); err != nil {
		return nil, err
	}
	reader, err := x.NewReader(a, opened, first, last)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	data := []byte{}
	for {
		plain, err := reader.Next()
		if errors.Is(err, io.EOF) {
			if !reader.Done() || int64(len(data)) != reader.Size() {
				return nil, fmt.Errorf("%d bytes of %d", len(data), reader.Size())
			}
			return data, nil
		}
		if err != nil {
			return data, err
		}
		data = append(data, plain...)
	}
}

// ranges are those of an object of n bytes that touch its edges and those of its segments.
func ranges(n int) (list [][2]int) {
	for _, first := range []int{0, 1, crypto.SegmentSize - 1, crypto.SegmentSize, n / 2, n - 1} {
		for _, last := range []int{0, crypto.SegmentSize - 1, crypto.SegmentSize, n/2 + 100, n - 1} {
			if 0 <= first && first <= last && last < n && last-first < mib { // larger ones cost more than they show
				list = append(list, [2]int{first, last})
			}
		}
	}
	return list
}

func (i *installation) wantRanges(t *testing.T, what string, x *objects.Object, data []byte) {
	t.Helper()
	for _, r := range ranges(len(data)) {
		got, err := download(t.Context(), i, x, fmt.Sprintf("bytes=%d-%d", r[0], r[1]))
		if err != nil || !bytes.Equal(got, data[r[0]:r[1]+1]) {
			t.Errorf("%s, bytes %d to %d: %d bytes, %v", what, r[0], r[1], len(got), err)
		}
	}
	if got, err := download(t.Context(), i, x, ""); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%s: downloaded %d bytes, %v", what, len(got), err)
	}
}

// What is put comes back, whole and in ranges, after any operation.
func TestObjectsOfEverySizeComeBackAfterEveryOperation(t *testing.T) {
	i := install(t, nil)
	for _, n := range edges {
		t.Run(fmt.Sprint(n, " bytes"), func(t *testing.T) {
			data := random(7, n)
			i.put(t, "key", data)
			x := i.object(t, "key")
			i.wantRead(t, "put", x, data)
			i.wantRanges(t, "put", x, data)

			copied := i.in(t, things, policy.CopyObject, "copy")
			if _, _, err := copyTo(t.Context(), copied, x, sseKMS, nil); err != nil {
				t.Fatal(err)
			}
			i.wantRead(t, "copied", copied, data)
			i.wantRanges(t, "copied", copied, data)
			elsewhere := i.in(t, more, policy.CopyObject, "copy")
			for name, e := range map[string]policy.Encryption{"as it was": sseKMS, "under the service key": sseS3} {
				if _, _, err := copyTo(t.Context(), elsewhere, x, e, nil); err != nil {
					t.Fatal(err)
				}
				i.wantRead(t, "copied to another bucket "+name, elsewhere, data)
			}
			if err := copyingSelf(sseS3)(t.Context(), t, i, "copy"); err != nil {
				t.Fatal(err)
			}
			i.wantRead(t, "copied onto itself", copied, data)
			if err := reencrypting(t.Context(), t, i, "copy"); err != nil {
				t.Fatal(err)
			}
			i.wantRead(t, "under another key", copied, data)
			if err := rename(t.Context(), i.in(t, things, policy.RenameObject, "renamed"), "copy", nil); err != nil {
				t.Fatal(err)
			}
			i.wantRead(t, "renamed, at the old name", copied, nil)
			i.wantRead(t, "renamed", i.object(t, "renamed"), data)

			for _, k := range []int{1, crypto.SegmentSize + 1} {
				addition := random(8, k)
				data = append(data, addition...)
				done, err := appendTo(t.Context(), x, &body{data: addition}, sseKMS)
				if err != nil {
					t.Fatal(err)
				}
				if done.Length != int64(len(data)) || !bytes.Equal(done.Checksum.Value, sumOf(nil, data).Value) {
					t.Errorf("%d appended: length %d, checksum %x", k, done.Length, done.Checksum.Value)
				}
				i.wantRead(t, "appended to", x, data)
				i.wantRanges(t, "appended to", x, data)
			}
		})
	}
}

// rename moves an object, as the gateway does.
func rename(ctx context.Context, x *objects.Object, from string, change func(r *objects.Rename)) error {
	return x.Claimed(ctx, func(ctx context.Context, c *state.Claim) error {
		r := &objects.Rename{
			Object: x, Source: x.At(x.Record, x.Facts, from), Claim: c, Began: time.Now(),
			Decide:   func(*objects.Source) (match, noneMatch string, err error) { return "", "", nil },
			Begin:    func(*crypto.Envelope) error { return nil },
			Happened: func() bool { return false },
		}
		if change != nil {
			change(r)
		}
		return objects.Retry(func() error { return r.Once(ctx) })
	}, from, x.Key)
}

// An upload's object reads like its parts put together, and each part by its number, whatever the store makes of gaps.
func TestUploadsReadLikeTheirParts(t *testing.T) {
	odd := random(11, crypto.MinPartSize+100)
	segments := random(12, crypto.MinPartSize+crypto.SegmentSize)
	for _, c := range []struct {
		name  string
		parts [][]byte
	}{
		{"one part that the store doesn't have", [][]byte{small}},
		{"one part that the store has", [][]byte{odd}},
		{"two parts of an odd size", [][]byte{odd, odd}},
		{"parts of an odd size and a small last one", [][]byte{odd, segments, small}},
		{"an empty last part", [][]byte{segments, {}}},
		{"gaps between numbers", [][]byte{nil, odd, nil, small}},
	} {
		for _, gaps := range []bool{true, false} {
			if c.parts[0] == nil && !gaps {
				continue // the store refuses such an upload
			}
			t.Run(fmt.Sprint(c.name, ", gaps ", gaps), func(t *testing.T) {
				i := install(t, lessAble(func(a *store.Abilities) { a.PartGaps = gaps }))
				x := i.in(t, things, policy.CompleteMultipartUpload, "key")
				whole := bytes.Join(c.parts, nil)
				done, err := upload(t.Context(), x, sseKMS, s3.ChecksumOf(crypto.CRC32), crypto.FullObject, c.parts,
					nil)
				if err != nil {
					t.Fatal(err)
				}
				if want := s3.ChecksumText(sumOf(s3.ChecksumOf(crypto.CRC32), whole)); done.Checksum != want {
					t.Errorf("checksum %s, want %s", done.Checksum, want)
				}
				i.wantRead(t, "completed", x, whole)
				for _, warm := range []bool{false, true} {
					if !warm {
						x.ForgetLayout()
					}
					if x.HasLayout() != warm {
						t.Error("the layout's being known:", !warm)
					}
					i.wantParts(t, x, c.parts)
					i.wantRanges(t, "completed", x, whole)
					if !warm {
						i.wantFirstGuesses(t, x, whole)
					}
				}
				copied := i.in(t, things, policy.CopyObject, "copy")
				if _, _, err := copyTo(t.Context(), copied, x, sseKMS, nil); err != nil {
					t.Fatal(err)
				}
				i.wantRead(t, "copied", copied, whole)
				i.wantRanges(t, "copied", copied, whole)
				_, opened := i.open(t, copied)
				if opened.ShowsParts() {
					t.Error("the copy shows parts")
				}
				addition := random(13, 100)
				if _, err := appendTo(t.Context(), x, &body{data: addition}, sseKMS); err != nil {
					t.Fatal(err)
				}
				i.wantRead(t, "appended to", x, append(whole, addition...))
			})
		}
	}
}

// open looks at an object and opens it until the test ends.
func (i *installation) open(t testing.TB, x *objects.Object) (*objects.Source, *objects.Opened) {
	t.Helper()
	from, err := x.HeadWithTail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	opened, err := from.Open(t.Context(), false, anyone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Secrets.Wipe)
	return from, opened
}

func (i *installation) wantParts(t *testing.T, x *objects.Object, parts [][]byte) {
	t.Helper()
	a, s, err := x.HeadIf(t.Context(), objects.Unconditional)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	opened, err := x.Open(t.Context(), s, anyone)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Secrets.Wipe()
	number := 0
	for _, data := range parts {
		if data == nil {
			continue
		}
		number++
		p, err := x.Part(t.Context(), opened, number, true)
		if err != nil {
			t.Fatal(err)
		}
		if p.Checksum != nil {
			t.Errorf("part %d: a checksum that was made to be combined counts", number)
		}
		got, err := readOpened(t.Context(), x, opened, p.First, p.Last)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("part %d: %d bytes, %v; want %d", number, len(got), err, len(data))
		}
	}
	_, err = x.Part(t.Context(), opened, number+1, false)
	wantCode(t, "a part that isn't there", err, "InvalidPartNumber")
}

// wantFirstGuesses reads ranges of an object whose layout isn't known: what lies elsewhere than in an object of one
// part takes another request.
func (i *installation) wantFirstGuesses(t *testing.T, x *objects.Object, data []byte) {
	t.Helper()
	for _, r := range ranges(len(data)) {
		x.ForgetLayout()
		got, err := download(t.Context(), i, x, fmt.Sprintf("bytes=%d-%d", r[0], r[1]))
		if err != nil || !bytes.Equal(got, data[r[0]:r[1]+1]) {
			t.Errorf("first guess, bytes %d to %d: %d bytes, %v", r[0], r[1], len(got), err)
		}
	}
	if len(data) <= crypto.MinPartSize {
		return
	}
	for name, turn := range map[string]turn{
		"lost": drop, "replaced": refuse(412, ""), "failed": refuse(500, ""),
		"another's": edit(setHeader(envelopeHeader, "")),
	} {
		x.ForgetLayout()
		i.front.set(once("GetObject", 2, turn)) // behind the first guess and the trailer
		n := len(data)
		got, err := download(t.Context(), i, x, fmt.Sprintf("bytes=%d-%d", n-1, n-1))
		sent := i.front.sent()
		i.front.set(nil)
		if len(sent) > 2 && err == nil || err != nil && len(got) > 0 {
			t.Errorf("second guess %s: %d bytes, %v after %v", name, len(got), err, sent)
		}
	}
}

// An object that was put is one part, whatever it is asked for.
func TestAnObjectThatWasPutIsOnePart(t *testing.T) {
	i := install(t, nil)
	i.put(t, "key", small)
	x := i.object(t, "key")
	_, opened := i.open(t, x)
	p, err := x.Part(t.Context(), opened, 1, true)
	if err != nil || p.First != 0 || p.Last != int64(len(small))-1 || p.Count != 0 || p.Checksum != nil {
		t.Errorf("%+v, %v", p, err)
	}
	_, err = x.Part(t.Context(), opened, 2, true)
	wantCode(t, "another part", err, "InvalidPartNumber")
}

// A composite checksum is one over those of the parts, and each part shows its own.
func TestCompositeChecksumsAreOverThoseOfTheParts(t *testing.T) {
	i := install(t, nil)
	kind := s3.ChecksumOf(crypto.SHA256)
	parts := [][]byte{part, small}
	x := i.in(t, things, policy.CompleteMultipartUpload, "key")
	done, err := upload(t.Context(), x, sseKMS, kind, crypto.Composite, parts, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := kind.Make()
	for _, data := range parts {
		h.Write(sumOf(kind, data).Value)
	}
	want := &crypto.Checksum{Type: crypto.Composite, Algorithm: crypto.SHA256, Value: h.Sum(nil)}
	if done.Checksum != s3.ShownChecksum(want, 2) {
		t.Errorf("completed with %s, want %s", done.Checksum, s3.ShownChecksum(want, 2))
	}
	a, s, err := x.HeadIf(t.Context(), objects.Unconditional)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	opened, err := x.Open(t.Context(), s, anyone)
	if err != nil {
		t.Fatal(err)
	}
	if !opened.HasChecksum() {
		t.Error("the writer's layout has no checksum")
	}
	for n, data := range parts {
		p, err := x.Part(t.Context(), opened, n+1, true)
		if err != nil || p.Count != 2 || !bytes.Equal(p.Checksum.Value, sumOf(kind, data).Value) {
			t.Errorf("part %d: %+v, %v", n+1, p, err)
		}
	}
	sum, count, err := x.ChecksumOf(t.Context(), opened)
	if err != nil || count != 2 || !bytes.Equal(sum.Value, want.Value) {
		t.Errorf("checksum %+v of %d parts, %v", sum, count, err)
	}

	// An append makes one over the parts, too; without that of one there is none.
	for _, key := range []string{"key"} {
		done, err := appendTo(t.Context(), i.object(t, key), &body{data: added}, sseKMS)
		if err != nil {
			t.Fatal(err)
		}
		h := kind.Make()
		h.Write(sumOf(kind, part).Value)
		h.Write(sumOf(kind, append(bytes.Clone(small), added...)).Value)
		if done.Parts != 2 || done.Checksum.Type != crypto.Composite || !bytes.Equal(done.Checksum.Value, h.Sum(nil)) {
			t.Errorf("appended: %d parts, %+v", done.Parts, done.Checksum)
		}
	}

	// A copy, which is one part, keeps a SHA as it is while the body isn't opened, and has one of its own when it is.
	c, _, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "copy"), i.object(t, "key"), sseKMS, nil)
	if err != nil || c.Checksum.Type != crypto.Composite {
		t.Errorf("copied: %+v, %v", c.Checksum, err)
	}
	whole := append(append(bytes.Clone(part), small...), added...)
	c, _, err = copyTo(t.Context(), i.in(t, things, policy.CopyObject, "copy"), i.object(t, "key"), sseS3, nil)
	if err != nil || c.Checksum.Type != crypto.FullObject || !bytes.Equal(c.Checksum.Value, sumOf(kind, whole).Value) {
		t.Errorf("copied under another key: %+v, %v", c.Checksum, err)
	}
}

// CRCs of the parts of an upload make one of its copy; of an append, too.
func TestCopiesHaveTheCombinedCRC(t *testing.T) {
	i := install(t, func(o *objects.Options) { o.Log = nil })
	kind := s3.ChecksumOf(crypto.CRC32C)
	whole := append(bytes.Clone(part), small...)
	x := i.in(t, things, policy.CompleteMultipartUpload, "key")
	if _, err := upload(t.Context(), x, sseKMS, kind, crypto.Composite, [][]byte{part, small}, nil); err != nil {
		t.Fatal(err)
	}
	c, _, err := copyTo(t.Context(), i.in(t, things, policy.CopyObject, "copy"), x, sseKMS, nil)
	if err != nil || c.Checksum.Type != crypto.FullObject || !bytes.Equal(c.Checksum.Value, sumOf(kind, whole).Value) {
		t.Errorf("copied: %+v, %v", c.Checksum, err)
	}
	done, err := appendTo(t.Context(), i.object(t, "key"), &body{data: added}, sseKMS)
	if want := sumOf(kind, append(bytes.Clone(whole), added...)); err != nil ||
		!bytes.Equal(done.Checksum.Value, want.Value) {
		t.Errorf("appended: %+v, %v", done.Checksum, err)
	}
}

// The MD5s of a store are those of S3: the tests of what keeps an ETag depend on it.
func TestTheMemoryStoresMD5s(t *testing.T) {
	i := installOver(t, memstore.Options{MD5: true}, alone, nil)
	i.front.raw(t, things+"-s", "key", []byte("abc"))
	if _, header := i.front.stored(t, things+"-s", "key"); header.Get("Etag") != `"900150983cd24fb0d6963f7d28e17f72"` {
		t.Errorf("ETag %s", header.Get("Etag"))
	}
}
