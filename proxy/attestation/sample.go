package attestation

import (
	"bytes"
	"container/heap"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
)

// Score is a name's place in the draw: HMAC-SHA256 under the seed of the key, a zero byte, and the version's id, which
// is empty for a current object.
func Score(seed []byte, key, version string) [sha256.Size]byte {
	h := hmac.New(sha256.New, seed)
	h.Write([]byte(key + "\x00" + version))
	return [sha256.Size]byte(h.Sum(nil))
}

// A Drawn object belongs to the sample.
type Drawn struct {
	Row   // its own in the list, not that of the sample
	score [sha256.Size]byte
}

// A draw keeps the n names of the smallest scores.
type draw struct {
	n    int
	seed []byte
	kept largest
}

func (d *draw) add(r *Row) {
	one := Drawn{*r, Score(d.seed, r.Key, r.Version)}
	switch {
	case d.n <= 0:
	case len(d.kept) < d.n:
		heap.Push(&d.kept, one)
	case bytes.Compare(one.score[:], d.kept[0].score[:]) < 0:
		d.kept[0] = one
		heap.Fix(&d.kept, 0)
	}
}

// drawn are those that were kept, in the order of their scores.
func (d *draw) drawn() []Drawn {
	return slices.SortedFunc(slices.Values(d.kept), func(a, b Drawn) int { return bytes.Compare(a.score[:], b.score[:]) })
}

// largest is a heap with the largest score on top.
type largest []Drawn

func (l largest) Len() int           { return len(l) }
func (l largest) Less(i, j int) bool { return bytes.Compare(l[i].score[:], l[j].score[:]) > 0 }
func (l largest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *largest) Push(x any)        { *l = append(*l, x.(Drawn)) }
func (l *largest) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}
