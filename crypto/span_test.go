package crypto_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"sealfront/crypto"
)

func TestARangeOfTheSealedIsTheRangeOfThePlain(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	partitions := [][]int64{
		{1},
		{segment},
		{segment + 1},
		{5*segment + 77},
		{least + 1, 3 * segment},
		{least, least + 7, 0},
		{least + segment, 1},
	}
	for range 4 {
		partitions = append(partitions, []int64{least + r.Int64N(3*segment), 1 + r.Int64N(3*segment)})
	}
	for _, lengths := range partitions {
		t.Run(fmt.Sprint(lengths), func(t *testing.T) {
			o := sealObject(t, lengths...)
			size := int64(len(o.plain))
			edges := []int64{
				0, 1, segment - 1, segment, segment + 1, size - 1, size - 2, lengths[0] - 1, lengths[0], lengths[0] + 1,
			}
			pick := func() int64 {
				if r.IntN(2) == 0 {
					return min(max(0, edges[r.IntN(len(edges))]), size-1)
				}
				return r.Int64N(size)
			}
			for range 30 {
				first, last := pick(), pick()
				first, last = min(first, last), max(first, last)
				got, err := o.open(first, last)
				if err != nil || !bytes.Equal(got, o.plain[first:last+1]) {
					t.Fatalf("bytes %d to %d: %d bytes, %v", first, last, len(got), err)
				}
			}
		})
	}
}

func TestARangeOutsideOfTheObjectHasNoSpan(t *testing.T) {
	for _, layout := range []*crypto.Layout{
		crypto.SinglePart(100, [16]byte{}), crypto.SinglePart(0, [16]byte{}), crypto.NewLayout([]int64{least, 100}),
	} {
		n := layout.Length()
		for _, bad := range [][2]int64{{-1, 0}, {n, n}, {0, n}, {5, 4}, {1 << 62, 1<<63 - 1}} {
			if _, err := layout.Span(bad[0], bad[1]); !errors.Is(err, crypto.ErrDamaged) {
				t.Errorf("Span(%d, %d) of %d: %v", bad[0], bad[1], n, err)
			}
			walk := layout.Walk(bad[0], bad[1])
			if step, ok := walk.Next(); ok {
				t.Errorf("Walk(%d, %d) of %d: %+v", bad[0], bad[1], n, step)
			}
		}
	}
}

// checkWalk walks a range and compares it with the span and with the parts.
func checkWalk(t *testing.T, layout *crypto.Layout, first, last int64) {
	t.Helper()
	span, err := layout.Span(first, last)
	if err != nil {
		t.Fatal(err)
	}
	walk := layout.Walk(first, last)
	at, plain := span.First, int64(0)
	for {
		step, ok := walk.Next()
		if !ok {
			break
		}
		part := layout.Part(step.Part)
		if want := part.Stored + int64(step.Index)*crypto.SealedSegmentSize; at != want {
			t.Fatalf("segment %d of part %d at %d, want %d", step.Index, step.Part, at, want)
		}
		at += int64(step.Stored)
		if (at == part.Stored+part.SealedLength) != step.Last {
			t.Fatalf("segment %d of part %d: last is %v", step.Index, step.Part, step.Last)
		}
		released := int64(step.Stored - crypto.TagSize - step.Front - step.Back)
		if released < 1 {
			t.Fatalf("segment %d of part %d isn't needed: %+v", step.Index, step.Part, step)
		}
		if got := part.Plain + int64(step.Index)*segment + int64(step.Front); got != first+plain {
			t.Fatalf("released from %d, want %d", got, first+plain)
		}
		plain += released
	}
	if plain != last-first+1 || at != span.Last+1 {
		t.Fatalf("bytes %d to %d: walked %d plain, to %d of %+v", first, last, plain, at, span)
	}
}

func TestAWalkCoversItsSpan(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		lengths := randomPartition(r, 20)
		for i := range lengths {
			lengths[i] = min(lengths[i], 2*least)
		}
		layout := crypto.NewLayout(lengths)
		first := r.Int64N(layout.Length())
		checkWalk(t, layout, first, min(first+r.Int64N(least), layout.Length()-1))
	}
}

func TestAGuessServesForPartsOfWholeSegments(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	served := 0
	for range 2000 {
		lengths := make([]int64, 1+r.IntN(6))
		whole := r.IntN(2) == 0
		for i := range lengths {
			lengths[i] = least + segment*r.Int64N(5)
			if !whole {
				lengths[i] += r.Int64N(segment)
			}
		}
		lengths[len(lengths)-1] = 1 + r.Int64N(least)
		layout := crypto.NewLayout(lengths)
		first := r.Int64N(layout.Length())
		last := first + r.Int64N(layout.Length()-first)
		guess, err := crypto.GuessSpan(layout.Length(), first, last)
		if err != nil {
			t.Fatal(err)
		}
		span, err := layout.Span(first, last)
		if err != nil {
			t.Fatal(err)
		}
		if whole && guess != span {
			t.Fatalf("%v: bytes %d to %d: guess %+v, span %+v", lengths, first, last, guess, span)
		}
		if guess.Covers(span) {
			served++
		}
	}
	if served < 1000 {
		t.Errorf("%d guesses served", served)
	}
}

func TestLayoutSaysWhereEveryPartIs(t *testing.T) {
	lengths := []int64{least + 1, least, 5}
	layout := crypto.NewLayout(lengths)
	var plain, stored int64
	for i, n := range lengths {
		part := layout.Part(i)
		if part.Plain != plain || part.Length != n || part.Stored != stored ||
			part.SealedLength != crypto.SealedLength(n) || part.Salt[0] != byte(i) {
			t.Errorf("part %d: %+v", i, part)
		}
		plain, stored = plain+n, stored+crypto.SealedLength(n)
	}
	if layout.Parts() != 3 || layout.Length() != plain || layout.Size() < 96 {
		t.Errorf("%d parts, %d bytes, size %d", layout.Parts(), layout.Length(), layout.Size())
	}
}

func FuzzSpan(f *testing.F) {
	f.Add(int64(0), int64(0), int64(0), uint8(0), int64(0), int64(10))
	f.Add(int64(1), int64(65535), int64(1), uint8(2), int64(65535), int64(65536))
	f.Add(int64(7), int64(0), int64(1<<20), uint8(1), int64(5<<20), int64(5<<20+8))
	f.Fuzz(func(t *testing.T, a, b, c int64, parts uint8, first, last int64) {
		lengths := []int64{least + abs(a)%least, least + abs(b)%least, abs(c) % least}[2-parts%3:]
		layout := crypto.NewLayout(lengths)
		if _, err := layout.Span(first, last); err != nil {
			if first >= 0 && first <= last && last < layout.Length() {
				t.Fatal(err)
			}
			return
		}
		checkWalk(t, layout, first, last)
		span, _ := layout.Span(first, last)
		guess, err := crypto.GuessSpan(layout.Length(), first, last)
		whole := lengths[0]%segment == 0 && (len(lengths) < 3 || lengths[1]%segment == 0)
		if err != nil || (whole || len(lengths) == 1) && guess != span {
			t.Fatalf("guess %+v, %v, span %+v", guess, err, span)
		}
	})
}

func abs(n int64) int64 { return n & (1<<63 - 1) }
