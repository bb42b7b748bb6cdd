package gateway_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Traps 2, 3, 9 and 11, on the store's disk: an object of several parts is changed at each of its boundaries and at
// random. What a reader gets of it is a true prefix that breaks off, or an error; where it is another object's or an
// older version's, too.
func TestAttacksOnStoredParts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	random := rand.New(rand.NewPCG(3, 4))
	parts := [][]byte{
		proxytest.RandomBytes(5 * proxytest.MiB),
		bytes.Repeat([]byte("second "), 5*proxytest.MiB/7+10_000), proxytest.RandomBytes(70_000),
	}
	sealedSize := func(n int) int { return n + 16*((n+65535)/65536) }

	u := proxytest.NewUploader(t, client, bucket, "object")
	for i, part := range parts {
		u.Part(int32(i+1), part)
	}
	if _, err := u.Complete(1, 2, 3); err != nil {
		t.Fatal(err)
	}
	p.FullUpload(client, bucket, "other", parts...)
	body := string(slices.Concat(parts...))
	file := proxytest.StoredFile(dir, bucket, "object")
	stored, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(proxytest.StoredFile(dir, bucket, "other"))
	if err != nil || len(other) != len(stored) {
		t.Fatal(len(other), len(stored), err)
	}
	starts := []int{0, sealedSize(len(parts[0])), sealedSize(len(parts[0])) + sealedSize(len(parts[1]))}
	end := starts[2] + sealedSize(len(parts[2]))
	recordSize := int(binary.BigEndian.Uint32(stored[len(stored)-20:]))
	trailer := len(stored) - 32 - recordSize

	read := func(what string, mustFail bool, more ...sigv4.Field) {
		t.Helper()
		want := body
		if len(more) > 0 {
			want = body[len(parts[0])-10 : len(parts[0])+10]
		}
		a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/object", Header: more})
		switch {
		case a.StatusCode/100 == 2 && !strings.HasPrefix(want, a.Text):
			t.Errorf("%s: other bytes were released", what)
		case a.StatusCode/100 == 2 && len(a.Text) < len(want) && a.Err == nil:
			t.Errorf("%s: a clean short body of %d bytes", what, len(a.Text))
		case a.StatusCode/100 == 2 && mustFail && a.Err == nil:
			t.Errorf("%s: not noticed", what)
		case a.StatusCode/100 != 2 && a.StatusCode/100 != 5 && a.StatusCode != 0: // 0: broken off before the first byte
			t.Errorf("%s: %d %s", what, a.StatusCode, a.Code())
		}
	}
	attack := func(what string, changed []byte, mustFail bool) {
		t.Helper()
		proxytest.Overwrite(t, file, changed)
		// As by a store that lies consistently: under another ETag nothing that is remembered of the object serves.
		etag := make([]byte, 16)
		for i := range etag {
			etag[i] = byte(random.Uint32())
		}
		proxytest.SetAttribute(t, file, "user.etag", []byte(`"`+hex.EncodeToString(etag)+`-3"`))
		read(what, mustFail)
		read(what+", a range across parts", false,
			proxytest.Field("Range", fmt.Sprintf("bytes=%d-%d", len(parts[0])-10, len(parts[0])+9)))
	}
	proxytest.StoredMetadata(t, file) // or skip
	attack("untouched", stored, false)
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/object"}); a.Text != body || a.Err != nil {
		t.Fatal("the object can't be read under another ETag", a.StatusCode)
	}

	flip := func(at int) []byte {
		changed := bytes.Clone(stored)
		changed[at] ^= 1 << random.IntN(8)
		return changed
	}
	var positions []int
	for _, boundary := range []int{starts[0], starts[1], starts[2], end, 65536 + 16, starts[1] + 65536 + 16} {
		positions = append(positions, boundary-17, boundary-16, boundary-1, boundary, boundary+1)
	}
	for range 6 {
		positions = append(positions, random.IntN(end))
	}
	for _, at := range positions {
		if at >= 0 && at < end {
			attack(fmt.Sprintf("byte %d of the segments", at), flip(at), true)
		}
	}
	for at := len(stored) - 32; at < len(stored); at++ {
		attack(fmt.Sprintf("byte %d of the tail", at-len(stored)+32), flip(at), true)
	}
	for range 6 {
		at := trailer + random.IntN(recordSize)
		attack(fmt.Sprintf("byte %d of the sealed record", at-trailer), flip(at), true)
		attack("padding", flip(end+random.IntN(trailer-end)), false)
	}
	for _, cut := range []int{
		1, 16, starts[1] - 1, starts[1], starts[2], end - 1, end, trailer, len(stored) - 32,
		len(stored) - 1,
	} {
		attack(fmt.Sprintf("cut to %d", cut), stored[:cut], true)
	}
	// The length is right again, the bytes are not.
	for _, cut := range []int{0, starts[1], starts[2], end} {
		attack(fmt.Sprintf("zeros from %d", cut), slices.Concat(stored[:cut], make([]byte, len(stored)-cut)), true)
		attack(fmt.Sprintf("an other object's from %d", cut), slices.Concat(stored[:cut], other[cut:]), true)
		if cut > 0 {
			attack(fmt.Sprintf("an other object's up to %d", cut), slices.Concat(other[:cut], stored[cut:]), true)
		}
	}
	const segment = 65536 + 16
	for what, places := range map[string][2]int{
		"two segments of a part swapped": {0, segment},
		"segments of two parts swapped":  {segment, starts[1] + segment},
		"first segments swapped":         {0, starts[1]},
	} {
		changed := bytes.Clone(stored)
		copy(changed[places[0]:], stored[places[1]:places[1]+segment])
		copy(changed[places[1]:], stored[places[0]:places[0]+segment])
		attack(what, changed, true)
	}
	attack("parts in another order", slices.Concat(stored[starts[1]:starts[2]], stored[:starts[1]], stored[starts[2]:]),
		true)

	// An older version whole is the store's to bring back, an older version's bytes under the newer envelope are not.
	attack("restored", stored, false)
	if _, err := client.PutObject(t.Context(),
		&s3.PutObjectInput{Bucket: &bucket, Key: &u.Key, Body: strings.NewReader("new")}); err != nil {
		t.Fatal(err)
	}
	attack("the older version's bytes", stored, true)
}
