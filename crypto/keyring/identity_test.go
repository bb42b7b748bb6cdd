package keyring_test

import (
	"errors"
	"maps"
	"sync"
	"testing"

	"sealfront/crypto/keyring"
)

func TestAPreparedRefIsItsRefAndNoOther(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		ref := refOf(bucketA, kmsKeyA)
		prepared := keyring.Prepare(ref)
		ref.Context["team"] = "red" // the caller's map is the caller's
		blob := sealOnce(t, k, refA)
		use, err := k.SealPrepared(t.Context(), prepared)
		if err != nil || string(use.Blob()) != string(blob) {
			t.Fatalf("it seals under another bucket key, %v", err)
		}
		use.Release()
		if use, err = k.OpenPrepared(t.Context(), prepared, blob); err != nil {
			t.Fatal(err)
		}
		use.Release()
		wantCalls(t, kms, 1, 0)

		if _, err := k.OpenPrepared(t.Context(), keyring.Prepare(ref), blob); err == nil {
			t.Error("the blob opened under another context")
		}
		for name, other := range map[string]keyring.Ref{
			"bucket": refOf(bucketB, kmsKeyA), "KMS key": refOf(bucketA, kmsKeyB), "context": ref,
		} {
			use, err := k.SealPrepared(t.Context(), keyring.Prepare(other))
			if err != nil || string(use.Blob()) == string(blob) {
				t.Errorf("another %s shares the bucket key, %v", name, err)
			}
			use.Release()
		}
		if !maps.Equal(kms.contexts[string(blob)], refA.Context) {
			t.Error("KMS got another context")
		}
		if _, err := k.OpenPrepared(t.Context(), prepared, nil); !errors.Is(err, keyring.ErrBadKey) {
			t.Errorf("no blob: %v", err)
		}
	})
}

// The hash of a blob is fast and not exact; what it leads to must be.
func TestBlobsOfOneHashAreKeptApart(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		k.HashBlobsAlike()
		var blobs [2][]byte
		var keys [2][32]byte
		for i := range blobs {
			use := seal(t, k, refA)
			blobs[i], keys[i] = use.Blob(), wrapKey(t, use)
			use.Release()
			k.DropAll()
		}
		opens := func(i int) {
			use, err := k.Open(t.Context(), refA, blobs[i])
			if err != nil {
				t.Error(err)
				return
			}
			defer use.Release()
			if wrapKey(t, use) != keys[i] || string(use.Blob()) != string(blobs[i]) {
				t.Errorf("blob %d opened as another", i)
			}
		}
		for i := range 6 { // each takes the other's place
			opens(i % 2)
			opens(i % 2)
		}
		wantCalls(t, kms, 2, 6)

		// Both in the air: nobody waits for the other's.
		k.DropAll()
		var all sync.WaitGroup
		gate := make(chan struct{})
		kms.setEntered(func(string) { <-gate })
		for i := range 8 {
			all.Go(func() { opens(i % 2) })
		}
		close(gate)
		all.Wait()
		kms.setEntered(nil)
		opens(0)
		opens(1)
	})
}

func TestSealingGoesOnWhenAnotherBlobTookTheKeysPlace(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		k.HashBlobsAlike()
		older := sealOnce(t, k, refA)
		k.DropAll()
		newer := sealOnce(t, k, refA)
		open(t, k, refA, older).Release()
		if got := sealOnce(t, k, refA); string(got) != string(newer) {
			t.Errorf("sealed under %s, not %s", got, newer)
		}
		wantCalls(t, kms, 2, 2)
	})
}
