package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// claims are the claims of this replica: its own operations wait for one another here, and not at the store.
type claims struct {
	mu     sync.Mutex
	queues map[string]*claimQueue
	// freed are records that this replica has let go: it takes them again by one request, and without waiting.
	freed map[string]releasedClaim
}

// maxFreed bounds freed.
const maxFreed = 4096

type releasedClaim struct {
	etag string
	move *Move // left unfinished
}

type claimQueue struct {
	turn    chan struct{} // holds one element while somebody has the turn
	waiting int
}

// enter waits for its turn and returns how to leave.
func (q *claims) enter(ctx context.Context, name string) (leave func(), err error) {
	q.mu.Lock()
	if q.queues == nil {
		q.queues = make(map[string]*claimQueue)
	}
	one := q.queues[name]
	if one == nil {
		one = &claimQueue{turn: make(chan struct{}, 1)}
		q.queues[name] = one
	}
	one.waiting++
	q.mu.Unlock()
	left := func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if one.waiting--; one.waiting == 0 {
			delete(q.queues, name)
		}
	}
	select {
	case one.turn <- struct{}{}:
		return func() { <-one.turn; left() }, nil
	case <-ctx.Done():
		left()
		return nil, busy(ctx, ctx.Err())
	}
}

// left returns what this replica left of a record, and forgets it.
func (q *claims) left(name string) (etag string, move *Move) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f := q.freed[name]
	delete(q.freed, name)
	return f.etag, f.move
}

// keep remembers the record as this replica has released it. What is forgotten costs a request, or the wait for its
// age.
func (q *claims) keep(name string, f releasedClaim) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.freed == nil || len(q.freed) >= maxFreed {
		q.freed = make(map[string]releasedClaim)
	}
	if f.etag == "" {
		delete(q.freed, name)
	} else {
		q.freed[name] = f
	}
}

// busy is err, or ErrBusy when the caller's patience has ended.
func busy(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrBusy) {
		return ErrBusy
	}
	return fmt.Errorf("claim a key: %w", err)
}
