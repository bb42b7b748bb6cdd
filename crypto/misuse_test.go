package crypto_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sealfront/crypto"
)

func wantPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if text, ok := recover().(string); !ok || !strings.HasPrefix(text, "crypto: internal error") {
			t.Errorf("%s: no panic of ours", what)
		}
	}()
	f()
}

func TestASealerRefusesWhatWouldMakeAnUnreadablePart(t *testing.T) {
	key, salt := crypto.NewDataKey(), crypto.NewSalt()
	slab := make([]byte, crypto.SealedSegmentSize)
	wantPanic(t, "short segment in the middle", func() { key.NewSealer(&salt).Seal(slab, segment-1, false) })
	wantPanic(t, "empty segment in the middle", func() { key.NewSealer(&salt).Seal(slab, 0, false) })
	wantPanic(t, "segment too long", func() { key.NewSealer(&salt).Seal(make([]byte, 2*segment), segment+1, true) })
	wantPanic(t, "no room for the tag", func() { key.NewSealer(&salt).Seal(slab[:segment+15], segment, true) })
	wantPanic(t, "negative", func() { key.NewSealer(&salt).Seal(slab, -1, true) })
	wantPanic(t, "after the last", func() {
		s := key.NewSealer(&salt)
		s.Seal(slab, 5, true)
		s.Seal(slab, 5, true)
	})
	wantPanic(t, "empty last after a full one", func() {
		s := key.NewSealer(&salt)
		s.Seal(slab, segment, false)
		s.Seal(slab, 0, true)
	})
}

func TestASealerCountsWhatItSealed(t *testing.T) {
	key, salt := crypto.NewDataKey(), crypto.NewSalt()
	s := key.NewSealer(&salt)
	slab := make([]byte, crypto.SealedSegmentSize)
	s.Seal(slab, segment, false)
	if s.Length() != segment || s.Done() {
		t.Errorf("%d, %v", s.Length(), s.Done())
	}
	s.Seal(slab, 7, true)
	if s.Length() != segment+7 || !s.Done() {
		t.Errorf("%d, %v", s.Length(), s.Done())
	}
}

func TestAWipedDataKeyDerivesNothing(t *testing.T) {
	key, salt := crypto.NewDataKey(), crypto.NewSalt()
	copied := key
	key.Wipe()
	key.Wipe()
	wantPanic(t, "wiped", func() { key.NewSealer(&salt) })
	wantPanic(t, "copy of a wiped one", func() { copied.NewOpener(&salt) })
	var never crypto.DataKey
	never.Wipe()
	wantPanic(t, "never made", func() { never.NewOpener(&salt) })
	used := crypto.NewDataKey()
	used.NewSealer(&salt)
	used.Wipe()
	wantPanic(t, "wiped after use", func() { used.NewSealer(&salt) })
	wantPanic(t, "the second time too", func() { _, _ = used.AppendTrailer(nil, &salt, trailerOf([]int64{1})) })
	wantPanic(t, "zero state key", func() { crypto.SealRecord(new([32]byte), "name", nil) })
}

func TestAnOpenerRefusesSegmentsThatCantBeThere(t *testing.T) {
	key, salt := crypto.NewDataKey(), crypto.NewSalt()
	opener := key.NewOpener(&salt)
	for _, c := range []struct {
		name  string
		size  int
		index uint64
		last  bool
	}{
		{"less than a tag", 15, 0, true},
		{"nothing", 0, 0, true},
		{"short in the middle", 100, 0, false},
		{"empty after others", 16, 1, true},
		{"longer than a segment", crypto.SealedSegmentSize + 1, 0, true},
		{"beyond the largest part", 100, 81900, true},
		{"far beyond", 100, 1 << 63, true},
	} {
		if got, err := opener.Open(make([]byte, c.size), c.index, c.last); !errors.Is(err, crypto.ErrTampered) ||
			got != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAnEnvelopeThatCantBeReadIsNotWritten(t *testing.T) {
	good := crypto.Secrets{DataKey: crypto.NewDataKey(), HasLength: true, Length: 1}
	for _, c := range []struct {
		name   string
		want   error
		change func(*crypto.Envelope, *crypto.Secrets, *crypto.Place)
	}{
		{
			"no KMS key", crypto.ErrFormat,
			func(e *crypto.Envelope, _ *crypto.Secrets, _ *crypto.Place) { e.KeyARN = "" },
		},
		{
			"space in the KMS key", crypto.ErrFormat, func(e *crypto.Envelope, _ *crypto.Secrets, _ *crypto.Place) {
				e.KeyARN += " x"
			},
		},
		{"no blob", crypto.ErrFormat, func(e *crypto.Envelope, _ *crypto.Secrets, _ *crypto.Place) { e.Blob = nil }},
		{"no kind", crypto.ErrFormat, func(e *crypto.Envelope, _ *crypto.Secrets, _ *crypto.Place) { e.SSE = 0 }},
		{
			"multipart with a part salt", crypto.ErrFormat,
			func(e *crypto.Envelope, _ *crypto.Secrets, _ *crypto.Place) { e.Multipart = true },
		},
		{"two pairs of one name", crypto.ErrFormat, func(e *crypto.Envelope, _ *crypto.Secrets, _ *crypto.Place) {
			e.Context = []crypto.Pair{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}}
		}},
		{
			"a pair without a name", crypto.ErrFormat, func(e *crypto.Envelope, _ *crypto.Secrets, _ *crypto.Place) {
				e.Context = []crypto.Pair{{Value: "1"}}
			},
		},
		{"a pair that isn't UTF-8", crypto.ErrFormat, func(e *crypto.Envelope, _ *crypto.Secrets, _ *crypto.Place) {
			e.Context = []crypto.Pair{{Name: "a", Value: "\xff"}}
		}},
		{
			"no length", crypto.ErrFormat, func(_ *crypto.Envelope, s *crypto.Secrets, _ *crypto.Place) {
				s.HasLength = false
			},
		},
		{
			"a negative length", crypto.ErrFormat, func(_ *crypto.Envelope, s *crypto.Secrets, _ *crypto.Place) {
				s.Length = -1
			},
		},
		{"a checksum of another size", crypto.ErrFormat, func(_ *crypto.Envelope, s *crypto.Secrets, _ *crypto.Place) {
			s.Checksum = &crypto.Checksum{Type: crypto.FullObject, Algorithm: crypto.CRC32, Value: make([]byte, 5)}
		}},
		{"a composite of one part", crypto.ErrFormat, func(_ *crypto.Envelope, s *crypto.Secrets, _ *crypto.Place) {
			s.Checksum = &crypto.Checksum{Type: crypto.Composite, Algorithm: crypto.CRC32, Value: make([]byte, 4)}
		}},
		{
			"a context that fills the header", crypto.ErrTooLarge,
			func(e *crypto.Envelope, _ *crypto.Secrets, _ *crypto.Place) {
				e.Context = []crypto.Pair{{Name: "a", Value: strings.Repeat("v", 1100)}}
			},
		},
		{
			"a blob beyond its length field", crypto.ErrTooLarge,
			func(e *crypto.Envelope, _ *crypto.Secrets, _ *crypto.Place) { e.Blob = make([]byte, 1<<16) },
		},
		{
			"256 pairs", crypto.ErrTooLarge, func(e *crypto.Envelope, _ *crypto.Secrets, _ *crypto.Place) {
				e.Context = make([]crypto.Pair, 256)
			},
		},
		{
			"a key beyond its length field", crypto.ErrTooLarge,
			func(_ *crypto.Envelope, _ *crypto.Secrets, p *crypto.Place) { p.Key = strings.Repeat("k", 1<<16) },
		},
	} {
		e, s, p := newEnvelope(), good, testPlace
		c.change(e, &s, &p)
		err := e.Wrap(p, testKeyer, s)
		if !errors.Is(err, c.want) || e.Wrapped != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got, sent := e.AppendWrapped([]byte("x"), p, testKeyer, s); fmt.Sprint(sent) != fmt.Sprint(err) ||
			string(got) != "x" {
			t.Errorf("%s: AppendWrapped: %q, %v; Wrap: %v", c.name, got, sent, err)
		}
	}
}

func TestAnIllegalTrailerIsNotWritten(t *testing.T) {
	key, id := crypto.NewDataKey(), crypto.NewSalt()
	for name, c := range map[string]struct {
		lengths []int64
		change  func(*crypto.Trailer)
		want    error
	}{
		"no parts":              {nil, nil, crypto.ErrPartition},
		"nothing in it":         {[]int64{0}, nil, crypto.ErrPartition},
		"small before the last": {[]int64{least - 1, 1}, nil, crypto.ErrPartition},
		"empty before the last": {[]int64{least, 0, 1}, nil, crypto.ErrPartition},
		"too large":             {[]int64{crypto.MaxPart + 1}, nil, crypto.ErrPartition},
		"negative":              {[]int64{least, -1}, nil, crypto.ErrPartition},
		"10,001 parts":          {slicesOf(10001, least), nil, crypto.ErrPartition},
		"another length":        {[]int64{5}, func(t *crypto.Trailer) { t.Length++ }, crypto.ErrPartition},
		"an unknown checksum":   {[]int64{5}, func(t *crypto.Trailer) { t.Checksum.Algorithm = 11 }, crypto.ErrFormat},
		"a checksum of no type": {[]int64{5}, func(t *crypto.Trailer) { t.Checksum.Type = 0 }, crypto.ErrFormat},
		"an unknown part's sum": {[]int64{5}, func(t *crypto.Trailer) { t.Parts[0].Algorithm = 11 }, crypto.ErrFormat},
		"a checksum cut shorter": {
			[]int64{5}, func(t *crypto.Trailer) { t.Checksum.Value = t.Checksum.Value[1:] }, crypto.ErrFormat,
		},
	} {
		trailer := trailerOf(c.lengths)
		if c.change != nil {
			c.change(trailer)
		}
		if got, err := key.AppendTrailer([]byte("x"), &id, trailer); !errors.Is(err, c.want) || string(got) != "x" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnOpenedTrailerLeavesNoChecksumInItsBytes(t *testing.T) {
	o := sealObject(t, least, 5)
	sum := bytes.Repeat([]byte{0xab}, 32)
	o.trailer.Parts[0].SetChecksum(crypto.SHA256, sum)
	o.trailer.Checksum = &crypto.Checksum{Type: crypto.FullObject, Algorithm: crypto.SHA256, Value: bytes.Clone(sum)}
	end, err := o.key.AppendTrailer(nil, &o.envelope.ObjectID, &o.trailer)
	if err != nil {
		t.Fatal(err)
	}
	trailer, need, err := o.key.OpenTrailer(&o.envelope.ObjectID, crypto.StoredLength(least+5), end)
	if err != nil || need != 0 {
		t.Fatal(need, err)
	}
	if bytes.Contains(end, sum[:8]) {
		t.Error("a checksum is in the bytes that the trailer was opened from")
	}
	if got := trailer.Parts[0].Checksum(); !bytes.Equal(got.Value, sum) || !bytes.Equal(trailer.Checksum.Value, sum) ||
		trailer.Parts[1].Checksum() != nil {
		t.Errorf("the trailer lost its checksums: %+v", got)
	}
}

func slicesOf(n int, length int64) []int64 {
	lengths := make([]int64, n)
	for i := range lengths {
		lengths[i] = length
	}
	return lengths
}

func TestAMultipartCopyMaySealItsLength(t *testing.T) {
	o := sealObject(t, least, 9)
	o.envelope.Copied = true
	secrets := crypto.Secrets{DataKey: o.key, HasLength: true, Length: least + 9}
	if err := o.envelope.Wrap(testPlace, testKeyer, secrets); err != nil {
		t.Fatal(err)
	}
	if o.verdict(t, "copy", o.envelope.AppendText(nil), o.stored) {
		t.Error("a copy with its length sealed doesn't open")
	}
	secrets.Length = 0
	if err := o.envelope.Wrap(testPlace, testKeyer, secrets); !errors.Is(err, crypto.ErrFormat) {
		t.Errorf("an empty multipart object: %v", err)
	}
}

func TestS8TheStoredSizeMustBeTheSealedLengths(t *testing.T) {
	for _, c := range []struct {
		name    string
		secrets crypto.Secrets
		stored  int64
		plain   int64
		want    error
	}{
		{"right", crypto.Secrets{HasLength: true, Length: 100}, crypto.StoredLength(100), 100, nil},
		{"empty", crypto.Secrets{HasLength: true}, 0, 0, nil},
		{"multipart", crypto.Secrets{}, crypto.StoredLength(7), 7, nil},
		{
			"another object's",
			crypto.Secrets{HasLength: true, Length: 100},
			crypto.StoredLength(99), 0,
			crypto.ErrDamaged,
		},
		{"cut to nothing", crypto.Secrets{HasLength: true, Length: 100}, 0, 0, crypto.ErrDamaged},
		{"multipart cut to nothing", crypto.Secrets{}, 0, 0, crypto.ErrDamaged},
		{"no object's", crypto.Secrets{}, 17, 0, crypto.ErrDamaged},
	} {
		if plain, err := c.secrets.CheckStored(c.stored); plain != c.plain || !errors.Is(err, c.want) {
			t.Errorf("%s: %d, %v", c.name, plain, err)
		}
	}
}

func TestErrorsKnowTheirS3Code(t *testing.T) {
	if got, ok := errors.AsType[*crypto.Error](crypto.ErrNotSealed); !ok || got.S3Code() != "InvalidObjectState" {
		t.Error("not sealed")
	}
	_, err := crypto.ParseEnvelopeText([]byte("AAAA"))
	if got, ok := errors.AsType[*crypto.Error](err); !ok || got.S3Code() != "InternalError" {
		t.Error("malformed")
	}
}
