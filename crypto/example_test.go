package crypto_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"sealfront/crypto"
)

// An object of one part, sealed on its way to the store, and a range of it opened on its way back.
func ExampleSealer() {
	plaintext := strings.NewReader("attack at dawn")
	place := crypto.Place{BucketARN: "arn:aws:s3express:us-west-2:123456789012:bucket/demo--az1--x-s3", Key: "orders/1"}

	key := crypto.NewDataKey()
	defer key.Wipe()
	envelope := crypto.Envelope{
		ObjectID: crypto.NewSalt(), PartSalt: crypto.NewSalt(),
		SSE: crypto.SSEKMS, KeyARN: "arn:aws:kms:us-west-2:123456789012:key/a", BucketKey: true,
		Blob: []byte("from KMS"),
	}
	secrets := crypto.Secrets{DataKey: key, HasLength: true, Length: plaintext.Size()}
	if err := envelope.Wrap(place, testKeyer, secrets); err != nil {
		panic(err)
	}
	header := envelope.AppendText(nil)

	slab := crypto.GetSlab()
	sealer := key.NewSealer(&envelope.PartSalt)
	n, _ := io.ReadFull(plaintext, slab.Body()[:crypto.SegmentSize])
	stored := bytes.Clone(sealer.Seal(slab.Body(), n, true))
	crypto.PutSlab(slab, 0)
	end, err := key.NewEnd(&envelope.ObjectID, &crypto.Trailer{
		Length: sealer.Length(),
		Parts:  []crypto.Part{{Length: sealer.Length(), Salt: envelope.PartSalt}},
	})
	if err != nil {
		panic(err)
	}
	rest, _ := io.ReadAll(end)
	stored = append(stored, rest...)
	fmt.Println(len(stored) == int(crypto.StoredLength(14)))

	parsed, err := crypto.ParseEnvelopeText(header)
	if err != nil {
		panic(err)
	}
	opened, err := parsed.Unwrap(place, testKeyer)
	if err != nil {
		panic(err)
	}
	defer opened.Wipe()
	length, err := opened.CheckStored(int64(len(stored)))
	if err != nil {
		panic(err)
	}
	layout := crypto.SinglePart(length, parsed.PartSalt)
	span, _ := layout.Span(10, 13)
	opener := opened.DataKey.OpenSpan(layout, 10, 13)
	at := span.First
	for n := opener.Next(); n > 0; n = opener.Next() {
		plain, err := opener.Open(stored[at : at+int64(n)])
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s\n", plain)
		at += int64(n)
	}

	_, err = parsed.Unwrap(crypto.Place{BucketARN: place.BucketARN, Key: "orders/2"}, testKeyer)
	fmt.Println(errors.Is(err, crypto.ErrTampered))
	// Output:
	// true
	// dawn
	// true
}
