package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sealfront/crypto/keyring"
)

// Ten minutes of eight clients in one bucket cost a handful of calls of KMS, however slow it is.
func TestTenMinutesOfEightClientsTakeAHandfulOfCalls(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		kms.setEntered(func(string) { time.Sleep(200 * time.Millisecond) })
		const clients, each = 8, 1250
		var mu sync.Mutex
		blobs := [][]byte{sealOnce(t, k, refA)}
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for range each {
					blob := sealOnce(t, k, refA)
					mu.Lock()
					blobs = append(blobs, blob)
					old := blobs[rand.IntN(len(blobs))]
					mu.Unlock()
					use, err := k.Open(t.Context(), refA, old)
					if err != nil {
						t.Error(err)
						return
					}
					use.Release()
					time.Sleep(10 * time.Minute / each)
				}
			})
		}
		all.Wait()
		generate, decrypt := kms.count("GenerateDataKey"), kms.count("Decrypt")
		t.Logf("10 minutes, 8 clients, %d PUTs and %d GETs: %d GenerateDataKey, %d Decrypt", len(blobs)-1, clients*each,
			generate, decrypt)
		if generate != 1 || decrypt > 3 {
			t.Errorf("%d GenerateDataKey and %d Decrypt", generate, decrypt)
		}
	})
}

// A write whose bucket key has expired asks for it, and when KMS is away doesn't ask for another one as well.
func TestAWriteWaitsForOneCallOnly(t *testing.T) {
	for name, failure := range map[string]error{
		"a call that ends in time": context.DeadlineExceeded, "a broken network": errors.New("connection reset"),
		"throttling": kmsError("ThrottlingException"), "a disabled key": kmsError("DisabledException"),
		"a failure of KMS": kmsError("KMSInternalException"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, keyring.Options{Timeout: time.Minute}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
				first := sealOnce(t, k, refA)
				time.Sleep(301 * time.Second)
				kms.setEntered(func(string) { time.Sleep(time.Second) })
				kms.setFail(kmsKeyA, failure)
				began := time.Now()
				if _, err := k.Seal(t.Context(), refA); !errors.Is(err, failure) {
					t.Fatal(err)
				}
				if waited := time.Since(began); waited != time.Second {
					t.Errorf("waited %v", waited)
				}
				wantCalls(t, kms, 1, 1)
				kms.setFail(kmsKeyA, nil)
				if !bytes.Equal(sealOnce(t, k, refA), first) {
					t.Error("another bucket key after the outage")
				}
			})
		})
	}
}

// What isn't KMS's own word is distinguished from what is.
func TestAnOutageIsToldFromARefusal(t *testing.T) {
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		blob := sealOnce(t, k, refA)
		k.DropAll()
		ask := func() map[string]error {
			_, seal := k.Seal(t.Context(), refA)
			_, open := k.Open(t.Context(), refA, blob)
			_, sealFresh := k.SealFresh(t.Context(), refA)
			_, openFresh := k.OpenFresh(t.Context(), refA, blob)
			_, describe := k.Describe(t.Context(), kmsKeyA)
			synctest.Wait()
			return map[string]error{
				"Seal": seal, "Open": open, "SealFresh": sealFresh, "OpenFresh": openFresh, "Describe": describe,
			}
		}
		for _, c := range []struct {
			failure error
			away    bool
		}{
			{context.DeadlineExceeded, true},
			{errors.New("connection refused"), true},
			{fmt.Errorf("tried three times: %w", errors.New("connection refused")), true},
			{kmsError("DisabledException"), false},
			{fmt.Errorf("tried three times: %w", kmsError("KMSInternalException")), false},
		} {
			for _, call := range []string{"GenerateDataKey", "Decrypt", "DescribeKey"} {
				kms.setFail(call, c.failure)
			}
			for call, err := range ask() {
				if !errors.Is(err, c.failure) || errors.Is(err, keyring.ErrUnavailable) != c.away {
					t.Errorf("%s: %v", call, err)
				}
			}
		}
	})
	// A key that KMS makes but that is none is KMS's fault; one that it opens was sealed by somebody else.
	bubble(t, keyring.Options{}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		blob := sealOnce(t, k, refA)
		k.DropAll()
		kms.answer = make([]byte, 16)
		if _, err := k.Seal(t.Context(), refA); !errors.Is(err, keyring.ErrUnavailable) ||
			!errors.Is(err, keyring.ErrBadKey) {
			t.Errorf("seal: %v", err)
		}
		if _, err := k.Open(t.Context(), refA, blob); errors.Is(err, keyring.ErrUnavailable) ||
			!errors.Is(err, keyring.ErrBadKey) {
			t.Errorf("open: %v", err)
		}
	})
}
