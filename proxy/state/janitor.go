package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"
)

// leftoverAge is how old uploads, and records without one, are before they can be leftovers, and how long the record of
// an upload that has ended stays: a day.
func (s *State) leftoverAge() time.Duration { return 24 * s.o.SweepEvery }

// leftoverPause is between the two looks at which an upload must be gone: an hour.
func (s *State) leftoverPause() time.Duration { return s.o.SweepEvery }

// A Janitor removes what requests that broke off have left in the state bucket, and gives records the names that are
// listed, where a request or an earlier release has left them without. It removes the record of an open upload only on
// the store's own word that the upload is gone, given twice, an hour apart, on an upload older than a day: listings of
// uploads prove nothing, since some stores don't list them all (L11). An open upload is looked at once a day.
type Janitor struct {
	state *State
	gone  func(ctx context.Context, u *Upload) (bool, error)

	mu     sync.Mutex
	seen   map[string]time.Time // uploads found gone once, by the prefix of their records
	failed error                // the first one of this sweep
}

// NewJanitor returns a janitor. gone reports, from the store, whether an upload is over and did not become an object.
func NewJanitor(s *State, gone func(ctx context.Context, u *Upload) (bool, error)) *Janitor {
	return &Janitor{state: s, gone: gone, seen: make(map[string]time.Time)}
}

// Sweep inspects every bucket record and every upload once, in one pass over listings. It returns the first error but
// goes on to the others. It ends with ctx.
func (j *Janitor) Sweep(ctx context.Context) error {
	j.mu.Lock()
	j.failed = nil
	j.mu.Unlock()
	p := pass{s: j.state, careful: j.state.mixed(), janitor: j}
	err := j.state.sweepBuckets(ctx)
	if uploads := p.run(ctx, uploadPrefix, openPrefix); uploads != nil {
		err = errors.Join(err, fmt.Errorf("go over the uploads: %w", uploads))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err = errors.Join(err, j.failed); err != nil {
		return err
	}
	return j.state.layoutDone(ctx)
}

func (j *Janitor) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed == nil {
		j.failed = err
	}
}

// due reports whether an open upload is to be looked at by this sweep: when it was found gone before, otherwise in one
// of 24 sweeps, an hour of the day, which its hash chooses.
func (j *Janitor) due(d *dir) bool {
	now := j.state.o.Now()
	if now.Sub(d.open.Initiated) < j.state.leftoverAge() {
		return false
	}
	j.mu.Lock()
	_, before := j.seen[d.prefix()]
	j.mu.Unlock()
	return before || int64(d.open.record[0])%24 == now.UnixNano()/int64(j.state.o.SweepEvery)%24
}

// look gets the state of an open upload from the store.
func (j *Janitor) look(ctx context.Context, d *dir, u *Upload) error {
	now := j.state.o.Now()
	gone, err := j.gone(ctx, u)
	if err != nil {
		return err
	}
	j.mu.Lock()
	first, before := j.seen[d.prefix()]
	switch {
	case !gone:
		delete(j.seen, d.prefix())
	case !before:
		j.seen[d.prefix()] = now
	}
	j.mu.Unlock()
	if !gone || !before || now.Sub(first) < j.state.leftoverPause() {
		return nil
	}
	return j.remove(ctx, d)
}

// remove takes part records and stashes, then the upload's name, and its record last.
func (j *Janitor) remove(ctx context.Context, d *dir) error {
	s := j.state
	if d.parts {
		if err := s.removeParts(ctx, d.prefix()); err != nil {
			return err
		}
	}
	if d.openListed != nil {
		if err := s.objects.Delete(ctx, d.openListed.name); err != nil {
			return fmt.Errorf("remove the name of an upload: %w", err)
		}
	}
	if d.record != nil {
		err := s.objects.Delete(ctx, d.record.name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the record of an upload: %w", err)
		}
		s.uploads.Remove(d.record.name)
	}
	j.mu.Lock()
	delete(j.seen, d.prefix())
	j.mu.Unlock()
	return nil
}
