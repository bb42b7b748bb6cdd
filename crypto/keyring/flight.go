package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"sealfront/crypto"
)

// flight is one call of KMS for one entry and those who wait for it. It runs in a goroutine of the keyring's, so that
// it lives on when the one who caused it leaves.
type flight struct {
	ref  Ref
	blob []byte // nil: generate
	done chan struct{}

	// Under the keyring's mu; those of the result are only read once done is closed.
	waiters int
	began   bool // the one who caused it has been counted; all others were saved a call
	dropped bool // its answer must not be kept, and it isn't found by its name
	landed  bool
	key     *bucketKey
	err     error
}

// fly returns the flight under the name and begins it if there is none. Should another blob's be there, this one goes
// with it, and serves only who begins it. mu is held.
func (k *Keyring) fly(name entryName, ref *Ref, blob []byte) (*flight, error) {
	other, ok := k.flights[name]
	if ok && bytes.Equal(other.blob, blob) {
		return other, nil
	}
	if k.closed {
		return nil, ErrClosed
	}
	f := &flight{ref: *ref, blob: bytes.Clone(blob), done: make(chan struct{}), dropped: ok}
	f.ref.Context = maps.Clone(ref.Context)
	if !ok {
		k.flights[name] = f
	}
	k.ending.Go(func() { k.run(name, f) })
	return f, nil
}

func (k *Keyring) run(name entryName, f *flight) {
	ctx, cancel := context.WithTimeout(k.life, k.options.Timeout)
	defer cancel()
	asked := k.options.Now()
	key, err := k.fetch(ctx, f.ref, f.blob)

	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(f.done)
	f.landed, f.key, f.err = true, key, err
	if !f.dropped {
		delete(k.flights, name)
	}
	if err != nil {
		return
	}
	// Those who wait are users from now on, so that nothing can wipe the key before they take it.
	key.users, key.uses = f.waiters, int64(f.waiters)
	if f.dropped || k.closed {
		key.retire()
		return
	}
	k.keep(name, f, key, asked)
}

// keep makes the flight's result findable, for a time that counts from when KMS was called, asked: KMS may answer late,
// and what it says is true of that time. mu is held.
func (k *Keyring) keep(name entryName, f *flight, key *bucketKey, asked time.Time) {
	if f.blob == nil {
		k.keepSealing(name.ref, key, asked, f.waiters)
		return
	}
	k.keepOpening(name, key, asked)
}

// keepSealing makes a new bucket key the one that a Ref's new objects are sealed under; uses many are by now. mu is
// held.
func (k *Keyring) keepSealing(ref identity, key *bucketKey, asked time.Time, uses int) {
	opening := k.nameOf(ref, key.blob)
	now := k.options.Now()
	evicted, ok := k.sealing.put(ref, &sealingKey{
		kmsKey:  key.kmsKey,
		blob:    key.blob,
		opening: opening,
		until:   asked.Add(k.options.SealFor),
		uses:    uses,
	}, now)
	if ok && evicted.usable(now, k.options.MaxUses) {
		k.evicted(Sealing)
	}
	k.keepOpening(opening, key, asked)
}

// keepOpening makes a plaintext findable; the one it replaces is retired. mu is held.
func (k *Keyring) keepOpening(name entryName, key *bucketKey, asked time.Time) {
	key.fetched, key.expires = asked, asked.Add(k.options.Lifetime)
	key.refreshAt = key.expires.Add(-k.options.Lifetime / refreshFraction)
	now := k.options.Now()
	if evicted, ok := k.opening.put(name, key, now); ok && now.Before(evicted.expires) {
		k.evicted(Opening)
	}
}

func (k *Keyring) evicted(of Table) {
	if k.options.Observer.Evicted != nil {
		k.options.Observer.Evicted(of)
	}
}

// await waits for the flight's end. With joined, the caller is one of its waiters and gets a Use; without, it gets
// nothing but the error, and tries again if there is none.
func (k *Keyring) await(ctx context.Context, f *flight, joined bool) (*Use, error) {
	if joined {
		call(k.options.Observer.Miss)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		if !joined || k.leave(f) {
			return nil, fmt.Errorf("wait for bucket key: %w", context.Cause(ctx))
		}
	}
	if f.err != nil || !joined {
		return nil, f.err
	}
	k.countSaved(f)
	return &Use{keyring: k, key: f.key}, nil
}

// leave takes back a waiter who doesn't wait any longer. It returns false if the flight has landed: the waiter has been
// counted as a user then, and takes the result like all others.
func (k *Keyring) leave(f *flight) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.landed {
		return false
	}
	f.waiters--
	return true
}

// countSaved counts all who shared the flight but one.
func (k *Keyring) countSaved(f *flight) {
	k.mu.Lock()
	first := !f.began
	f.began = true
	k.mu.Unlock()
	if !first {
		call(k.options.Observer.Saved)
	}
}

// fetch calls KMS: for a new bucket key if blob is nil, otherwise for that in blob.
func (k *Keyring) fetch(ctx context.Context, ref Ref, blob []byte) (*bucketKey, error) {
	var plaintext []byte
	var err error
	generating := blob == nil
	began := k.options.Now()
	if generating {
		plaintext, blob, err = k.kms.GenerateDataKey(ctx, ref.KeyARN, ref.Context)
		k.observeCall("GenerateDataKey", err, began)
		if err != nil {
			return nil, fmt.Errorf("generate bucket key: %w", answered(err))
		}
	} else {
		plaintext, err = k.kms.Decrypt(ctx, ref.KeyARN, blob, ref.Context)
		k.observeCall("Decrypt", err, began)
		if err != nil {
			return nil, fmt.Errorf("decrypt bucket key: %w", answered(err))
		}
	}
	defer clear(plaintext)
	key := &bucketKey{kmsKey: ref.KeyARN, bucket: ref.BucketARN, blob: bytes.Clone(blob)}
	if len(plaintext) != crypto.KeySize || len(blob) == 0 || bytes.Count(plaintext, []byte{0}) == crypto.KeySize {
		if generating { // nothing is sealed under it yet, so nothing is damaged
			return nil, fmt.Errorf("generate bucket key: %w: %w", ErrUnavailable, ErrBadKey)
		}
		return nil, fmt.Errorf("decrypt bucket key: %w", ErrBadKey)
	}
	copy(key.secret[:], plaintext)
	return key, nil
}

func (k *Keyring) observeCall(name string, err error, began time.Time) {
	if k.options.Observer.Call != nil {
		k.options.Observer.Call(name, err, k.options.Now().Sub(began))
	}
}

// codeOf returns KMS's name of an error, "" when it has none.
func codeOf(err error) string {
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) {
		return coded.ErrorCode()
	}
	return ""
}

// answered marks an error that isn't KMS's own.
func answered(err error) error {
	if codeOf(err) == "" {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// lost says whether a bucket key can't come back although KMS works, so that sealing needs a new one: a role may be
// allowed to generate and not to decrypt, and a key service may have lost what it had.
func lost(err error) bool {
	switch codeOf(err) {
	case "AccessDeniedException", "InvalidCiphertextException", "IncorrectKeyException":
		return true
	}
	return errors.Is(err, ErrBadKey)
}
