package keyring_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"sync"
)

// fakeKMS seals nothing: a blob names its number, and plaintexts are derived from it.
type fakeKMS struct {
	mu        sync.Mutex
	generated int
	calls     []string
	contexts  map[string]map[string]string // of each blob
	fail      map[string]error             // by call, or by KMS key
	entered   func(call string)            // called without mu, may block
	handed    [][]byte                     // plaintexts as given out
	answer    []byte                       // instead of a plaintext
}

type kmsError string

func (e kmsError) Error() string     { return string(e) }
func (e kmsError) ErrorCode() string { return string(e) }

func newFakeKMS() *fakeKMS {
	return &fakeKMS{contexts: map[string]map[string]string{}, fail: map[string]error{}}
}

func (f *fakeKMS) begin(call, keyID string) error {
	f.mu.Lock()
	f.calls = append(f.calls, call)
	entered := f.entered
	f.mu.Unlock()
	if entered != nil {
		entered(call)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fail[call]; err != nil {
		return err
	}
	return f.fail[keyID]
}

func (f *fakeKMS) hand(blob []byte) []byte {
	plaintext := sha256.Sum256(blob)
	answer := plaintext[:]
	if f.answer != nil {
		answer = bytes.Clone(f.answer)
	}
	f.handed = append(f.handed, answer)
	return answer
}

func (f *fakeKMS) GenerateDataKey(
	ctx context.Context, keyID string, encryptionContext map[string]string,
) ([]byte, []byte, error) {
	if err := f.begin("GenerateDataKey", keyID); err != nil {
		return nil, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.generated++
	blob := []byte(fmt.Sprintf("%s#%d", keyID, f.generated))
	f.contexts[string(blob)] = maps.Clone(encryptionContext)
	return f.hand(blob), blob, ctx.Err()
}

func (f *fakeKMS) Decrypt(
	ctx context.Context, keyID string, blob []byte, encryptionContext map[string]string,
) ([]byte, error) {
	if err := f.begin("Decrypt", keyID); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !maps.Equal(f.contexts[string(blob)], encryptionContext) || !bytes.HasPrefix(blob, []byte(keyID+"#")) {
		return nil, kmsError("InvalidCiphertextException")
	}
	return f.hand(blob), ctx.Err()
}

func (f *fakeKMS) DescribeKey(_ context.Context, keyID string) (arn, state, manager, spec, usage string, err error) {
	if err := f.begin("DescribeKey", keyID); err != nil {
		return "", "", "", "", "", err
	}
	return keyID, "Enabled", "CUSTOMER", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", nil
}

func (f *fakeKMS) count(call string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (f *fakeKMS) setFail(what string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[what] = err
}

func (f *fakeKMS) setEntered(entered func(call string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entered = entered
}
