package objects

import (
	"testing"

	"sealfront/crypto"
)

// A body of any size has room for itself, its tags and its end, and a small one takes little memory.
func TestAWholeBodyTakesMemoryByItsSize(t *testing.T) {
	for _, c := range []struct{ length, most int64 }{
		{0, 8 << 10},
		{4 << 10, 8 << 10},
		{4<<10 + 1, 12 << 10},
		{32 << 10, 36 << 10},
		{crypto.SegmentSize, crypto.SegmentSize + 4<<10},
		{crypto.SegmentSize + 1, wholeSize},
		{WholeLimit, wholeSize},
	} {
		w := getWholeBody(c.length)
		got, need := int64(len(w.memory)), crypto.StoredLength(c.length)
		if got > c.most || got < need {
			t.Errorf("%d bytes of plaintext get %d, want %d to %d", c.length, got, need, c.most)
		}
		putWholeBody(w)
		if again := getWholeBody(c.length); int64(len(again.memory)) != got {
			t.Errorf("%d bytes of plaintext get %d from the pool, want %d", c.length, len(again.memory), got)
		}
	}
}
