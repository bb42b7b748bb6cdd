package objects_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// A fakeKMS seals nothing: a blob names its key and its number, and plaintexts are derived from it.
type fakeKMS struct {
	mu       sync.Mutex
	made     int
	calls    []string                     // call and key, in their order
	contexts map[string]map[string]string // of each blob
	fail     map[string]error             // by KMS key
}

type kmsError struct{ code, message string }

func (e kmsError) Error() string        { return e.code + ": " + e.message }
func (e kmsError) ErrorCode() string    { return e.code }
func (e kmsError) ErrorMessage() string { return e.message }

func newFakeKMS() *fakeKMS {
	return &fakeKMS{contexts: make(map[string]map[string]string), fail: make(map[string]error)}
}

func (f *fakeKMS) GenerateDataKey(_ context.Context, keyID string, names map[string]string) ([]byte, []byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "GenerateDataKey "+keyID)
	if err := f.fail[keyID]; err != nil {
		return nil, nil, err
	}
	f.made++
	blob := []byte(fmt.Sprintf("%s#%d", keyID, f.made))
	f.contexts[string(blob)] = maps.Clone(names)
	plain := sha256.Sum256(blob)
	return plain[:], blob, nil
}

func (f *fakeKMS) Decrypt(_ context.Context, keyID string, blob []byte, names map[string]string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "Decrypt "+keyID)
	if err := f.fail[keyID]; err != nil {
		return nil, err
	}
	if !maps.Equal(f.contexts[string(blob)], names) || !bytes.HasPrefix(blob, []byte(keyID+"#")) {
		return nil, kmsError{"InvalidCiphertextException", ""}
	}
	plain := sha256.Sum256(blob)
	return plain[:], nil
}

func (f *fakeKMS) DescribeKey(_ context.Context, keyID string) (arn, state, manager, spec, usage string, err error) {
	return keyID, "Enabled", "CUSTOMER", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", nil
}

// called are the calls since the last one of called.
func (f *fakeKMS) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := slices.Clone(f.calls)
	f.calls = nil
	return calls
}

func (f *fakeKMS) setFail(keyID string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[keyID] = err
}
