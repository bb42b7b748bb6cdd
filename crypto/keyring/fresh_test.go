package keyring_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sealfront/crypto/keyring"
)

func sealAfterCall(t *testing.T, k *keyring.Keyring) (blob string) {
	t.Helper()
	use, err := k.SealAfterCall(t.Context(), keyring.Prepare(refA))
	if err != nil {
		t.Fatal(err)
	}
	defer use.Release()
	wrapKey(t, use)
	return string(use.Blob())
}

func TestSealAfterCallCallsKMSAndSharesTheKey(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		blob := sealAfterCall(t, k)
		for range 9 {
			if again := sealAfterCall(t, k); again != blob {
				t.Fatalf("sealed under %s, then under %s", blob, again)
			}
		}
		if string(sealOnce(t, k, refA)) != blob {
			t.Error("other objects have another bucket key")
		}
		open(t, k, refA, []byte(blob)).Release()
		wantCalls(t, kms, 10, 0)
		k.DropAll() // wipes what is in memory
		for i, plaintext := range kms.handed {
			if [32]byte(plaintext) != [32]byte{} {
				t.Errorf("plaintext %d is still there", i)
			}
		}
	})
}

func TestSealAfterCallRenewsTheKey(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		blob := sealAfterCall(t, k)
		time.Sleep(58 * time.Minute)
		renewed := sealAfterCall(t, k)
		if renewed == blob || string(sealOnce(t, k, refA)) != renewed {
			t.Error("not renewed")
		}
		wantCalls(t, kms, 2, 0)
	})
	// Nor is there a second call when the plaintext has left the memory.
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		blob := sealAfterCall(t, k)
		time.Sleep(6 * time.Minute)
		renewed := sealAfterCall(t, k)
		if renewed == blob || sealAfterCall(t, k) != renewed || string(sealOnce(t, k, refA)) != renewed {
			t.Error("not renewed")
		}
		wantCalls(t, kms, 3, 0)
	})
	bubble(t, keyring.Options{MaxUses: 3}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		uses := map[string]int{}
		for range 30 {
			blob := sealAfterCall(t, k)
			if uses[blob]++; uses[blob] > 3 {
				t.Fatalf("%s seals %d objects", blob, uses[blob])
			}
		}
		wantCalls(t, kms, 30, 0)
	})
}

func TestSealAfterCallFailsAsItsCallDoes(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		blob := sealAfterCall(t, k)
		kms.setFail("GenerateDataKey", kmsError("DisabledException"))
		if _, err := k.SealAfterCall(t.Context(), keyring.Prepare(refA)); !errors.Is(err, kmsError("DisabledException")) {
			t.Errorf("got %v", err)
		}
		if string(sealOnce(t, k, refA)) != blob {
			t.Error("the key in force was replaced")
		}
	})
}

func TestAnAnswerUnderWayAtDropServesItsRequestOnly(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		stuck := make(chan struct{})
		kms.setEntered(func(string) { <-stuck })
		var all sync.WaitGroup
		var secret *[32]byte
		all.Go(func() {
			use, err := k.SealAfterCall(t.Context(), keyring.Prepare(refA))
			if err != nil {
				t.Error(err)
				return
			}
			defer use.Release()
			wrapKey(t, use)
			secret = use.Secret()
		})
		synctest.Wait()
		k.Drop(kmsKeyA)
		close(stuck)
		all.Wait()
		if k.Len(keyring.Opening) != 0 || k.Len(keyring.Sealing) != 0 {
			t.Error("it was kept")
		}
		if secret == nil || *secret != [32]byte{} {
			t.Error("it was not wiped")
		}
	})
}
