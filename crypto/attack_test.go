package crypto_test

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"sealfront/crypto"
)

// verdict opens an attacked object and says whether it failed loudly. Whatever happened, only a true prefix of the
// plaintext may have come out, and all of it if there was no failure.
func (o *object) verdict(t *testing.T, attack string, text, stored []byte) (failed bool) {
	t.Helper()
	got, err := openObject(text, stored, testPlace, testKeyer, 0, -1)
	switch {
	case err == nil && !bytes.Equal(got, o.plain):
		t.Errorf("%s: opened cleanly to %d bytes that aren't the object's %d", attack, len(got), len(o.plain))
	case err != nil && !bytes.HasPrefix(o.plain, got):
		t.Errorf("%s: released %d bytes that aren't a prefix", attack, len(got))
	case err != nil && faultOf(err) == err.Error():
		t.Errorf("%s: a failure that no caller knows: %v", attack, err)
	}
	return err != nil
}

// boundaries are all offsets at which something in the stored object begins or ends.
func (o *object) boundaries() (edges []int) {
	at := 0
	for _, part := range o.trailer.Parts {
		for rest := part.Length; ; {
			n := min(rest, segment)
			edges = append(edges, at, at+int(n)) // ciphertext, tag
			at += int(n) + crypto.TagSize
			if rest -= n; rest == 0 {
				break
			}
		}
	}
	size := len(o.stored)
	trailer := size - int(o.trailer.SealedLength())
	return append(edges, at, trailer, trailer+12, size-48, size-32, size-24, size-23, size-20, size-16, size)
}

func attacked(t *testing.T) map[string]*object {
	return map[string]*object{
		"a byte":         sealObject(t, 1),
		"one segment":    sealObject(t, segment),
		"three segments": sealObject(t, 2*segment+9),
		"parts":          sealObject(t, least+1, 100),
		"empty last":     sealObject(t, least, 0),
	}
}

func TestAnyChangedByteIsNoticedOrHarmless(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for name, o := range attacked(t) {
		t.Run(name, func(t *testing.T) {
			text := o.envelope.AppendText(nil)
			var sealed int64
			for _, part := range o.trailer.Parts {
				sealed += crypto.SealedLength(part.Length)
			}
			padding := [2]int{int(sealed), int(sealed + o.trailer.Padding())}
			flip := func(at int) {
				if at < 0 || at >= len(o.stored) {
					return
				}
				bit := byte(1) << r.IntN(8)
				o.stored[at] ^= bit
				failed := o.verdict(t, fmt.Sprintf("bit %#x of byte %d", bit, at), text, o.stored)
				o.stored[at] ^= bit
				harmless := at >= padding[0] && at < padding[1] || !o.envelope.Multipart && at >= padding[1] ||
					// The empty segment of an empty last part has no byte that a range could need.
					o.trailer.Parts[len(o.trailer.Parts)-1].Length == 0 && at >= padding[0]-crypto.TagSize &&
						at < padding[0]
				if failed == harmless {
					t.Errorf("byte %d of %d (padding %v): failed is %v", at, len(o.stored), padding, failed)
				}
			}
			edges := o.boundaries()
			for range min(len(edges), 15) {
				edge := edges[r.IntN(len(edges))]
				flip(edge - 1)
				flip(edge)
			}
			for _, edge := range edges[len(edges)-10:] {
				flip(edge - 1)
				flip(edge)
			}
			for range 20 {
				flip(r.IntN(len(o.stored)))
			}
		})
	}
}

func TestACutOrLongerObjectIsNoticed(t *testing.T) {
	for name, o := range attacked(t) {
		t.Run(name, func(t *testing.T) {
			text := o.envelope.AppendText(nil)
			edges := o.boundaries()
			if len(edges) > 60 {
				edges = append(edges[:20:20], edges[len(edges)-40:]...)
			}
			for _, edge := range edges {
				for _, size := range []int{edge - 1, edge, edge + 1} {
					if size >= 0 && size < len(o.stored) &&
						!o.verdict(t, fmt.Sprint("cut to ", size), text, o.stored[:size]) {
						t.Errorf("cut to %d of %d bytes and not noticed", size, len(o.stored))
					}
				}
			}
			// Also to each size that another object could have.
			for _, plain := range []int64{0, 1, o.trailer.Length - 1, o.trailer.Length / 2, segment, least} {
				size := crypto.StoredLength(plain)
				if size < int64(len(o.stored)) && !o.verdict(t, fmt.Sprint("cut to the size of ", plain), text,
					o.stored[:size]) {
					t.Errorf("cut to the size of %d bytes and not noticed", plain)
				}
				if plain < o.trailer.Length && !o.verdict(t, fmt.Sprint("end kept, size of ", plain), text,
					o.stored[int64(len(o.stored))-size:]) {
					t.Errorf("front cut to the size of %d bytes and not noticed", plain)
				}
			}
			for _, n := range []int{
				1, 16, segment, crypto.SealedSegmentSize, int(crypto.StoredLength(o.trailer.Length+1)) - len(o.stored),
			} {
				if !o.verdict(t, fmt.Sprint(n, " bytes more"), text,
					append(bytes.Clone(o.stored), make([]byte, n)...)) {
					t.Errorf("%d bytes more and not noticed", n)
				}
			}
		})
	}
}

func TestSegmentsDroppedDoubledOrSwappedAreNoticed(t *testing.T) {
	const sealed = crypto.SealedSegmentSize
	for _, name := range []string{"put", "multipart"} {
		t.Run(name, func(t *testing.T) {
			o := sealObject(t, 5*segment)
			if name == "multipart" {
				o = sealObject(t, least, least, 3*segment)
			}
			text := o.envelope.AppendText(nil)
			for i := range 4 {
				for j := range 4 {
					if i == j {
						continue
					}
					swapped := bytes.Clone(o.stored)
					copy(swapped[i*sealed:], o.stored[j*sealed:(j+1)*sealed])
					if !o.verdict(t, fmt.Sprintf("%d doubled over %d", j, i), text, swapped) {
						t.Errorf("segment %d put over %d and not noticed", j, i)
					}
					copy(swapped[j*sealed:], o.stored[i*sealed:(i+1)*sealed])
					if !o.verdict(t, fmt.Sprintf("%d and %d swapped", i, j), text, swapped) {
						t.Errorf("segments %d and %d swapped and not noticed", i, j)
					}
				}
				dropped := append(bytes.Clone(o.stored[:i*sealed]), o.stored[(i+1)*sealed:]...)
				filled := append(bytes.Clone(dropped[:4*sealed]), make([]byte, sealed)...)
				filled = append(filled, dropped[4*sealed:]...)
				for _, attack := range [][]byte{dropped, filled} {
					if !o.verdict(t, fmt.Sprint(i, " dropped"), text, attack) {
						t.Errorf("segment %d dropped and not noticed", i)
					}
				}
			}
		})
	}
}

func TestPartsSwappedOrTakenFromAnOlderAttemptAreNoticed(t *testing.T) {
	o := sealObject(t, least, least, 10)
	text := o.envelope.AppendText(nil)
	n := crypto.SealedLength(least)

	swapped := bytes.Clone(o.stored)
	copy(swapped, o.stored[n:2*n])
	copy(swapped[n:], o.stored[:n])
	if !o.verdict(t, "parts swapped", text, swapped) {
		t.Error("two parts of one length swapped and not noticed")
	}
	salt := crypto.NewSalt()
	older := bytes.Clone(o.stored)
	copy(older[n:], sealPart(&o.key, &salt, make([]byte, least)))
	if !o.verdict(t, "older attempt", text, older) {
		t.Error("an older attempt at a part put back and not noticed")
	}
}

func TestAnOlderTrailerOfTheSameUploadShowsItsOwnPartsOnly(t *testing.T) {
	// Two Completes of one upload, with part 2 sent again in between. Each trailer opens with the bytes that it was
	// completed with and no others.
	o := sealObject(t, least, 10)
	text := o.envelope.AppendText(nil)
	end := int(o.trailer.SealedLength())
	again := o.trailer
	again.Parts = append([]crypto.Part(nil), o.trailer.Parts...)
	again.Parts[1].Salt = crypto.NewSalt()
	newer := bytes.Clone(o.stored[:len(o.stored)-end])
	copy(newer[crypto.SealedLength(least):], sealPart(&o.key, &again.Parts[1].Salt, make([]byte, 10)))
	newer, err := o.key.AppendTrailer(newer, &o.envelope.ObjectID, &again)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := openObject(text, newer, testPlace, testKeyer, 0, -1); err != nil ||
		!bytes.Equal(got[least:], make([]byte, 10)) {
		t.Fatalf("the newer one doesn't open: %v", err)
	}
	mixed := append(bytes.Clone(newer[:len(newer)-end]), o.stored[len(o.stored)-end:]...)
	if !o.verdict(t, "older trailer on newer parts", text, mixed) {
		t.Error("an older trailer on newer parts and not noticed")
	}
}

func TestTwoObjectsCantLendEachOtherAnything(t *testing.T) {
	for _, lengths := range [][]int64{{100}, {least, 100}} {
		one, two := sealObject(t, lengths...), sealObject(t, lengths...)
		oneText, twoText := one.envelope.AppendText(nil), two.envelope.AppendText(nil)
		if !one.verdict(t, "bodies swapped", oneText, two.stored) ||
			!two.verdict(t, "metadata swapped", twoText, one.stored) {
			t.Errorf("%v: swapped and not noticed", lengths)
		}
		if len(lengths) > 1 {
			end := int(one.trailer.SealedLength())
			lent := append(bytes.Clone(one.stored[:len(one.stored)-end]), two.stored[len(two.stored)-end:]...)
			if !one.verdict(t, "trailer lent", oneText, lent) {
				t.Error("the trailer of another object and not noticed")
			}
		}
	}
}

func TestS9AnAppendedObjectsTrailerDoesntOpenForItsCopies(t *testing.T) {
	// An append keeps the data key and makes a new object id: the copy that was made before shares the key, but not the
	// grown body.
	o := sealObject(t, least, 10)
	grown := o.trailer
	grown.Parts = append([]crypto.Part(nil), o.trailer.Parts...)
	grown.Parts[1].Length += 5
	grown.Length += 5
	newID := crypto.NewSalt()
	body := bytes.Clone(o.stored[:crypto.SealedLength(least)])
	body = append(body, sealPart(&o.key, &grown.Parts[1].Salt, make([]byte, 15))...)
	body = append(body, make([]byte, grown.Padding())...)
	body, err := o.key.AppendTrailer(body, &newID, &grown)
	if err != nil {
		t.Fatal(err)
	}
	if !o.verdict(t, "grown body", o.envelope.AppendText(nil), body) {
		t.Error("a copy took the body that was grown later")
	}
}

func TestEveryBitOfTheEnvelopeIsBound(t *testing.T) {
	for name, o := range map[string]*object{"put": sealObject(t, 100), "multipart": sealObject(t, least, 1)} {
		binary := o.envelope.Append(nil)
		for at := range binary {
			for bit := range 8 {
				binary[at] ^= 1 << bit
				envelope, err := crypto.ParseEnvelope(binary)
				if err == nil {
					_, err = envelope.Unwrap(testPlace, testKeyer)
				}
				if err == nil {
					t.Errorf("%s: bit %d of byte %d isn't bound", name, bit, at)
				}
				binary[at] ^= 1 << bit
			}
		}
		for n := range binary {
			if _, err := crypto.ParseEnvelope(binary[:n]); err == nil {
				t.Errorf("%s: cut to %d bytes and parsed", name, n)
			}
		}
	}
}

func TestAPartSentAgainReusesNoKeyAndNonce(t *testing.T) {
	key := crypto.NewDataKey()
	first, second := vectorBody(segment), make([]byte, segment)
	saltOne, saltTwo := crypto.NewSalt(), crypto.NewSalt()
	one, two := sealPart(&key, &saltOne, bytes.Clone(first)), sealPart(&key, &saltTwo, bytes.Clone(second))
	stored, plain := make([]byte, segment), make([]byte, segment)
	subtle.XORBytes(stored, one[:segment], two[:segment])
	subtle.XORBytes(plain, first, second)
	if bytes.Equal(stored, plain) {
		t.Error("two attempts share a key stream")
	}
}

func TestS2AWrapKeySealsOnce(t *testing.T) {
	e := newEnvelope()
	secrets := crypto.Secrets{DataKey: crypto.NewDataKey(), HasLength: true, Length: 5}
	seen := map[[16]byte]bool{}
	var wrapped [][]byte
	for range 50 {
		if err := e.Wrap(testPlace, testKeyer, secrets); err != nil {
			t.Fatal(err)
		}
		if seen[e.WrapSalt] {
			t.Fatal("a wrap salt came twice")
		}
		seen[e.WrapSalt] = true
		wrapped = append(wrapped, e.Wrapped)
	}
	for i := range wrapped[1:] {
		if bytes.Equal(wrapped[i], wrapped[i+1]) {
			t.Fatal("two wraps are equal")
		}
	}
}

func TestS3ATrailerSealedTwiceHasTwoKeys(t *testing.T) {
	o := sealObject(t, least, 1)
	one, err := o.key.AppendTrailer(nil, &o.envelope.ObjectID, &o.trailer)
	if err != nil {
		t.Fatal(err)
	}
	two, err := o.key.AppendTrailer(nil, &o.envelope.ObjectID, &o.trailer)
	if err != nil || bytes.Equal(one[:len(one)-32], two[:len(two)-32]) ||
		bytes.Equal(one[len(one)-16:], two[len(two)-16:]) {
		t.Error("two sealings share a salt or a key")
	}
}

func TestAnAllZeroBucketKeyOpensAndSealsNothing(t *testing.T) {
	o := sealObject(t, 10)
	if _, err := o.envelope.Unwrap(testPlace, bucketKey{}); !errors.Is(err, crypto.ErrZeroKey) {
		t.Errorf("Unwrap: %v", err)
	}
	before := *o.envelope
	err := o.envelope.Wrap(testPlace, bucketKey{}, crypto.Secrets{DataKey: o.key, HasLength: true})
	if !errors.Is(err, crypto.ErrZeroKey) || o.envelope.WrapSalt != before.WrapSalt {
		t.Errorf("Wrap: %v", err)
	}
}

func TestAFailedSegmentLeavesNoPlaintextAndEndsTheSpan(t *testing.T) {
	o := sealObject(t, 3*segment)
	layout := crypto.SinglePart(3*segment, o.envelope.PartSalt)
	opener := o.key.OpenSpan(layout, 0, 3*segment-1)
	slab := bytes.Clone(o.stored[:opener.Next()])
	slab[len(slab)-1] ^= 1
	if got, err := opener.Open(slab); !errors.Is(err, crypto.ErrTampered) || got != nil {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
	for at := 0; at+32 <= segment; at += 32 {
		if bytes.Contains(slab, o.plain[at:at+32]) {
			t.Fatal("plaintext is in the slab of a segment that failed")
		}
	}
	if got, err := opener.Open(bytes.Clone(o.stored[:crypto.SealedSegmentSize])); err == nil || got != nil {
		t.Error("the span went on after a failure")
	}
}
