package crypto_test

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"slices"
	"testing"
	"time"

	"sealfront/crypto"
)

var sizes = []int{0, 1, 4 << 10, segment - 1, segment}

func TestNoSegmentAllocates(t *testing.T) {
	key, salt := crypto.NewDataKey(), crypto.NewSalt()
	sealer, opener := key.NewSealer(&salt), key.NewOpener(&salt)
	slab := make([]byte, crypto.SealedSegmentSize)
	var index uint64
	if n := testing.AllocsPerRun(50, func() {
		sealed := sealer.Seal(slab, segment, false)
		if _, err := opener.Open(sealed, index, false); err != nil {
			t.Fatal(err)
		}
		index++
	}); n > 0 {
		t.Errorf("a segment costs %v allocations", n)
	}
	layout := crypto.SinglePart(1000*segment, salt)
	spanned := key.OpenSpan(layout, 0, 1000*segment-1)
	if n := testing.AllocsPerRun(1, func() { spanned.Next() }); n > 0 {
		t.Errorf("a step costs %v allocations", n)
	}
	walk := layout.Walk(0, 1000*segment-1)
	if n := testing.AllocsPerRun(100, func() { walk.Next() }); n > 0 {
		t.Errorf("a step of the walk costs %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { crypto.PutSlab(crypto.GetSlab(), 100) }); n > 0 && !raceEnabled {
		t.Errorf("a slab costs %v allocations", n)
	}
}

func TestAReturnedSlabHoldsNoPlaintext(t *testing.T) {
	slab := crypto.GetSlab()
	if len(slab.Body()) != crypto.SealedSegmentSize || len(slab.WithHead(10, 20)) != 30 {
		t.Fatal("a slab of another shape")
	}
	copy(slab.Body(), vectorBody(100))
	slab.WithHead(3, 1)[3] = 9
	if slab.Body()[0] != 9 {
		t.Error("head and body aren't neighbours")
	}
	kept := slab.Body()
	crypto.PutSlab(slab, 100)
	for i, b := range kept[:100] {
		if b != 0 {
			t.Fatalf("byte %d is still there", i)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			key, salt := crypto.NewDataKey(), crypto.NewSalt()
			slab := make([]byte, crypto.SealedSegmentSize)
			sealer := key.NewSealer(&salt)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				// A part ends somewhere; the next sealer is made outside of what is timed per byte only once in 80,000.
				if i++; i%80000 == 0 || n < segment {
					sealer = sealer.Again()
				}
				sealer.Seal(slab, n, n < segment)
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			key, salt := crypto.NewDataKey(), crypto.NewSalt()
			sealed := key.NewSealer(&salt).Seal(make([]byte, crypto.SealedSegmentSize), n, true)
			opener := key.NewOpener(&salt)
			slab := make([]byte, len(sealed))
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				copy(slab, sealed)
				if _, err := opener.Open(slab, 0, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFloor is what sealing and opening can't be faster than: the cipher alone, and a copy.
func BenchmarkFloor(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint("gcm/", n), func(b *testing.B) {
			block, _ := aes.NewCipher(make([]byte, 32))
			aead, _ := cipher.NewGCM(block)
			slab, nonce := make([]byte, crypto.SealedSegmentSize), make([]byte, 12)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				aead.Seal(slab[:0], nonce, slab[:n], nil)
			}
		})
		b.Run(fmt.Sprint("copy/", n), func(b *testing.B) {
			from, to := make([]byte, n), make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				copy(to, from)
			}
		})
	}
}

func BenchmarkEnvelope(b *testing.B) {
	key := crypto.NewDataKey()
	e := newEnvelope()
	secrets := crypto.Secrets{DataKey: key, HasLength: true, Length: 4096}
	if err := e.Wrap(testPlace, testKeyer, secrets); err != nil {
		b.Fatal(err)
	}
	text := e.AppendText(nil)
	b.Run("wrap and write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fresh := *e
			if err := fresh.Wrap(testPlace, testKeyer, secrets); err != nil {
				b.Fatal(err)
			}
			text = fresh.AppendText(text[:0])
		}
	})
	b.Run("parse and unwrap", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parsed, err := crypto.ParseEnvelopeText(text)
			if err != nil {
				b.Fatal(err)
			}
			opened, err := parsed.Unwrap(testPlace, testKeyer)
			if err != nil {
				b.Fatal(err)
			}
			opened.Wipe()
		}
	})
	b.Run("new sealer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			key.NewSealer(&e.PartSalt)
		}
	})
}

// BenchmarkObject is all that an object of 4 KiB costs here when it is put and when it is read.
func BenchmarkObject(b *testing.B) {
	var text, sealed, end []byte
	slab := make([]byte, 4096+crypto.TagSize)
	put := func() {
		e := newEnvelope()
		secrets := crypto.Secrets{HasLength: true, Length: 4096, Checksum: &crypto.Checksum{
			Type: crypto.FullObject, Algorithm: crypto.CRC32, Value: make([]byte, 4),
		}}
		defer secrets.Wipe()
		secrets.DataKey, e.ObjectID, e.PartSalt = crypto.NewObject()
		sealed = append(sealed[:0], secrets.DataKey.NewSealer(&e.PartSalt).Seal(slab, 4096, true)...)
		var err error
		if end, err = secrets.DataKey.AppendTrailer(end[:0], &e.ObjectID, &crypto.Trailer{
			Length: 4096, Checksum: secrets.Checksum, Parts: []crypto.Part{{Length: 4096, Salt: e.PartSalt}},
		}); err != nil {
			b.Fatal(err)
		}
		if text, err = e.AppendWrapped(text[:0], testPlace, testKeyer, secrets); err != nil {
			b.Fatal(err)
		}
	}
	put()
	get := func() {
		e, err := crypto.ParseEnvelopeText(text)
		if err != nil {
			b.Fatal(err)
		}
		secrets, err := e.Unwrap(testPlace, testKeyer)
		if err != nil {
			b.Fatal(err)
		}
		opener := secrets.DataKey.OpenSpan(crypto.SinglePart(secrets.Length, e.PartSalt), 0, secrets.Length-1)
		if plain, err := opener.Open(slab[:copy(slab, sealed)]); err != nil || len(plain) != 4096 {
			b.Fatal(err)
		}
		secrets.Wipe()
	}
	memory := make([]byte, 4<<20)
	for name, f := range map[string]func(){"put": put, "get": get} {
		b.Run(name+"/hot", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
		// In the program other work has the processor's caches in between.
		b.Run(name+"/cold", func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				for i := 0; i < len(memory); i += 64 {
					memory[i]++
				}
				start := time.Now()
				f()
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "median-ns")
		})
	}
}

func BenchmarkTrailer(b *testing.B) {
	for _, parts := range []int{1, 100, crypto.MaxParts} {
		key, id := crypto.NewDataKey(), crypto.NewSalt()
		trailer := trailerOf(slicesOf(parts, least))
		sealed, err := key.AppendTrailer(nil, &id, trailer)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint("seal/", parts), func(b *testing.B) {
			b.SetBytes(int64(len(sealed)))
			b.ReportAllocs()
			dst := make([]byte, 0, len(sealed))
			for b.Loop() {
				if _, err := key.AppendTrailer(dst, &id, trailer); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint("open/", parts), func(b *testing.B) {
			b.SetBytes(int64(len(sealed)))
			b.ReportAllocs()
			end := make([]byte, len(sealed))
			stored := crypto.StoredLength(trailer.Length)
			for b.Loop() {
				copy(end, sealed)
				if _, _, err := key.OpenTrailer(&id, stored, end); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPartRecord(b *testing.B) {
	stateKey := fixed("state key")
	record := crypto.PartRecord{Number: 7, StoreETag: `"d41d8cd98f00b204e9800998ecf8427e"`}
	written, err := record.AppendName(nil, &stateKey, "uploads/b/1234/parts/")
	if err != nil {
		b.Fatal(err)
	}
	name := string(written)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := crypto.ParsePartRecordName(&stateKey, "uploads/b/1234/parts/", name); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSpan is what a range costs besides the cipher: where it lies in a multipart object of 1 GiB, and opening its
// segment in place. Its floor is BenchmarkOpen of a segment.
func BenchmarkSpan(b *testing.B) {
	lengths := make([]int64, 128)
	for i := range lengths {
		lengths[i] = 8 << 20
	}
	layout := crypto.NewLayout(lengths)
	b.Run("of 128 parts", func(b *testing.B) {
		b.ReportAllocs()
		at := int64(0)
		for b.Loop() {
			at = (at + 1_234_567) % (layout.Length() - 4096)
			if _, err := layout.Span(at, at+4095); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("walk 64 MiB", func(b *testing.B) {
		b.SetBytes(64 << 20)
		b.ReportAllocs()
		for b.Loop() {
			walk := layout.Walk(100, 100+64<<20-1)
			for _, ok := walk.Next(); ok; _, ok = walk.Next() {
			}
		}
	})
	b.Run("open 4096 in a segment", func(b *testing.B) {
		key, salt := crypto.NewDataKey(), crypto.NewSalt()
		single := crypto.SinglePart(segment, salt)
		sealed := key.NewSealer(&salt).Seal(make([]byte, crypto.SealedSegmentSize), segment, true)
		slab := make([]byte, len(sealed))
		b.SetBytes(4096)
		b.ReportAllocs()
		for b.Loop() {
			copy(slab, sealed)
			o := key.OpenSpan(single, 1000, 5095)
			if plain, err := o.Open(slab[:o.Next()]); err != nil || len(plain) != 4096 {
				b.Fatal(len(plain), err)
			}
		}
	})
}
