package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sealfront/crypto/keyring"
)

func TestTheSameBlobSealsForAnHourAndComesBackByDecrypt(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		first := sealOnce(t, k, refA)
		time.Sleep(20 * time.Minute)
		if !bytes.Equal(sealOnce(t, k, refA), first) {
			t.Fatal("another blob within seal_for")
		}
		wantCalls(t, kms, 1, 1)
		time.Sleep(41 * time.Minute)
		if bytes.Equal(sealOnce(t, k, refA), first) {
			t.Fatal("the same blob after seal_for")
		}
		wantCalls(t, kms, 2, 1)
	})
}

func TestAKeyInUseIsRefreshedAheadOfItsEnd(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		sealOnce(t, k, refA)
		// KMS takes 10 s from now on; a request every 5 s must never notice.
		kms.setEntered(func(string) { time.Sleep(10 * time.Second) })
		for range 3 * 3600 / 5 {
			began := time.Now()
			sealOnce(t, k, refA)
			if waited := time.Since(began); waited > 0 {
				t.Fatalf("a request waited %v", waited)
			}
			time.Sleep(5 * time.Second)
		}
		generate, decrypt := kms.count("GenerateDataKey"), kms.count("Decrypt")
		if generate < 3 || generate > 5 || decrypt < 30 || decrypt > 60 {
			t.Fatalf("three hours took %d GenerateDataKey and %d Decrypt", generate, decrypt)
		}
	})
}

func TestAFailedRefreshIsTriedAgainBeforeTheEnd(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		sealOnce(t, k, refA)
		kms.setFail("Decrypt", kmsError("KMSInternalException"))
		time.Sleep(245 * time.Second)
		for range 10 {
			sealOnce(t, k, refA)
			synctest.Wait()
		}
		wantCalls(t, kms, 1, 1)
		time.Sleep(16 * time.Second)
		kms.setFail("Decrypt", nil)
		sealOnce(t, k, refA)
		synctest.Wait()
		wantCalls(t, kms, 1, 2)
		time.Sleep(100 * time.Second)
		sealOnce(t, k, refA)
		wantCalls(t, kms, 1, 2)
	})
}

func TestAFailedRenewalIsNotTriedByEveryRequest(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		first := sealOnce(t, k, refA)
		time.Sleep(time.Hour - 299*time.Second)
		kms.setFail("GenerateDataKey", kmsError("ThrottlingException"))
		for range 290 {
			if !bytes.Equal(sealOnce(t, k, refA), first) {
				t.Fatal("another blob")
			}
			time.Sleep(time.Second)
		}
		if n := kms.count("GenerateDataKey"); n < 10 || n > 21 {
			t.Fatalf("tried %d times", n)
		}
	})
}

func TestTheKeyThatARefreshReplacesIsWiped(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		use := seal(t, k, refA)
		replaced := use.Secret()
		use.Release()
		time.Sleep(250 * time.Second)
		sealOnce(t, k, refA)
		synctest.Wait()
		wantCalls(t, kms, 1, 1)
		if *replaced != [32]byte{} {
			t.Fatal("the old plaintext is still there")
		}
	})
}

func TestThoseWhoLeftAreNotCountedAsUsers(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		kms.setEntered(func(string) { time.Sleep(time.Second) })
		// Patience ends before the answer, and at the same moment, when either may come first.
		for round := range 300 {
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second-time.Duration(round%2)*time.Millisecond)
					defer cancel()
					if use, err := k.Seal(ctx, refA); err == nil {
						use.Release()
					}
				})
			}
			use := seal(t, k, refA)
			all.Wait()
			secret := use.Secret()
			k.DropAll()
			if *secret == [32]byte{} {
				t.Fatal("wiped while in use")
			}
			use.Release()
			if *secret != [32]byte{} {
				t.Fatalf("round %d: somebody who left is still counted", round)
			}
		}
	})
}

func TestADisabledKeyStopsWithinTheLifetime(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		blob := sealOnce(t, k, refA)
		kms.setFail(kmsKeyA, kmsError("DisabledException"))
		stopped := time.Duration(0)
		for began := time.Now(); stopped == 0; time.Sleep(time.Second) {
			_, sealErr := k.Seal(t.Context(), refA)
			_, openErr := k.Open(t.Context(), refA, blob)
			if (sealErr == nil) != (openErr == nil) {
				t.Fatalf("seal: %v, open: %v", sealErr, openErr)
			}
			if sealErr != nil {
				if stopped = time.Since(began); !errors.Is(sealErr, kmsError("DisabledException")) {
					t.Fatal(sealErr)
				}
			}
		}
		if stopped > 300*time.Second {
			t.Fatalf("stopped after %v", stopped)
		}
		kms.setFail(kmsKeyA, nil)
		open(t, k, refA, blob).Release()
	})
}

func TestARoleThatMayOnlyGenerateSealsOn(t *testing.T) {
	for _, refusal := range []kmsError{"AccessDeniedException", "InvalidCiphertextException", "IncorrectKeyException"} {
		bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
			kms.setFail("Decrypt", refusal)
			first := sealOnce(t, k, refA)
			time.Sleep(6 * time.Minute)
			if bytes.Equal(sealOnce(t, k, refA), first) {
				t.Fatal("sealed under a key that can't come back")
			}
			wantCalls(t, kms, 2, 1)
		})
	}
}

func TestAKeyIsReplacedAfterItsUses(t *testing.T) {
	for _, test := range []struct{ maxUses, requests, least, most int }{
		{1, 10, 10, 10}, {5, 50, 10, 10}, {100, 1000, 10, 12},
	} {
		t.Run(fmt.Sprintf("%d uses at most", test.maxUses), func(t *testing.T) {
			bubble(t, keyring.Options{MaxUses: test.maxUses}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
				kms.setEntered(func(string) { time.Sleep(time.Millisecond) })
				var mu sync.Mutex
				var all sync.WaitGroup
				uses := map[string]int{}
				for range test.requests {
					all.Go(func() {
						blob := sealOnce(t, k, refA)
						mu.Lock()
						defer mu.Unlock()
						uses[string(blob)]++
					})
				}
				all.Wait()
				for blob, n := range uses {
					if n > test.maxUses {
						t.Errorf("%s sealed %d objects", blob, n)
					}
				}
				if len(uses) < test.least || len(uses) > test.most {
					t.Errorf("%d requests took %d keys", test.requests, len(uses))
				}
			})
		})
	}
}

func TestDropMakesTheNextRequestAskKMS(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		refB := refOf(bucketB, kmsKeyB)
		blobA, blobB := sealOnce(t, k, refA), sealOnce(t, k, refB)
		k.Drop(kmsKeyA)
		kms.setFail(kmsKeyA, kmsError("AccessDeniedException"))
		if _, err := k.Seal(t.Context(), refA); !errors.Is(err, kmsError("AccessDeniedException")) {
			t.Fatalf("seal after Drop: %v", err)
		}
		if _, err := k.Open(t.Context(), refA, blobA); !errors.Is(err, kmsError("AccessDeniedException")) {
			t.Fatalf("open after Drop: %v", err)
		}
		before := kms.count("Decrypt")
		open(t, k, refB, blobB).Release()
		if kms.count("Decrypt") != before {
			t.Fatal("Drop of one KMS key dropped another's")
		}
		k.DropAll()
		open(t, k, refB, blobB).Release()
		if kms.count("Decrypt") != before+1 {
			t.Fatal("DropAll left a key")
		}
	})
}

func TestAnAnswerUnderWayAtDropIsNotKept(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		stuck := make(chan struct{})
		kms.setEntered(func(string) { <-stuck })
		var early, late sync.WaitGroup
		early.Go(func() { sealOnce(t, k, refA) })
		synctest.Wait()
		k.Drop(kmsKeyA)
		close(stuck)
		early.Wait()
		sealOnce(t, k, refA)
		wantCalls(t, kms, 2, 0)

		// Nor is a call from before Drop waited for by those who come after it.
		k.DropAll()
		stuck = make(chan struct{})
		kms.setEntered(func(string) { <-stuck })
		early.Go(func() { sealOnce(t, k, refA) })
		synctest.Wait()
		k.Drop(kmsKeyA)
		late.Go(func() { sealOnce(t, k, refA) })
		synctest.Wait()
		wantCalls(t, kms, 4, 0)
		close(stuck)
		early.Wait()
		late.Wait()
	})
}

func TestS5EvictionWaitsForTheLastUser(t *testing.T) {
	bubble(t, keyring.Options{Entries: 1}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		one := seal(t, k, refA)
		two := open(t, k, refA, one.Blob())
		want := wrapKey(t, one)
		sealOnce(t, k, refOf(bucketB, kmsKeyB)) // evicts
		secret := one.Secret()
		one.Release()
		if got := wrapKey(t, two); got != want {
			t.Fatal("an evicted key changed while in use")
		}
		if *secret == [32]byte{} {
			t.Fatal("wiped while in use")
		}
		two.Release()
		if *secret != [32]byte{} {
			t.Fatal("not wiped after the last user")
		}
	})
}

func TestAReleasedUseIsGone(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		use := seal(t, k, refA)
		use.Release()
		use.Release()
		var key [32]byte
		if err := use.WrapKey(&[16]byte{}, &key); !errors.Is(err, keyring.ErrGone) || key != [32]byte{} ||
			use.Blob() != nil {
			t.Fatalf("got %v", err)
		}
		other := seal(t, k, refA) // the second Release must not have taken another's place
		defer other.Release()
		k.DropAll()
		wrapKey(t, other)
	})
}

func TestEveryPlaintextOfKMSIsWiped(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		blob := sealOnce(t, k, refA)
		k.DropAll()
		open(t, k, refA, blob).Release()
		for i, plaintext := range kms.handed {
			if !bytes.Equal(plaintext, make([]byte, len(plaintext))) {
				t.Errorf("plaintext %d is still there", i)
			}
		}
	})
}

func TestIdleKeysAreWiped(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		use := seal(t, k, refA)
		secret := use.Secret()
		use.Release()
		time.Sleep(299 * time.Second)
		if *secret == [32]byte{} {
			t.Fatal("wiped early")
		}
		time.Sleep(32 * time.Second)
		synctest.Wait()
		if *secret != [32]byte{} {
			t.Fatal("an expired key is still in memory")
		}
	})
}

func TestCloseWaitsForCallsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kms := newFakeKMS()
		k := keyring.New(kms, keyring.Options{})
		use := seal(t, k, refA)
		secret := use.Secret()
		kms.setEntered(func(string) { time.Sleep(time.Second) })
		failed := make(chan error, 1)
		go func() {
			_, err := k.Seal(context.Background(), refOf(bucketB, kmsKeyB))
			failed <- err
		}()
		synctest.Wait()
		k.Close()
		if err := <-failed; err == nil {
			t.Error("a request got a key from a closed keyring")
		}
		wrapKey(t, use)
		use.Release()
		if *secret != [32]byte{} {
			t.Error("Close left a key")
		}
		for _, ask := range []func() (*keyring.Use, error){
			func() (*keyring.Use, error) { return k.Seal(context.Background(), refA) },
			func() (*keyring.Use, error) { return k.SealFresh(context.Background(), refA) },
		} {
			if _, err := ask(); !errors.Is(err, keyring.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
		k.Close()
	})
}

// TestManyAtOnce is for the race detector: everything at once, with evictions, drops, failures and impatience.
func TestManyAtOnce(t *testing.T) {
	bubble(t, keyring.Options{Entries: 3, MaxUses: 7, Lifetime: 50 * time.Millisecond},
		func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
			kms.setEntered(func(string) { time.Sleep(time.Millisecond) })
			var all sync.WaitGroup
			for worker := range 16 {
				all.Go(func() {
					ref := refOf(fmt.Sprint(bucketA, worker%5), kmsKeyA)
					for round := range 200 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(round%3+1)*time.Millisecond)
						if use, err := k.Seal(ctx, ref); err == nil {
							blob, want := use.Blob(), wrapKey(t, use)
							if again, err := k.Open(ctx, ref, blob); err == nil {
								if wrapKey(t, again) != want {
									t.Error("a blob opened to another key")
								}
								again.Release()
							}
							use.Release()
						}
						cancel()
						if round%50 == worker {
							k.Drop(kmsKeyA)
						}
						time.Sleep(time.Millisecond)
					}
				})
			}
			all.Wait()
		})
}
