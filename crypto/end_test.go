package crypto_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sealfront/crypto"
)

func TestAnObjectsEndIsPaddingAndTrailer(t *testing.T) {
	o := sealObject(t, least, 5)
	for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
		end, err := o.key.NewEnd(&o.envelope.ObjectID, &o.trailer)
		if err != nil {
			t.Fatal(err)
		}
		want := o.trailer.Padding() + o.trailer.SealedLength()
		if end.Len() != want {
			t.Fatalf("%d bytes, want %d", end.Len(), want)
		}
		b, err := io.ReadAll(wrap(end))
		if err != nil || int64(len(b)) != want || end.Len() != 0 ||
			!bytes.Equal(b[:o.trailer.Padding()], make([]byte, o.trailer.Padding())) {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		stored := append(bytes.Clone(o.stored[:int64(len(o.stored))-want]), b...)
		if o.verdict(t, "end from a stream", o.envelope.AppendText(nil), stored) {
			t.Error("the object doesn't open")
		}
	}
	if _, err := o.key.NewEnd(&o.envelope.ObjectID, &crypto.Trailer{}); !errors.Is(err, crypto.ErrPartition) {
		t.Error(err)
	}
}

func TestNumbersHaveS3sNames(t *testing.T) {
	var names []string
	for a := range crypto.Algorithm(12) {
		names = append(names, a.String())
	}
	for _, s := range []fmt.Stringer{
		crypto.FullObject, crypto.Composite, crypto.ChecksumType(0), crypto.SSES3, crypto.SSEKMS, crypto.SSE(9),
	} {
		names = append(names, s.String())
	}
	if got, want := strings.Join(names, " "), " CRC32 CRC32C CRC64NVME SHA1 SHA256 SHA512 MD5 XXHASH64 XXHASH3 "+
		"XXHASH128  FULL_OBJECT COMPOSITE  AES256 aws:kms "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
