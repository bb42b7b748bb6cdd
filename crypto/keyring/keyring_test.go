package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sealfront/crypto/keyring"
)

// All tests run in synctest's bubbles: time passes when everybody waits.

const (
	bucketA = "arn:aws:s3express:us-west-2:123456789012:bucket/a--az1--x-s3"
	bucketB = "arn:aws:s3express:us-west-2:123456789012:bucket/b--az1--x-s3"
	kmsKeyA = "arn:aws:kms:us-west-2:123456789012:key/a"
	kmsKeyB = "arn:aws:kms:us-west-2:123456789012:key/b"
)

func refOf(bucket, kmsKey string) keyring.Ref {
	return keyring.Ref{BucketARN: bucket, KeyARN: kmsKey, Context: map[string]string{"aws:s3express:arn": bucket}}
}

var refA = refOf(bucketA, kmsKeyA)

// bubble runs a test on a new keyring and closes it.
func bubble(t *testing.T, options keyring.Options, test func(t *testing.T, k *keyring.Keyring, kms *fakeKMS)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		kms := newFakeKMS()
		k := keyring.New(kms, options)
		defer k.Close()
		test(t, k, kms)
	})
}

func seal(t *testing.T, k *keyring.Keyring, ref keyring.Ref) *keyring.Use {
	t.Helper()
	use, err := k.Seal(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return use
}

func open(t *testing.T, k *keyring.Keyring, ref keyring.Ref, blob []byte) *keyring.Use {
	t.Helper()
	use, err := k.Open(context.Background(), ref, blob)
	if err != nil {
		t.Fatal(err)
	}
	return use
}

// sealOnce seals and releases, and returns the blob.
func sealOnce(t *testing.T, k *keyring.Keyring, ref keyring.Ref) []byte {
	t.Helper()
	use := seal(t, k, ref)
	defer use.Release()
	wrapKey(t, use)
	return use.Blob()
}

func wrapKey(t *testing.T, use *keyring.Use) (key [32]byte) {
	t.Helper()
	if err := use.WrapKey(&[16]byte{1}, &key); err != nil {
		t.Fatal(err)
	}
	return key
}

func wantCalls(t *testing.T, kms *fakeKMS, generate, decrypt int) {
	t.Helper()
	if g, d := kms.count("GenerateDataKey"), kms.count("Decrypt"); g != generate || d != decrypt {
		t.Fatalf("KMS got %d GenerateDataKey and %d Decrypt, want %d and %d", g, d, generate, decrypt)
	}
}

func TestASealedKeyOpensByItsBlobWithoutAnotherCall(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		sealing := seal(t, k, refA)
		opening := open(t, k, refA, sealing.Blob())
		if wrapKey(t, sealing) != wrapKey(t, opening) {
			t.Fatal("two wrap keys for one salt")
		}
		sealing.Release()
		opening.Release()
		wantCalls(t, kms, 1, 0)
	})
}

func TestManyRequestsForAnAbsentKeyMakeOneCall(t *testing.T) {
	for _, way := range []string{"seal", "open"} {
		t.Run(way, func(t *testing.T) {
			var hits, misses, saved atomic.Int64
			count := func(n *atomic.Int64) func() { return func() { n.Add(1) } }
			observer := keyring.Observer{Hit: count(&hits), Miss: count(&misses), Saved: count(&saved)}
			bubble(t, keyring.Options{Observer: observer}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
				use := func() (*keyring.Use, error) { return k.Seal(t.Context(), refA) }
				generate, decrypt := 1, 0
				if way == "open" {
					blob := sealOnce(t, k, refA)
					k.DropAll()
					use = func() (*keyring.Use, error) { return k.Open(t.Context(), refA, blob) }
					decrypt = 1
					misses.Store(0)
				}
				kms.setEntered(func(string) { time.Sleep(time.Second) })
				var all sync.WaitGroup
				for range 100 {
					all.Go(func() {
						got, err := use()
						if err != nil {
							t.Error(err)
							return
						}
						wrapKey(t, got)
						got.Release()
					})
				}
				all.Wait()
				wantCalls(t, kms, generate, decrypt)
				if misses.Load() != 100 || saved.Load() != 99 || hits.Load() != 0 {
					t.Fatalf("misses %d, saved %d, hits %d", misses.Load(), saved.Load(), hits.Load())
				}
			})
		})
	}
}

func TestAnotherEntryDoesNotWait(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		sealOnce(t, k, refA)
		stuck := make(chan struct{})
		kms.setEntered(func(string) { <-stuck })
		var waiting sync.WaitGroup
		waiting.Go(func() { sealOnce(t, k, refOf(bucketB, kmsKeyB)) })
		synctest.Wait()
		sealOnce(t, k, refA)
		close(stuck)
		waiting.Wait()
	})
}

func TestOneWhoLeavesDoesNotEndTheCall(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		kms.setEntered(func(string) { time.Sleep(10 * time.Second) })
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := k.Seal(impatient, refA); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the one who left got %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() { sealOnce(t, k, refA) })
		all.Wait()
		sealOnce(t, k, refA)
		wantCalls(t, kms, 1, 0)
	})
}

func TestAFailureIsSharedAndNotRemembered(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		kms.setEntered(func(string) { time.Sleep(time.Second) })
		kms.setFail("GenerateDataKey", kmsError("ThrottlingException"))
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				_, err := k.Seal(t.Context(), refA)
				if coded, ok := errors.AsType[interface {
					error
					ErrorCode() string
				}](err); !ok || coded.ErrorCode() != "ThrottlingException" {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
		wantCalls(t, kms, 1, 0)
		kms.setFail("GenerateDataKey", nil)
		sealOnce(t, k, refA)
		wantCalls(t, kms, 2, 0)
	})
}

func TestAnUnusableAnswerOfKMSIsRefused(t *testing.T) {
	for name, answer := range map[string][]byte{
		"all zeros": make([]byte, 32), "too short": bytes.Repeat([]byte{1}, 31),
		"too long": bytes.Repeat([]byte{1}, 33), "nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
				kms.answer = answer
				if _, err := k.Seal(t.Context(), refA); !errors.Is(err, keyring.ErrBadKey) {
					t.Fatalf("got %v", err)
				}
			})
		})
	}
}

func TestAnEmptyBlobNeverMakesAKey(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		for _, blob := range [][]byte{nil, {}} {
			if _, err := k.Open(t.Context(), refA, blob); !errors.Is(err, keyring.ErrBadKey) {
				t.Fatalf("Open: %v", err)
			}
			if _, err := k.OpenFresh(t.Context(), refA, blob); !errors.Is(err, keyring.ErrBadKey) {
				t.Fatalf("OpenFresh: %v", err)
			}
		}
		wantCalls(t, kms, 0, 0)
	})
}

func TestS10KeysAreSharedOnlyIfEveryFieldIsEqual(t *testing.T) {
	other := func(change func(*keyring.Ref)) keyring.Ref {
		ref := refOf(bucketA, kmsKeyA)
		change(&ref)
		return ref
	}
	refs := map[string]keyring.Ref{
		"the same":          refA,
		"another bucket":    other(func(r *keyring.Ref) { r.BucketARN = bucketB }),
		"another KMS key":   other(func(r *keyring.Ref) { r.KeyARN = kmsKeyB }),
		"another principal": other(func(r *keyring.Ref) { r.Principal = "app" }),
		"no context":        other(func(r *keyring.Ref) { r.Context = nil }),
		"another value": other(
			func(r *keyring.Ref) { r.Context = map[string]string{"aws:s3express:arn": bucketB} }),
		"another pair":    other(func(r *keyring.Ref) { r.Context["team"] = "red" }),
		"two other pairs": other(func(r *keyring.Ref) { r.Context["team"], r.Context["x"] = "red", "" }),
		"shifted border":  other(func(r *keyring.Ref) { r.Context["team"], r.Context["x"] = "re", "d" }),
	}
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		blobs := map[string]string{}
		for name, ref := range refs {
			blob := string(sealOnce(t, k, ref))
			if before, ok := blobs[blob]; ok {
				t.Errorf("%q and %q share a bucket key", name, before)
			}
			blobs[blob] = name
		}
		// An answer for one context isn't one for another, whatever the blob says.
		blob := sealOnce(t, k, refA)
		if _, err := k.Open(t.Context(), refs["another value"], blob); err == nil {
			t.Error("a blob opened under another context")
		}
		for name, ref := range refs {
			if string(sealOnce(t, k, ref)) == "" || kms.count("GenerateDataKey") != len(refs) {
				t.Errorf("%q called KMS twice", name)
			}
		}
	})
}

func TestAFreshUseAsksKMSEachTimeAndLeavesNothing(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		shared := sealOnce(t, k, refA)
		for range 3 {
			use, err := k.SealFresh(t.Context(), refA)
			if err != nil {
				t.Fatal(err)
			}
			wrapKey(t, use)
			if bytes.Equal(use.Blob(), shared) {
				t.Fatal("a fresh use shares a bucket key")
			}
			secret := use.Secret()
			use.Release()
			if *secret != [32]byte{} {
				t.Fatal("a fresh key is still there")
			}
			if use, err = k.OpenFresh(t.Context(), refA, shared); err != nil {
				t.Fatal(err)
			}
			wrapKey(t, use)
			use.Release()
		}
		wantCalls(t, kms, 4, 3)
		sealOnce(t, k, refA)
		wantCalls(t, kms, 4, 3)
	})
}

func TestDescribePassesThrough(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		d, err := k.Describe(t.Context(), kmsKeyA)
		if err != nil || d.ARN != kmsKeyA || d.State != "Enabled" || d.Usage != "ENCRYPT_DECRYPT" {
			t.Fatalf("%+v, %v", d, err)
		}
		kms.setFail("DescribeKey", kmsError("NotFoundException"))
		if _, err := k.Describe(t.Context(), kmsKeyA); !errors.Is(err, kmsError("NotFoundException")) {
			t.Fatal(err)
		}
	})
}
