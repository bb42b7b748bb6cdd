package attestation_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"sealfront/proxy/attestation"
)

func judge(limit int64, pieces ...[]byte) string {
	s := attestation.NewStructure(limit)
	for _, p := range pieces {
		if n, err := s.Write(p); n != len(p) || err != nil {
			panic("short write")
		}
	}
	return s.Found()
}

func randomBytes(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// Random bodies pass, of any length and however they are written: here some thousands of windows, of which the worst is
// far from the bound.
func TestRandomBodiesPass(t *testing.T) {
	t.Parallel()
	for _, n := range []int{
		0, 1, 100, attestation.LeastWindow - 1, attestation.LeastWindow, attestation.WindowSize, attestation.WindowSize + 1,
	} {
		for seed := range 50 {
			if found := judge(-1, randomBytes(byte(seed), n)); found != "" {
				t.Errorf("%d random bytes, %d: %s", n, seed, found)
			}
		}
	}
	large := randomBytes(7, 64<<20)
	if found := judge(-1, large); found != "" {
		t.Error(found)
	}
	var pieces [][]byte
	for rest, size := large[:1<<20], 1; len(rest) > 0; size = size*3 + 1 {
		n := min(size, len(rest))
		pieces, rest = append(pieces, rest[:n]), rest[n:]
	}
	if found := judge(-1, pieces...); found != "" {
		t.Error(found)
	}
}

// Usual plaintext fails, also as one window of many; what isn't judged passes.
func TestPlaintextFails(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("the quick brown fox jumps over the lazy dog, ", 2000))
	sparse := randomBytes(1, attestation.WindowSize) // 2 % zeros
	clear(sparse[:attestation.WindowSize/50])
	for what, body := range map[string][]byte{
		"text":         text,
		"zeros":        make([]byte, attestation.LeastWindow),
		"numbers":      bytes.Repeat([]byte{0, 0, 1, 7}, 10_000),
		"partly zeros": sparse,
		"a window of it": append(append(randomBytes(1, 10*attestation.WindowSize), text[:attestation.WindowSize]...),
			randomBytes(2, 1<<20)...),
		"the end of it":    append(randomBytes(3, 3*attestation.WindowSize), text[:attestation.LeastWindow]...),
		"a PNG":            append([]byte("\x89PNG\r\n\x1a\n"), randomBytes(4, 100)...),
		"a zip":            append([]byte("PK\x03\x04\x14\x00\x08\x00"), randomBytes(4, 100)...),
		"a tar":            append(append(randomBytes(5, 257), "ustar\x0000"...), randomBytes(6, 100)...),
		"a short database": []byte("SQLite format 3\x00"),
	} {
		if judge(-1, body) == "" {
			t.Errorf("%s: nothing was found", what)
		}
	}
	body := append(randomBytes(1, attestation.WindowSize), make([]byte, attestation.WindowSize)...)
	if found := judge(attestation.WindowSize, body); found != "" {
		t.Errorf("beyond the limit: %s", found)
	}
	if found := judge(0, text); found != "" {
		t.Errorf("nothing is judged: %s", found)
	}
}
