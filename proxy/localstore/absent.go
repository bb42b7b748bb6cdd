//go:build noembedded

package localstore

import "context"

// A Store never exists in a program without the embedded store.
type Store struct{}

// Start always returns ErrAbsent.
func Start(context.Context, Options) (*Store, error) { return nil, ErrAbsent }

// Close does nothing.
func (*Store) Close() error { return nil }

// Address is empty.
func (*Store) Address() string { return "" }
