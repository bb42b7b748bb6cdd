// Package keyroot is what the keys of a key service are sealed under: a root wraps and unwraps 32 bytes.
package keyroot

import (
	"context"
	"errors"
)

// A Root wraps keys of 32 bytes. It is safe for concurrent use.
type Root interface {
	// Wrap returns key wrapped, bound to name: Unwrap under another name fails.
	Wrap(ctx context.Context, name string, key *[32]byte) ([]byte, error)
	// Unwrap returns the key that Wrap was given, in key, which it owns until it returns. ErrWrong means that wrapped
	// isn't this root's, was altered or belongs to another name; every other error, that the root couldn't say.
	Unwrap(ctx context.Context, name string, wrapped []byte, key *[32]byte) error
	// Identity names the root and its key, the same after a restart: records say which root they need. At most 200
	// bytes.
	Identity() string
	// Well reports whether the root can wrap and unwrap now.
	Well(ctx context.Context) error
	Close() error
}

// ErrWrong means that what was to be unwrapped isn't the root's, was altered or belongs to another name.
var ErrWrong = errors.New("not wrapped by this root under this name")
