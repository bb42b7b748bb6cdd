package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"time"
)

// revocationsName is the one record of KMS keys whose cached bucket keys are to be dropped everywhere.
const revocationsName = "revocations"

// AllKeys stands for every KMS key in a revocation.
const AllKeys = "*"

// revocationLife is how long a revocation is told: longer than any bucket key's plaintext stays in a memory.
const revocationLife = 24 * time.Hour

// revocations says when each KMS key was last revoked.
type revocations struct {
	Keys map[string]time.Time `json:"keys"`
}

// Replicas that revoke at the same time race for the record: so often one tries, and after the first loss it waits up to this
// long, by chance, then up to twice as long each time.
const (
	revokeAttempts = 12
	revokePause    = 2 * time.Millisecond
)

// Revoke makes every replica drop what it holds under a KMS key, or under all: this one is told at once, the others with
// the next bucket record they read, so within Options.CacheLife of their next request.
func (s *State) Revoke(ctx context.Context, keyARN string) error {
	select {
	case s.revoking <- struct{}{}:
		defer func() { <-s.revoking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for attempt := range revokeAttempts {
		var r revocations
		etag, err := s.read(ctx, revocationsName, &r)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		now := s.o.Now().UTC()
		if r.Keys == nil {
			r.Keys = make(map[string]time.Time)
		}
		maps.DeleteFunc(r.Keys, func(_ string, at time.Time) bool { return now.Sub(at) > revocationLife })
		r.Keys[keyARN] = now
		_, err = s.write(ctx, revocationsName, &r, etag)
		if err == nil {
			s.apply(&r)
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		pause := time.NewTimer(rand.N(revokePause << min(attempt, 6)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
	return fmt.Errorf("%w: the revocations kept changing", ErrAborted)
}

// readRevocations reads the record if it was not read within CacheLife. A record that can't be read is an error of the
// request that needs the bucket: a replica that can't hear revocations must not go on.
func (s *State) readRevocations(ctx context.Context) error {
	s.mu.Lock()
	due := s.o.Now().Sub(s.revocationsRead) >= s.o.CacheLife
	s.mu.Unlock()
	if !due {
		return nil
	}
	read := s.o.Now()
	var r revocations
	if _, err := s.read(ctx, revocationsName, &r); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.apply(&r)
	s.mu.Lock()
	s.revocationsRead = read
	s.mu.Unlock()
	return nil
}

// apply tells Options.Revoked of what is new.
func (s *State) apply(r *revocations) {
	for key, at := range r.Keys {
		s.mu.Lock()
		known := !at.After(s.revoked[key])
		if !known {
			s.revoked[key] = at
		}
		s.mu.Unlock()
		if !known && s.o.Revoked != nil {
			s.o.Revoked(key)
		}
	}
}
