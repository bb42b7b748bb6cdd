package crypto_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"sealfront/crypto"
)

func FuzzParseEnvelope(f *testing.F) {
	for _, v := range loadVectors(f) {
		f.Add([]byte(v.Envelope))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := crypto.ParseEnvelopeText(text)
		if (e == nil) == (err == nil) {
			t.Fatalf("envelope %v, error %v", e, err)
		}
		if err == nil {
			if again := e.AppendText(nil); !bytes.Equal(again, text) {
				t.Fatalf("%s is written as %s", text, again)
			}
			if len(text) > crypto.MaxEnvelopeText || e.KeyARN == "" || strings.ContainsAny(e.KeyARN, "\r\n \x00") {
				t.Fatalf("accepted %d bytes, ARN %q", len(text), e.KeyARN)
			}
			if _, err := e.Unwrap(testPlace, testKeyer); err == nil {
				t.Fatal("opened under a key and place that it wasn't sealed for")
			}
		}
		// The binary form by the same measure.
		if e, err := crypto.ParseEnvelope(text); err == nil && !bytes.Equal(e.Append(nil), text) {
			t.Fatalf("%x is written as %x", text, e.Append(nil))
		}
	})
}

func FuzzParseTrailer(f *testing.F) {
	o := sealObject(f, least, 5)
	o.trailer.Checksum = &crypto.Checksum{Type: crypto.Composite, Algorithm: crypto.SHA1, Value: make([]byte, 20)}
	o.trailer.Parts[0].SetChecksum(crypto.CRC32, []byte{1, 2, 3, 4})
	f.Add(o.trailer.AppendRecord(nil))
	f.Add(trailerOf(slicesOf(100, least)).AppendRecord(nil))
	f.Add(o.stored[len(o.stored)-200:])
	f.Add(append(make([]byte, 660), "SEALFRNT\x01\x00\x00\x00\x00\x0d\x1f\xbc0000000000000000"...)) // the largest
	f.Add(append(make([]byte, 660), "SEALFRNT\x01\x00\x00\x00\x00\x0d\x1f\xbd0000000000000000"...)) // and one more
	f.Fuzz(func(t *testing.T, b []byte) {
		trailer, err := crypto.ParseRecord(b)
		if (trailer == nil) == (err == nil) {
			t.Fatalf("trailer %v, error %v", trailer, err)
		}
		if err == nil {
			if again := trailer.AppendRecord(nil); !bytes.Equal(again, b) {
				t.Fatalf("%x is written as %x", b, again)
			}
			if trailer.Padding() < 0 || trailer.Layout().Length() != trailer.Length {
				t.Fatalf("padding %d, length %d", trailer.Padding(), trailer.Length)
			}
		}
		// As an object's end it never opens, and never wants more than the object can have.
		key := crypto.DataKeyFrom([32]byte{1})
		for _, plain := range []int64{1, int64(len(b)), least + 5, crypto.MaxObject} {
			stored := crypto.StoredLength(plain)
			opened, need, err := key.OpenTrailer(&[16]byte{}, stored, bytes.Clone(b))
			if opened != nil || err == nil && (need <= int64(len(b)) || need > stored || need > crypto.MaxEnd) {
				t.Fatalf("opened %v, wants %d of %d, %v", opened, need, stored, err)
			}
		}
	})
}

func FuzzPartRecordName(f *testing.F) {
	stateKey := fixed("state key")
	f.Add("uploads/b/h/parts/", "00001-AAAA", int64(5), uint8(1), `"etag"`)
	f.Add("", "10000-"+strings.Repeat("A", 204), int64(crypto.MaxPart), uint8(5), strings.Repeat("e", 66))
	f.Add("", "10000-"+strings.Repeat("A", 248), int64(crypto.MaxPart), uint8(6), strings.Repeat("e", 67))
	f.Fuzz(func(t *testing.T, prefix, name string, length int64, algorithm uint8, etag string) {
		if r, err := crypto.ParsePartRecordName(&stateKey, prefix, name); err == nil || r != nil {
			t.Fatalf("%q parsed as %+v", name, r)
		}
		record := crypto.PartRecord{Number: int(algorithm)%crypto.MaxParts + 1, StoreETag: etag, Stashed: length%2 == 0}
		record.Length, record.Salt = length, [16]byte{9}
		record.SetChecksum(crypto.Algorithm(algorithm),
			bytes.Repeat([]byte{algorithm}, crypto.Algorithm(algorithm).Size()))
		written, err := record.AppendName([]byte("before"), &stateKey, prefix)
		if err != nil {
			if string(written) != "before" {
				t.Fatalf("error and %q", written)
			}
			return
		}
		text := strings.TrimPrefix(string(written), "before")
		if len(text)-len(prefix) > crypto.MaxPartRecordName {
			t.Fatalf("%d characters", len(text)-len(prefix))
		}
		if got, err := crypto.ParsePartRecordName(&stateKey, prefix, text); err != nil || *got != record {
			t.Fatalf("%+v came back as %+v, %v", record, got, err)
		}
		if strings.ContainsAny(text[len(prefix):], "/+=\r\n") {
			t.Fatalf("%q is more than a path segment", text[len(prefix):])
		}
	})
}

// FuzzDerivation compares the derivation of keys with crypto/hkdf.
func FuzzDerivation(f *testing.F) {
	long := bytes.Repeat([]byte{0xa5}, 100)
	for n := range 40 {
		f.Add(long[:n], "sealfront/1 wrap", long[:n/2], long[n:2*n])
	}
	f.Fuzz(func(t *testing.T, secret []byte, label string, first, second []byte) {
		var bucketKey, key [crypto.KeySize]byte
		copy(bucketKey[:], secret)
		want, err := hkdf.Expand(sha256.New, bucketKey[:], label+string(first)+string(second), crypto.KeySize)
		if err != nil {
			t.Fatal(err)
		}
		if got := crypto.Expand(&bucketKey, label, first, second); !bytes.Equal(got[:], want) {
			t.Errorf("Expand: %x, want %x", got, want)
		}
		var salt [crypto.SaltSize]byte
		copy(salt[:], first)
		if err := crypto.DeriveWrapKey(&bucketKey, &salt, &key); err != nil {
			if bucketKey != [crypto.KeySize]byte{} || !errors.Is(err, crypto.ErrZeroKey) {
				t.Error(err)
			}
			return
		}
		if want, err = hkdf.Key(sha256.New, bucketKey[:], salt[:], "sealfront/1 wrap", crypto.KeySize); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(key[:], want) {
			t.Errorf("DeriveWrapKey: %x, want %x", key, want)
		}
	})
}
