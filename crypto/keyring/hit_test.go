package keyring_test

import (
	"testing"

	"sealfront/crypto/keyring"
)

func TestAHitAllocatesItsUseAndNothingElse(t *testing.T) {
	k := keyring.New(newFakeKMS(), keyring.Options{})
	defer k.Close()
	blob := sealOnce(t, k, refA)
	if n := testing.AllocsPerRun(100, func() { seal(t, k, refA).Release() }); n > 1 {
		t.Errorf("Seal allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { open(t, k, refA, blob).Release() }); n > 1 {
		t.Errorf("Open allocates %v times", n)
	}
	prepared := keyring.Prepare(refA)
	if n := testing.AllocsPerRun(100, func() {
		use, _ := k.SealPrepared(t.Context(), prepared)
		use.Release()
		use, _ = k.OpenPrepared(t.Context(), prepared, blob)
		use.Release()
	}); n > 2 {
		t.Errorf("SealPrepared and OpenPrepared allocate %v times", n)
	}
}

func BenchmarkHit(b *testing.B) {
	k := keyring.New(newFakeKMS(), keyring.Options{})
	defer k.Close()
	use, err := k.Seal(b.Context(), refA)
	if err != nil {
		b.Fatal(err)
	}
	defer use.Release()
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			use, _ := k.Seal(b.Context(), refA)
			use.Release()
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			use, _ := k.Open(b.Context(), refA, use.Blob())
			use.Release()
		}
	})
	prepared, blob := keyring.Prepare(refA), use.Blob()
	b.Run("seal prepared", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			use, _ := k.SealPrepared(b.Context(), prepared)
			use.Release()
		}
	})
	b.Run("open prepared", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			use, _ := k.OpenPrepared(b.Context(), prepared, blob)
			use.Release()
		}
	})
	b.Run("wrap key", func(b *testing.B) {
		b.ReportAllocs()
		var key [32]byte
		for b.Loop() {
			_ = use.WrapKey(&[16]byte{}, &key)
		}
	})
}
