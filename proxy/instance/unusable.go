package instance

import (
	"errors"

	"sealfront/proxy/state"
)

// An Unusable is an error of the store or of the key service, which keeps a proxy from being opened.
type Unusable struct {
	Part string // store or kms: the section of the configuration
	Err  error
}

// Error returns the error of the store or the key service.
func (u *Unusable) Error() string { return u.Err.Error() }

// Unwrap returns it, too.
func (u *Unusable) Unwrap() error { return u.Err }

func unusable(part string, err error) error {
	if err == nil {
		return nil
	}
	return &Unusable{part, err}
}

// unusableState says whose error kept the state from being opened.
func unusableState(err error) error {
	if _, ok := errors.AsType[*state.ServiceKeyError](err); ok {
		return unusable("kms", err)
	}
	return unusable("store", err)
}
