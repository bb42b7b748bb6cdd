package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// A ServiceKeyError is a failure of the KMS key that wraps the state key.
type ServiceKeyError struct {
	What       string // was tried
	ServiceKey string // with which it was tried
	MadeWith   string // what the state key says that it was made with; "" if it is being made
	Err        error  // KMS's
}

// Error says what was tried with which key.
func (e *ServiceKeyError) Error() string {
	made := ""
	if e.MadeWith != "" {
		made = fmt.Sprintf(" (it was made with %s)", e.MadeWith)
	}
	return fmt.Sprintf("%s with the service key %s%s: %v", e.What, e.ServiceKey, made, e.Err)
}

// Unwrap returns KMS's error.
func (e *ServiceKeyError) Unwrap() error { return e.Err }

// CheckKey reports whether the service key opens the state key of the bucket that objects are in, as Open does. It
// makes none where there is none yet. Its error is a ServiceKeyError, matches ErrRecord where the object isn't a state
// key, or is the store's.
func CheckKey(ctx context.Context, objects Objects, kms KMS, serviceKey string) error {
	key, err := readStateKey(ctx, objects, kms, serviceKey)
	clear(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readStateKey opens the state key; fs.ErrNotExist where there is none.
func readStateKey(ctx context.Context, objects Objects, kms KMS, serviceKey string) ([]byte, error) {
	body, _, err := objects.Get(ctx, stateKeyName)
	if err != nil {
		return nil, fmt.Errorf("read the state key: %w", err)
	}
	var w wrappedStateKey
	if json.Unmarshal(body, &w) != nil || w.Format != 1 {
		return nil, fmt.Errorf("read the state key: %w: the object %q is not one of ours; "+
			"was store.state_bucket set to a bucket of something else?", ErrRecord, stateKeyName)
	}
	key, err := kms.Decrypt(ctx, serviceKey, w.Blob, stateContext)
	if err != nil {
		return nil, &ServiceKeyError{"open the state key", serviceKey, w.KeyARN, err}
	}
	if len(key) != 32 {
		err := fmt.Errorf("KMS returned %d bytes", len(key))
		return nil, &ServiceKeyError{"open the state key", serviceKey, w.KeyARN, err}
	}
	return key, nil
}
