package crypto_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"sealfront/crypto"
)

// bucketKey is a WrapKeyer whose key everyone knows.
type bucketKey [crypto.KeySize]byte

func (k bucketKey) WrapKey(salt *[crypto.SaltSize]byte, key *[crypto.KeySize]byte) error {
	return crypto.DeriveWrapKey((*[crypto.KeySize]byte)(&k), salt, key)
}

var (
	testKeyer = bucketKey{1, 2, 3}
	testPlace = crypto.Place{BucketARN: "arn:aws:s3express:us-west-2:123456789012:bucket/demo--az1--x-s3", Key: "a/b"}
)

func newEnvelope() *crypto.Envelope {
	return &crypto.Envelope{
		ObjectID:  crypto.NewSalt(),
		SSE:       crypto.SSEKMS,
		KeyARN:    "arn:aws:kms:us-west-2:123456789012:key/0d5b4cde-0000-4000-8000-000000000001",
		BucketKey: true,
		Blob:      bytes.Repeat([]byte{7}, 184),
		PartSalt:  crypto.NewSalt(),
	}
}

// object is a sealed object with all that opens it.
type object struct {
	envelope *crypto.Envelope
	key      crypto.DataKey
	trailer  crypto.Trailer
	stored   []byte
	plain    []byte
}

// sealPart seals one part as an upload does.
func sealPart(key *crypto.DataKey, salt *[crypto.SaltSize]byte, plain []byte) []byte {
	sealer := key.NewSealer(salt)
	slab := make([]byte, crypto.SealedSegmentSize)
	stored := make([]byte, 0, crypto.SealedLength(int64(len(plain))))
	for {
		n := copy(slab[:crypto.SegmentSize], plain)
		plain = plain[n:]
		stored = append(stored, sealer.Seal(slab, n, len(plain) == 0)...)
		if sealer.Done() {
			return stored
		}
	}
}

// sealObject seals an object whose parts have the given lengths; one length makes an object of PutObject.
func sealObject(tb testing.TB, lengths ...int64) *object {
	tb.Helper()
	o := &object{envelope: newEnvelope(), key: crypto.NewDataKey()}
	var total int64
	for _, n := range lengths {
		total += n
	}
	o.plain = vectorBody(total)
	multipart := len(lengths) > 1
	if multipart {
		o.envelope.Multipart, o.envelope.PartSalt = true, [16]byte{}
	}
	o.stored = make([]byte, 0, crypto.StoredLength(total))
	rest := o.plain
	for _, n := range lengths {
		salt := o.envelope.PartSalt
		if multipart {
			salt = crypto.NewSalt()
		}
		o.trailer.Parts = append(o.trailer.Parts, crypto.Part{Length: n, Salt: salt})
		if total > 0 {
			o.stored = append(o.stored, sealPart(&o.key, &salt, rest[:n])...)
		}
		rest = rest[n:]
	}
	o.trailer.Length = total
	if total > 0 {
		o.stored = append(o.stored, make([]byte, o.trailer.Padding())...)
		var err error
		if o.stored, err = o.key.AppendTrailer(o.stored, &o.envelope.ObjectID, &o.trailer); err != nil {
			tb.Fatal(err)
		}
	}
	secrets := crypto.Secrets{DataKey: o.key, HasLength: !multipart, Length: total}
	if multipart {
		secrets.Length = 0
	}
	if err := o.envelope.Wrap(testPlace, testKeyer, secrets); err != nil {
		tb.Fatal(err)
	}
	return o
}

// openObject reads bytes first to last as a download does, from the envelope's text and the stored bytes alone. What it
// returns beside an error had been released before.
func openObject(text, stored []byte, place crypto.Place, keyer crypto.WrapKeyer, first, last int64) ([]byte, error) {
	envelope, err := crypto.ParseEnvelopeText(text)
	if err != nil {
		return nil, err
	}
	secrets, err := envelope.Unwrap(place, keyer)
	if err != nil {
		return nil, err
	}
	defer secrets.Wipe()
	size := int64(len(stored))
	if secrets.HasLength && crypto.StoredLength(secrets.Length) != size {
		return nil, crypto.ErrDamaged
	}
	if secrets.HasLength && secrets.Length == 0 {
		return nil, nil
	}
	var layout *crypto.Layout
	if envelope.Multipart {
		need := crypto.EndLength(size)
		if need == 0 {
			return nil, crypto.ErrDamaged
		}
		var trailer *crypto.Trailer
		for trailer == nil {
			asked := need
			if trailer, need, err = secrets.DataKey.OpenTrailer(&envelope.ObjectID, size,
				bytes.Clone(stored[size-need:])); err != nil {
				return nil, err
			} else if trailer == nil && need <= asked {
				return nil, fmt.Errorf("asked for %d bytes of end after %d", need, asked)
			}
		}
		layout = trailer.Layout()
	} else {
		layout = crypto.SinglePart(secrets.Length, envelope.PartSalt)
	}
	if last < 0 {
		last = layout.Length() - 1
	}
	span, err := layout.Span(first, last)
	if err != nil {
		return nil, err
	}
	rest := stored[span.First : span.Last+1]
	plain := make([]byte, 0, last-first+1)
	slab := make([]byte, crypto.SealedSegmentSize)
	opener := secrets.DataKey.OpenSpan(layout, first, last)
	for n := opener.Next(); n > 0; n = opener.Next() {
		opened, err := opener.Open(slab[:copy(slab, rest[:n])])
		if err != nil {
			return plain, err
		}
		plain, rest = append(plain, opened...), rest[n:]
	}
	if len(rest) > 0 {
		return plain, errors.New("span holds more than the walk")
	}
	return plain, nil
}

func (o *object) open(first, last int64) ([]byte, error) {
	return openObject(o.envelope.AppendText(nil), o.stored, testPlace, testKeyer, first, last)
}

func TestWhatIsSealedOpensAgainAtEverySizeEdge(t *testing.T) {
	const segment, least = crypto.SegmentSize, crypto.MinPartSize
	for _, lengths := range [][]int64{
		{0},
		{1},
		{15},
		{16},
		{17},
		{segment - 1},
		{segment},
		{segment + 1},
		{2*segment - 1},
		{2 * segment},
		{2*segment + 1},
		{3 * segment},
		{least - 1},
		{least},
		{least + 1},
		{least, 0},
		{least, 1},
		{least, segment},
		{least + 1, 1},
		{least + segment - 1, segment + 1},
		{least + 1, least + 2, least + 3},
		{least, least, 0},
	} {
		t.Run(fmt.Sprint(lengths), func(t *testing.T) {
			o := sealObject(t, lengths...)
			if got, want := int64(len(o.stored)), crypto.StoredLength(o.trailer.Length); got != want {
				t.Fatalf("stored %d bytes, want %d", got, want)
			}
			got, err := o.open(0, -1)
			if err != nil || !bytes.Equal(got, o.plain) {
				t.Fatalf("opened %d bytes, %v", len(got), err)
			}
		})
	}
}

func TestAnEnvelopeThatIsOnlySentIsWhatWrapMakes(t *testing.T) {
	secrets := crypto.Secrets{DataKey: crypto.NewDataKey(), HasLength: true, Length: 7, Checksum: &crypto.Checksum{
		Type: crypto.FullObject, Algorithm: crypto.SHA256, Value: bytes.Repeat([]byte{5}, 32),
	}}
	e := newEnvelope()
	e.Context = []crypto.Pair{{Name: "b", Value: "2"}, {Name: "a", Value: "1"}}
	before := *e
	text, err := e.AppendWrapped([]byte("x"), testPlace, testKeyer, secrets)
	if err != nil || text[0] != 'x' {
		t.Fatalf("%q, %v", text, err)
	}
	if !reflect.DeepEqual(e, &before) || e.Context[0].Name != "b" {
		t.Error("the envelope was changed")
	}
	sent, err := crypto.ParseEnvelopeText(text[1:])
	if err != nil {
		t.Fatal(err)
	}
	opened, err := sent.Unwrap(testPlace, testKeyer)
	if err != nil || opened.DataKey.Secret() != secrets.DataKey.Secret() || opened.Length != 7 ||
		!reflect.DeepEqual(opened.Checksum, secrets.Checksum) {
		t.Errorf("%+v, %v", opened, err)
	}
	if err := e.WrapWithSalt(testPlace, testKeyer, secrets, sent.WrapSalt); err != nil {
		t.Fatal(err)
	}
	if got := e.AppendText(nil); !bytes.Equal(got, text[1:]) {
		t.Errorf("Wrap and AppendText write\n%s, AppendWrapped\n%s", got, text[1:])
	}
}

func TestNoEnvelopeHasALineEnd(t *testing.T) {
	text := string(sealObject(t, 9).envelope.AppendText(nil))
	for cut := range 4 { // every length that base64 can have, and one that it can't
		for n := 1; n <= 5; n++ {
			for _, at := range []int{0, 1, 100, len(text) - cut} {
				broken := text[:at] + strings.Repeat("\r\n", n)[:n] + text[at:len(text)-cut]
				if e, err := crypto.ParseEnvelopeText([]byte(broken)); !errors.Is(err, crypto.ErrFormat) {
					t.Errorf("%d line ends at %d of %d: %v, %v", n, at, len(text)-cut, e, err)
				}
			}
		}
	}
}
