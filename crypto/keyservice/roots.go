package keyservice

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"sealfront/crypto/keyroot"
)

// roots are the roots by their identities. A root that has failed is left alone for a second: whoever needs it
// meanwhile gets the same error at once, so that requests don't queue up behind a root that hangs.
type roots struct {
	list    []keyroot.Root // the first wraps
	timeout time.Duration
	now     func() time.Time
	observe func(RootCall)

	mu     sync.Mutex
	failed map[string]rootFailure // by identity
}

type rootFailure struct {
	at  time.Time
	err error
}

// rootPause is how long a root is left alone after a failure.
const rootPause = time.Second

// wrap makes a record key and wraps it under the first root.
func (r *roots) wrap(ctx context.Context, name string, secret *[materialSize]byte) (*sealedRecord, error) {
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, err
	}
	root := r.list[0]
	var wrapped []byte
	err := r.call(ctx, "wrap", root, func(ctx context.Context) (err error) {
		wrapped, err = root.Wrap(ctx, name, secret)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("wrap the key of %s: %w", name, err)
	}
	return &sealedRecord{root: root.Identity(), wrapped: wrapped}, nil
}

// unwrap returns a record's key in secret.
func (r *roots) unwrap(ctx context.Context, name string, record *sealedRecord, secret *[materialSize]byte) error {
	for _, root := range r.list {
		if root.Identity() != record.root {
			continue
		}
		err := r.call(ctx, "unwrap", root, func(ctx context.Context) error {
			return root.Unwrap(ctx, name, record.wrapped, secret)
		})
		if errors.Is(err, keyroot.ErrWrong) {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return err
	}
	return fmt.Errorf("%w: %s", ErrUnknownRoot, record.root)
}

// call calls a root within the time that it has, unless it has just failed.
func (r *roots) call(ctx context.Context, what string, root keyroot.Root, do func(context.Context) error) error {
	identity := root.Identity()
	r.mu.Lock()
	last, pausing := r.failed[identity]
	pausing = pausing && r.now().Sub(last.at) < rootPause
	r.mu.Unlock()
	if pausing {
		return fmt.Errorf("%w: it failed a moment ago: %w", ErrRoot, last.err)
	}
	within, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	began := time.Now()
	err := do(within)
	r.observe(RootCall{Call: what, Identity: identity, Err: err, Took: time.Since(began)})
	if err == nil || errors.Is(err, keyroot.ErrWrong) {
		r.mu.Lock()
		delete(r.failed, identity)
		r.mu.Unlock()
		return err
	}
	if ctx.Err() == nil { // it wasn't the caller who left
		r.mu.Lock()
		r.failed[identity] = rootFailure{at: r.now(), err: err}
		r.mu.Unlock()
	}
	return fmt.Errorf("%w: %w", ErrRoot, err)
}
