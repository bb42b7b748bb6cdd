package sigv4_test

import (
	"fmt"
	"strings"
	"testing"

	"sealfront/sigv4"
)

func TestEncodedLength(t *testing.T) {
	for _, size := range []int{0, 1, 8191, 8192, 8193, 16384, 65536, 100_000} {
		for _, chunk := range []int{8192, 65536} {
			u := newUpload(t, signedChunks, size)
			var chunks []string
			for left := size; left > 0; left -= chunk {
				chunks = append(chunks, strings.Repeat("x", min(left, chunk)))
			}
			body := u.frame("", chunks...)
			if got := sigv4.EncodedLength(int64(size), int64(chunk)); got != int64(len(body)) {
				t.Errorf("%d bytes in chunks of %d: %d, want %d", size, chunk, got, len(body))
			}
			if got, _, err := u.read(strings.NewReader(body)); err != nil || len(got) != size {
				t.Errorf("%d bytes in chunks of %d: %d, %v", size, chunk, len(got), err)
			}
		}
	}
}

func TestStringsOfPayloadAndKind(t *testing.T) {
	if got := fmt.Sprint(sigv4.PayloadHash, sigv4.PayloadBody, sigv4.Payload(99), sigv4.Anonymous, sigv4.Form); got !=
		"hash body unknown anonymous form" {
		t.Error(got)
	}
}
