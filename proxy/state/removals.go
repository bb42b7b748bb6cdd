package state

import (
	"context"
	"sync"
)

// removals are what this replica removes behind its callers' backs. What it doesn't come to, because the process ends,
// the store refuses, or too many wait, the janitor removes.
type removals struct {
	ctx    context.Context
	end    context.CancelFunc
	slots  chan struct{} // one each that is at work
	places chan struct{} // one each that waits or is at work
	group  sync.WaitGroup

	mu     sync.Mutex
	closed bool
}

const (
	removalsAtWork  = 4
	removalsWaiting = 1024
)

func newRemovals() *removals {
	r := &removals{slots: make(chan struct{}, removalsAtWork), places: make(chan struct{}, removalsWaiting)}
	r.ctx, r.end = context.WithCancel(context.Background())
	return r
}

// add has f carried out soon, or not at all.
func (r *removals) add(f func(ctx context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	select {
	case r.places <- struct{}{}:
	default:
		return
	}
	r.group.Go(func() {
		defer func() { <-r.places }()
		select {
		case r.slots <- struct{}{}:
			defer func() { <-r.slots }()
			_ = f(r.ctx) // the janitor's then
		case <-r.ctx.Done():
		}
	})
}

// Close lets what is removed behind callers' backs come to its end, until ctx ends, and adds nothing more.
func (s *State) Close(ctx context.Context) {
	s.removals.mu.Lock()
	s.removals.closed = true
	s.removals.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.removals.group.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	s.removals.end()
	<-done
}
