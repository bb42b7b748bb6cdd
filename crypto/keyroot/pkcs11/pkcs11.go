//go:build pkcs11

package pkcs11

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/pkcs11"

	"sealfront/crypto/keyroot"
)

// Built reports whether this program can call modules.
const Built = true

// A Root wraps keys by a key of a token. It is safe for concurrent use.
type Root struct {
	config  Config
	library *library
	places  chan struct{} // a place for each call in the module

	// Whoever holds attaching, which has room for one, has these.
	attaching chan struct{}
	current   *attachment // nil: none
	wrongPIN  string      // what the token has refused
	failed    error       // of the last attach
	failedAt  time.Time
	closed    bool
}

var _ keyroot.Root = (*Root)(nil)

// Open makes a root. It loads and initializes the module; the token and its key are looked for at the first call.
// Faults of c are returned as keyroot.Faults.
func Open(c Config) (keyroot.Root, error) {
	if err := c.Faults().Err(); err != nil {
		return nil, err
	}
	if c.Sessions == 0 {
		c.Sessions = defaultSessions
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	library, err := load(c.Module)
	if err != nil {
		return nil, err
	}
	return &Root{
		config: c, library: library, places: make(chan struct{}, c.Sessions), attaching: make(chan struct{}, 1),
	}, nil
}

// Identity is pkcs11:token=TOKEN;object=KEY[;id=ID].
func (r *Root) Identity() string { return r.config.identity() }

// Wrap has the token wrap key.
func (r *Root) Wrap(ctx context.Context, name string, key *[keySize]byte) ([]byte, error) {
	kept := *key // a call that hangs outlives this one
	wrapped, err := call(ctx, r, func(a *attachment, s pkcs11.SessionHandle) ([]byte, error) {
		return a.wrap(s, name, &kept)
	}, func() { clear(kept[:]) })
	if err != nil {
		return nil, fmt.Errorf("wrap a key by the token %s: %w", r.config.Token, err)
	}
	return wrapped, nil
}

// Unwrap has the token unwrap wrapped.
func (r *Root) Unwrap(ctx context.Context, name string, wrapped []byte, key *[keySize]byte) error {
	if !wellFormed(wrapped) {
		return keyroot.ErrWrong
	}
	kept := append([]byte(nil), wrapped...)
	got, err := call(ctx, r, func(a *attachment, s pkcs11.SessionHandle) (*[keySize]byte, error) {
		var key [keySize]byte
		err := a.unwrap(s, name, kept, &key)
		return &key, err
	}, func() {})
	if err == nil {
		*key = *got
		clear(got[:])
		return nil
	}
	surely, doubtful := refusesText(err)
	if surely || doubtful && r.Well(ctx) == nil {
		return fmt.Errorf("%w: the token %s says %w", keyroot.ErrWrong, r.config.Token, err)
	}
	if errors.Is(err, keyroot.ErrWrong) {
		return err
	}
	return fmt.Errorf("unwrap a key by the token %s: %w", r.config.Token, err)
}

// Well wraps a key of no use and unwraps it.
func (r *Root) Well(ctx context.Context) error {
	_, err := call(ctx, r, func(a *attachment, s pkcs11.SessionHandle) (struct{}, error) {
		const name = "well"
		var key, got [keySize]byte
		_, _ = rand.Read(key[:])
		wrapped, err := a.wrap(s, name, &key)
		if err == nil {
			err = a.unwrap(s, name, wrapped, &got)
		}
		if err == nil && subtle.ConstantTimeCompare(key[:], got[:]) != 1 {
			err = errors.New("it doesn't open what it wrapped")
		}
		return struct{}{}, err
	}, func() {})
	if err != nil {
		return fmt.Errorf("try the token %s: %w", r.config.Token, err)
	}
	return nil
}

// Close ends the sessions, when calls in the module have ended or a timeout has passed, and gives the module back.
func (r *Root) Close() error {
	patience := time.NewTimer(r.config.Timeout)
	defer patience.Stop()
	for taken := range cap(r.places) {
		select {
		case r.places <- struct{}{}:
			defer func() { <-r.places }()
		case <-patience.C:
			return fmt.Errorf("%d calls hang in %s: it isn't finalized", cap(r.places)-taken, r.config.Module)
		}
	}
	r.attaching <- struct{}{}
	defer func() { <-r.attaching }()
	if r.closed {
		return nil
	}
	r.closed = true
	if r.current != nil {
		r.current.end()
	}
	return r.library.release()
}

// call runs f in the module, in a goroutine of its own, since C can't be interrupted, and once more with another
// attachment if the token has lost this one. It returns when ctx or the time of a call ends; done is called when f no
// longer runs.
func call[T any](
	ctx context.Context, r *Root, f func(*attachment, pkcs11.SessionHandle) (T, error), done func(),
) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	type result struct {
		value T
		err   error
	}
	var none T
	select {
	case r.places <- struct{}{}:
	case <-ctx.Done():
		done()
		return none, fmt.Errorf("all %d sessions are in use: %w", cap(r.places), ctx.Err())
	}
	results := make(chan result, 1)
	go func() {
		defer func() { <-r.places }()
		defer done()
		value, err := try(ctx, r, f)
		if lost(err) {
			value, err = try(ctx, r, f)
		}
		results <- result{value, err}
	}()
	select {
	case got := <-results:
		return got.value, got.err
	case <-ctx.Done():
		return none, fmt.Errorf("%s doesn't return in time: %w", r.config.Module, ctx.Err())
	}
}

// try runs f once.
func try[T any](
	ctx context.Context, r *Root, f func(*attachment, pkcs11.SessionHandle) (T, error),
) (value T, err error) {
	a, err := r.attached(ctx)
	if err != nil {
		return value, err
	}
	s, err := a.take()
	if err == nil {
		value, err = f(a, s)
		a.give(s, err != nil)
	}
	if lost(err) {
		r.detach(a)
	}
	return value, err
}

// remembered is how long a failed attach is answered for the next ones, so that a token that is away isn't besieged.
const remembered = time.Second

// attached returns the attachment, after making one if there is none. One is made at a time.
func (r *Root) attached(ctx context.Context) (*attachment, error) {
	select {
	case r.attaching <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("the login hangs: %w", ctx.Err())
	}
	defer func() { <-r.attaching }()
	switch {
	case r.closed:
		return nil, errors.New("the root is closed")
	case r.current != nil:
		return r.current, nil
	case r.failed != nil && time.Since(r.failedAt) < remembered:
		return nil, r.failed
	}
	a, err := r.attach()
	if err != nil {
		// Not to be taken for a lost session, which would be tried again at once.
		r.failed, r.failedAt = errors.New(err.Error()), time.Now()
		return nil, r.failed
	}
	r.current, r.failed = a, nil
	return a, nil
}

// detach drops an attachment that the token has lost, unless somebody has before.
func (r *Root) detach(a *attachment) {
	r.attaching <- struct{}{}
	if r.current == a {
		r.current = nil
	}
	<-r.attaching
	a.end()
}
