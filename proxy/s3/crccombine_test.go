package s3

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestCombinedChecksumIsThatOfTheWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range ChecksumKinds {
		kind := &ChecksumKinds[i]
		if !kind.Full {
			continue
		}
		for _, sizes := range [][2]int{{0, 0}, {0, 5}, {5, 0}, {1, 1}, {3, 4}, {1000, 70_000}, {65536, 65536}} {
			whole := make([]byte, sizes[0]+sizes[1])
			for i := range whole {
				whole[i] = byte(random.Uint32())
			}
			sum := func(b []byte) []byte {
				h := kind.Make()
				h.Write(b)
				return h.Sum(nil)
			}
			got := CombineCRC(kind.Algorithm, sum(whole[:sizes[0]]), sum(whole[sizes[0]:]), int64(sizes[1]))
			if want := sum(whole); !bytes.Equal(got, want) {
				t.Errorf("%s of %d and %d bytes: %x, want %x", kind.Name, sizes[0], sizes[1], got, want)
			}
		}
	}
}
