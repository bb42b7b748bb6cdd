package objects_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/objects"
)

// readWhole is an object's plaintext, as far as ReadWhole gives it.
func readWhole(ctx context.Context, x *objects.Object) ([]byte, *objects.Opened, error) {
	a, sealed, err := x.Get(ctx)
	if err != nil {
		return nil, nil, err
	}
	opened, err := x.Open(ctx, sealed, anyone)
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	defer opened.Secrets.Wipe()
	var got []byte
	err = x.ReadWhole(opened, a, func(segment []byte) error {
		got = append(got, segment...)
		return nil
	})
	return got, opened, err
}

// mustUpload makes an object of parts.
func (i *installation) mustUpload(t *testing.T, key string, parts ...[]byte) {
	t.Helper()
	x := i.in(t, things, policy.CompleteMultipartUpload, key)
	if _, err := upload(t.Context(), x, sseS3, nil, crypto.FullObject, parts, nil); err != nil {
		t.Fatal(err)
	}
}

// Every stored byte is read, and all plaintext is given, at the edges of segments and parts, too.
func TestReadWholeGivesThePlaintext(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	x := i.object(t, "k")
	for _, n := range []int{
		0, 1, crypto.SegmentSize - 1, crypto.SegmentSize, crypto.SegmentSize + 1,
		5*crypto.SegmentSize + 7,
	} {
		data := random(1, n)
		i.put(t, "k", data)
		got, opened, err := readWhole(t.Context(), x)
		stored, _ := i.front.stored(t, things+"-s", "k")
		if err != nil || !bytes.Equal(got, data) || opened.Stored() != int64(len(stored)) ||
			(opened.Trailer() == nil) != (n == 0) || (opened.Layout() == nil) != (n == 0) {
			t.Errorf("%d bytes: %d, %v, %+v", n, len(got), err, opened)
		}
	}
	first := random(2, crypto.MinPartSize)
	for _, last := range [][]byte{random(3, 70_000), {}} {
		i.mustUpload(t, "parts", first, last)
		got, opened, err := readWhole(t.Context(), i.object(t, "parts"))
		if err != nil || !bytes.Equal(got, append(bytes.Clone(first), last...)) || opened.Layout().Parts() != 2 {
			t.Errorf("a last part of %d bytes: %d, %v", len(last), len(got), err)
		}
	}
	if kinds := i.damages(); kinds != "" {
		t.Errorf("damages of whole objects: %s", kinds)
	}
}

// What isn't right with an object is one Damage, with its place, after a true prefix of the plaintext.
func TestReadWholeFindsEachDamage(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	x, bucket := i.object(t, "k"), things+"-s"
	data := random(1, 2*crypto.SegmentSize+100)
	i.put(t, "k", data)
	body, header := i.front.stored(t, bucket, "k")
	first := random(2, crypto.MinPartSize)
	i.mustUpload(t, "parts", first, []byte{})
	parts, partsHeader := i.front.stored(t, bucket, "parts")
	const segment = crypto.SealedSegmentSize
	last := int(crypto.SealedLength(crypto.MinPartSize))
	for _, c := range []struct {
		at     int // of the byte that is changed, from the end when negative
		parts  bool
		kind   string
		reason string
		given  int // bytes of plaintext
	}{
		{9, false, "segment", "segment 0 of part 1, at stored byte 0,", 0},
		{
			segment + 1, false, "segment", fmt.Sprintf("segment 1 of part 1, at stored byte %d,", segment),
			crypto.SegmentSize,
		},
		{2*segment + 116, false, "padding", fmt.Sprintf("stored byte %d is padding", 2*segment+116), len(data)},
		{-40, false, "trailer", "", len(data)},
		{last, true, "segment", fmt.Sprintf("segment 0 of part 2, at stored byte %d,", last), crypto.MinPartSize},
		{-40, true, "trailer", "", 0},
	} {
		key, whole, from, envelope := "k", data, body, header
		if c.parts {
			key, whole, from, envelope = "parts", first, parts, partsHeader
		}
		changed := bytes.Clone(from)
		if c.at < 0 {
			c.at += len(changed)
		}
		changed[c.at] ^= 1
		i.front.raw(t, bucket, key, changed, "x-amz-meta-sealfront", envelope.Get("X-Amz-Meta-Sealfront"))
		i.damages()
		got, _, err := readWhole(t.Context(), i.object(t, key))
		d, ok := errors.AsType[*objects.Damage](err)
		if !ok || d.Kind != c.kind || !strings.HasPrefix(d.Reason, c.reason) || !bytes.Equal(got, whole[:c.given]) ||
			i.damages() != c.kind {
			t.Errorf("byte %d: %v, %d bytes", c.at, err, len(got))
		}
		wantCode(t, c.kind, err, "InternalError")
		if ok && (strings.Contains(d.Reason, things) || !strings.Contains(d.Error(), things+"/"+key)) {
			t.Errorf("the log has %q, an operator %q", d.Error(), d.Reason)
		}
	}

	// A body that ends early, and a reader that fails, are no damage.
	i.front.raw(t, bucket, "k", body, "x-amz-meta-sealfront", header.Get("X-Amz-Meta-Sealfront"))
	for at, n := range map[string]int{"segments": segment + 5, "end": len(body) - 5} {
		i.front.set(on("GetObject", edit(cut(n))))
		_, _, err := readWhole(t.Context(), x)
		wantCode(t, "a body that ends within the "+at, err, "ServiceUnavailable")
	}
	i.front.set(nil)
	a, sealed, err := x.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	opened, err := x.Open(t.Context(), sealed, anyone)
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("no room")
	if err := x.ReadWhole(opened, a, func([]byte) error { return full }); !errors.Is(err, full) {
		t.Error(err)
	}
	if _, _, err := i.object(t, "none").Get(t.Context()); err == nil {
		t.Error("there is none")
	}
	if kinds := i.damages(); kinds != "" {
		t.Errorf("counted %s", kinds)
	}
}

// What is sealed under one part's salt, and named by another, is refused by whoever reads the trailer.
func TestATrailerIsThatOfTheEnvelopesPart(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	x := i.object(t, "k")
	use, err := i.keys.Seal(t.Context(), keyring.Ref{
		BucketARN: x.Facts.ARN, KeyARN: serviceKey, Context: policy.KMSContext(&x.Facts, sseS3),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer use.Release()
	key, id, salt := crypto.NewObject()
	e := crypto.Envelope{
		ObjectID: id, SSE: crypto.SSES3, KeyARN: serviceKey, Blob: use.Blob(), BucketKey: true,
		PartSalt: salt,
	}
	data := []byte("plaintext")
	if err := e.Wrap(crypto.Place{BucketARN: x.Facts.ARN, Key: "k"}, use,
		crypto.Secrets{DataKey: key, HasLength: true, Length: int64(len(data))}); err != nil {
		t.Fatal(err)
	}
	other := crypto.NewSalt()
	segment := make([]byte, len(data)+crypto.TagSize)
	copy(segment, data)
	segment = key.NewSealer(&salt).Seal(segment, len(data), true) // it opens
	trailer := &crypto.Trailer{Length: int64(len(data)), Parts: []crypto.Part{{Length: int64(len(data)), Salt: other}}}
	stored, err := key.AppendTrailer(append(segment, make([]byte, trailer.Padding())...), &id, trailer)
	if err != nil {
		t.Fatal(err)
	}
	i.front.raw(t, things+"-s", "k", stored, "x-amz-meta-sealfront", string(e.AppendText(nil)))
	got, _, err := readWhole(t.Context(), x)
	if d, ok := errors.AsType[*objects.Damage](err); !ok || d.Kind != "trailer" ||
		!strings.Contains(d.Reason, "another part") || !bytes.Equal(got, data) {
		t.Errorf("read whole: %v", err)
	}
	from, err := x.HeadWithTail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := from.Open(t.Context(), false, anyone); err == nil ||
		!strings.Contains(errors.Unwrap(err).Error(), "another part") {
		t.Errorf("a copy: %v", err)
	}
}

// An object that was never sealed is told from one that is damaged.
func TestWhatWasNotSealedIsTold(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.front.raw(t, things+"-s", "k", []byte("clear"))
	_, _, err := i.object(t, "k").HeadIf(t.Context(), objects.Unconditional)
	if d, ok := errors.AsType[*objects.Damage](err); !ok || !errors.Is(d, crypto.ErrNotSealed) {
		t.Error(err)
	}
	wantCode(t, "HEAD", err, "InvalidObjectState")
}

// Which KMS key an object may be under is one rule, for what is written and what is read.
func TestKeyAllowed(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	x := i.object(t, "k")
	for key, want := range map[string]bool{customKey: true, foreignKey: false} {
		if got := x.KeyAllowed(policy.SSEKMS, key); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
	i.put(t, "k", []byte("x"))
	x.Facts.Account = "999999999999" // now its key is another account's
	called := i.kms.called
	called()
	_, _, err := readWhole(t.Context(), x)
	if d, ok := errors.AsType[*objects.Damage](err); !ok || d.Kind != "key" || !strings.Contains(d.Reason, customKey) ||
		len(called()) > 0 {
		t.Error(err)
	}
}
