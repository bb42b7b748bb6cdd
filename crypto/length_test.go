package crypto_test

import (
	"math/rand/v2"
	"testing"

	"sealfront/crypto"
)

const (
	segment = crypto.SegmentSize
	least   = crypto.MinPartSize
)

// randomPartition returns the lengths of a legal upload, mostly at the edges where overhead is greatest.
func randomPartition(r *rand.Rand, most int) []int64 {
	lengths := make([]int64, 1+r.IntN(most))
	for i := range lengths {
		n := int64(least)
		switch r.IntN(8) {
		case 0:
			n += segment - 1
		case 1:
			n += segment
		case 2:
			n += segment + 1
		case 3:
			n += r.Int64N(4 * segment)
		case 4:
			n += r.Int64N(1 << 30)
		case 5:
			n++
		}
		lengths[i] = n
	}
	last := &lengths[len(lengths)-1]
	switch r.IntN(5) {
	case 0:
		*last = 0
	case 1:
		*last = 1
	case 2:
		*last = r.Int64N(2 * least)
	case 3:
		*last = r.Int64N(2 * segment)
	}
	if len(lengths) == 1 && *last == 0 {
		*last = 1
	}
	return lengths
}

// trailerOf has the largest rows and checksum there are.
func trailerOf(lengths []int64) *crypto.Trailer {
	t := &crypto.Trailer{
		Checksum: &crypto.Checksum{Type: crypto.Composite, Algorithm: crypto.SHA512, Value: make([]byte, 64)},
	}
	for _, n := range lengths {
		t.Length += n
		t.Parts = append(t.Parts, crypto.Part{Length: n, Algorithm: crypto.SHA512})
	}
	return t
}

func TestEveryLegalPartitionFitsTheStoredLength(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	slack := int64(1 << 62)
	check := func(lengths []int64) {
		trailer := trailerOf(lengths)
		if err := trailer.Check(); err != nil {
			t.Fatalf("%d parts, %d bytes: %v", len(lengths), trailer.Length, err)
		}
		padding := trailer.Padding()
		slack = min(slack, padding)
		if padding < 0 || padding > 1_200_000 {
			t.Fatalf("%d parts of %d bytes: padding %d", len(lengths), trailer.Length, padding)
		}
	}
	for range 20_000 {
		check(randomPartition(r, 200))
	}
	all := func(n int, length, last int64) []int64 {
		lengths := make([]int64, n)
		for i := range lengths {
			lengths[i] = length
		}
		lengths[n-1] = last
		return lengths
	}
	for _, length := range []int64{least, least + 1, least + segment - 1, crypto.MaxPart} {
		for _, last := range []int64{0, 1, segment, least - 1, least, crypto.MaxPart10000} {
			check(all(crypto.MaxParts, length, last))
			check(all(crypto.MaxParts-1, length, last))
			check(all(2, length, last))
		}
	}
	if slack != 94 {
		t.Errorf("the least padding is %d, and not what FORMAT.md claims", slack)
	}
}

func TestStoredLengthIsStrictlyIncreasingAndInverts(t *testing.T) {
	check := func(from, to int64) {
		before := crypto.StoredLength(max(0, from-1))
		for plain := max(0, from); plain <= min(to, crypto.MaxObject); plain++ {
			stored := crypto.StoredLength(plain)
			if plain > 0 && stored <= before {
				t.Fatalf("stored(%d) = %d isn't above stored(%d) = %d", plain, stored, plain-1, before)
			}
			if got, ok := crypto.PlainLength(stored); !ok || got != plain {
				t.Fatalf("stored⁻¹(stored(%d)) = %d, %v", plain, got, ok)
			}
			for between := before + 1; between < stored; between++ {
				if got, ok := crypto.PlainLength(between); ok {
					t.Fatalf("stored⁻¹(%d) = %d, but stored(%d) = %d", between, got, got, crypto.StoredLength(got))
				}
			}
			before = stored
		}
	}
	check(0, 2*segment+20)
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		edge := r.Int64N(1<<r.IntN(46) + 1)
		edge = min(edge, crypto.MaxObject)
		check(edge-3, edge+3)
		check(edge/segment*segment-3, edge/segment*segment+3)
		check(edge/least*least-3, edge/least*least+3)
	}
}

func TestW5LimitsAreTheLastThatFitTheStore(t *testing.T) {
	const storePart = 5 << 30
	if crypto.StoredLength(crypto.MaxObjectPut) > storePart || crypto.StoredLength(crypto.MaxObjectPut+1) <= storePart {
		t.Errorf("stored(MaxObjectPut) = %d", crypto.StoredLength(crypto.MaxObjectPut))
	}
	if crypto.SealedLength(crypto.MaxPart) > storePart || crypto.SealedLength(crypto.MaxPart+segment) <= storePart {
		t.Errorf("sealed(MaxPart) = %d", crypto.SealedLength(crypto.MaxPart))
	}
	// Beside part 10,000 the store's part holds padding and trailer, of whatever size they are.
	end := crypto.StoredLength(crypto.MaxObject) - crypto.SealedLength(crypto.MaxPart10000) - 9999*
		crypto.SealedLength(crypto.MaxPart)
	if crypto.SealedLength(crypto.MaxPart10000)+end > storePart {
		t.Errorf("part 10,000 with %d bytes of padding and trailer doesn't fit", end)
	}
	for _, plain := range []int64{-1, crypto.MaxObject + 1, 1<<63 - 1} {
		if got := crypto.StoredLength(plain); got != -1 {
			t.Errorf("stored(%d) = %d, want -1", plain, got)
		}
	}
}

func FuzzLength(f *testing.F) {
	for _, n := range []int64{0, 1, 305, 65536, 5 << 20, 5 << 30, crypto.MaxObject, -1, 1<<63 - 1} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		if stored := crypto.StoredLength(n); stored >= 0 {
			if plain, ok := crypto.PlainLength(stored); !ok || plain != n {
				t.Fatalf("stored⁻¹(stored(%d)) = %d, %v", n, plain, ok)
			}
		} else if n >= 0 && n <= crypto.MaxObject {
			t.Fatalf("no stored length for %d", n)
		}
		if plain, ok := crypto.PlainLength(n); ok && crypto.StoredLength(plain) != n {
			t.Fatalf("stored(stored⁻¹(%d)) = %d", n, crypto.StoredLength(plain))
		} else if !ok && plain != 0 {
			t.Fatalf("%d isn't in the image and gives %d", n, plain)
		}
	})
}

func BenchmarkPlainLength(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		crypto.PlainLength(5_497_558_138_880)
	}
}
