package state

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Outcomes of claims that callers decide by.
var (
	// ErrBusy: another operation holds the key's claim, and went on holding it for as long as a caller waits.
	ErrBusy = errors.New("another operation on this key is under way")
	// ErrClaimLost is the cause with which a claim's context ends when it could not be renewed: another replica may hold it.
	ErrClaimLost = errors.New("the claim on the key could not be renewed in time")
)

// The times of claims. All are measured by the monotonic clock of whoever measures; no two machines' clocks are compared.
const (
	claimAge = 12 * time.Second // unchanged for this long, a claim is taken over
	// claimPatience is how long a caller waits: longer than claimAge, so that a crashed holder's claim is taken over.
	claimPatience = 20 * time.Second

	claimPrefix = "claims/"
)

// claimRecord is what a claim's record says. One that nobody holds stays until SweepClaims: it is taken by If-Match, and
// needs no deletion that could be repeated late and hit another holder's.
type claimRecord struct {
	Holder string `json:"holder,omitempty"` // random, new for each claim; "": nobody
	What   string `json:"what,omitempty"`   // the operation, for whoever reads records by hand
	Beat   int    `json:"beat,omitempty"`   // grows with each renewal
	Move   *Move  `json:"move,omitempty"`
}

// A Move is how far the holder of a key's claim has come in moving its object to another key: from before the copy is
// made until the original is deleted. Whoever takes the claim over after a crash decides by it: with the copy in place
// the original goes, otherwise it stays.
type Move struct {
	From     string `json:"from"` // key, the claimed one
	To       string `json:"to"`
	FromSalt []byte `json:"fromSalt"` // wrap salts of the two envelopes: unlike an ETag, none ever comes back
	ToSalt   []byte `json:"toSalt"`
	ETag     string `json:"etag"` // the store's, of the original
}

// A Claim is the right to change one key or two in several steps. It is held until Release, in this replica and, unless
// Options.Alone is set, among all replicas.
type Claim struct {
	// Inherited are moves of holders that have gone: the caller finishes them before it does anything of its own.
	Inherited []Move

	state  *State
	ctx    context.Context
	cancel context.CancelCauseFunc
	leave  []func() // of this replica's queue

	// These are under mu.
	mu      sync.Mutex
	holds   []*hold
	renewed time.Time // when the records were last known to be ours
	beat    *time.Timer
	end     *time.Timer
	over    bool
}

// A hold is one record that a Claim holds.
type hold struct {
	name   string
	etag   string
	record claimRecord
}

// Claim waits until no other operation holds any of the keys, and holds them. ErrBusy after claimPatience, ctx's error
// when that ends before.
func (s *State) Claim(ctx context.Context, b *Bucket, what string, keys ...string) (*Claim, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := &Claim{state: s, ctx: ctx, cancel: cancel}
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = claimName(b.Name, key)
	}
	slices.Sort(names) // everybody's order, so that two claims of the same keys don't wait for one another
	if err := c.take(slices.Compact(names), what); err != nil {
		c.Release()
		return nil, err
	}
	return c, nil
}

func (c *Claim) take(names []string, what string) error {
	patience, cancel := context.WithTimeoutCause(c.ctx, c.state.o.ClaimPatience, ErrBusy)
	defer cancel()
	for _, name := range names {
		leave, err := c.state.claims.enter(patience, name)
		if err != nil {
			return err
		}
		c.leave = append(c.leave, leave)
	}
	if c.state.o.Alone {
		return nil
	}
	c.renewed = time.Now()
	for _, name := range names {
		h := &hold{name: name, record: claimRecord{Holder: rand.Text(), What: what}}
		if err := c.acquire(patience, h); err != nil {
			return err
		}
		c.holds = append(c.holds, h)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beat = time.AfterFunc(c.state.o.ClaimAge/4, c.renew)
	c.end = time.AfterFunc(c.state.o.ClaimAge*2/3-time.Since(c.renewed), func() { c.cancel(ErrClaimLost) })
	return nil
}

// acquire makes or takes the record of h, once whoever holds it has let it go or has gone.
func (c *Claim) acquire(ctx context.Context, h *hold) error {
	s := c.state
	var seen string
	var since time.Time
	pause := 20 * time.Millisecond
	h.etag = s.claims.free(h.name)
	for {
		etag, err := s.write(ctx, h.name, &h.record, h.etag)
		if err == nil {
			h.etag = etag
			c.inherit(h)
			return nil
		}
		failed := err
		var found claimRecord
		etag, err = s.read(ctx, h.name, &found)
		switch {
		case err == nil && found.Holder == h.record.Holder: // the answer was lost, or its request was repeated on the way
			h.etag = etag
			c.inherit(h)
			return nil
		case !conflict(failed):
			return busy(ctx, failed)
		case errors.Is(err, fs.ErrNotExist):
			h.etag, h.record.Move = "", nil
		case err != nil:
			return busy(ctx, err)
		case found.Holder == "":
			h.etag, h.record.Move = etag, nil
		case etag != seen:
			seen, since = etag, time.Now()
		case time.Since(since) >= s.o.ClaimAge: // its holder has gone
			h.etag, h.record.Move = etag, found.Move
			continue
		}
		select {
		case <-ctx.Done():
			return busy(ctx, ctx.Err())
		case <-time.After(pause/2 + mathrand.N(pause)):
		}
		pause = min(2*pause, s.o.ClaimAge/16)
	}
}

// inherit notes the move that was under way when h was taken over.
func (c *Claim) inherit(h *hold) {
	if h.record.Move != nil {
		c.Inherited = append(c.Inherited, *h.record.Move)
	}
}

// conflict reports whether a record was not the one expected. Some stores say of an absent one that it is absent.
func conflict(err error) bool { return errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) }

// busy is err, or ErrBusy when the caller's patience has ended.
func busy(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrBusy) {
		return ErrBusy
	}
	return fmt.Errorf("claim a key: %w", err)
}

// Context ends when the claim is released, or can't be renewed in time. What its holder sends to the store goes with it.
func (c *Claim) Context() context.Context { return c.ctx }

// Held returns an error when the claim may be another's by now. It asks the store.
func (c *Claim) Held() error {
	if c.state.o.Alone {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write()
}

// Begin writes down that the object at m.From is moved; the claim must hold that key.
func (c *Claim) Begin(b *Bucket, m *Move) error {
	if c.state.o.Alone {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holdOf(b, m.From).record.Move = m
	return c.write()
}

// End says that it is known how the move of the object at from ended. The record hears of it with the next renewal, or
// when the claim is released.
func (c *Claim) End(b *Bucket, from string) {
	if c.state.o.Alone {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holdOf(b, from).record.Move = nil
}

func (c *Claim) holdOf(b *Bucket, key string) *hold {
	name := claimName(b.Name, key)
	for _, h := range c.holds {
		if h.name == name {
			return h
		}
	}
	panic("state: internal error: a move from a key that isn't claimed")
}

func claimName(bucket, key string) string {
	sum := sha256.Sum256([]byte(key))
	return claimPrefix + bucket + "/" + hex.EncodeToString(sum[:])
}

// renew is the timer's.
func (c *Claim) renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	_ = c.write() // what fails is tried again until end's time
	c.beat.Reset(c.state.o.ClaimAge / 4)
}

// write writes all records anew; c.mu is held. One that another replica has taken ends the claim.
func (c *Claim) write() error {
	if err := context.Cause(c.ctx); err != nil {
		return err
	}
	began := time.Now()
	for _, h := range c.holds {
		h.record.Beat++
		etag, err := c.state.write(c.ctx, h.name, &h.record, h.etag)
		if conflict(err) {
			var found claimRecord
			etag, err = c.state.read(c.ctx, h.name, &found)
			switch {
			case err == nil && found.Holder != h.record.Holder, errors.Is(err, fs.ErrNotExist):
				c.cancel(ErrClaimLost)
				return ErrClaimLost
			case err == nil && found.Beat != h.record.Beat: // an earlier answer was lost
				etag, err = c.state.write(c.ctx, h.name, &h.record, etag)
			}
		}
		if err != nil {
			return err
		}
		h.etag = etag
	}
	c.renewed = began
	if c.end != nil {
		c.end.Reset(c.state.o.ClaimAge*2/3 - time.Since(began))
	}
	return nil
}

// Release lets the keys go. It may be called once.
func (c *Claim) Release() {
	c.mu.Lock()
	c.over = true
	if c.beat != nil {
		c.beat.Stop()
		c.end.Stop()
	}
	lost := context.Cause(c.ctx) != nil && errors.Is(context.Cause(c.ctx), ErrClaimLost)
	c.cancel(context.Canceled)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), c.state.o.ClaimAge/3)
	defer cancel()
	for _, h := range c.holds {
		if lost || h.record.Move != nil {
			continue // another's, or left to whoever can tell how the move ended
		}
		// Should this fail, the next one waits for the record's age.
		if etag, err := c.state.write(ctx, h.name, &claimRecord{}, h.etag); err == nil {
			c.state.claims.keep(h.name, etag)
		}
	}
	c.mu.Unlock()
	for _, leave := range slices.Backward(c.leave) {
		leave()
	}
}

// SweepClaims removes the records of keys that nobody has claimed for a while, and has finish called for each move whose
// holder has gone.
func (s *State) SweepClaims(ctx context.Context, finish func(ctx context.Context, bucket string, m *Move) error) error {
	var failed error
	err := s.each(ctx, claimPrefix, func(name, _ string, _ int64, modified time.Time) error {
		if s.o.Now().Sub(modified) < time.Hour {
			return nil
		}
		if err := s.sweepClaim(ctx, name, finish); err != nil && !errors.Is(err, ErrBusy) {
			if ctx.Err() != nil {
				return err
			}
			failed = errors.Join(failed, err)
		}
		return nil
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("remove claims: %w", err)
	}
	return nil
}

func (s *State) sweepClaim(ctx context.Context, name string, finish func(ctx context.Context, bucket string, m *Move) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	c := &Claim{state: s, ctx: ctx, cancel: cancel}
	defer c.Release()
	if err := c.take([]string{name}, "sweep"); err != nil {
		return err
	}
	bucket := name[len(claimPrefix) : len(name)-1-2*sha256.Size]
	for i := range c.Inherited {
		if err := finish(c.ctx, bucket, &c.Inherited[i]); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := context.Cause(c.ctx); err != nil {
		return err
	}
	s.claims.keep(name, "")
	c.holds = nil // the record goes, and with it what Release would write
	return s.objects.Delete(c.ctx, name)
}

// claims are the claims of this replica: its own operations wait for one another here, and not at the store.
type claims struct {
	mu     sync.Mutex
	queues map[string]*claimQueue
	freed  map[string]string // ETags of records that this replica has let go, so that it takes them by one request
}

// maxFreed bounds freed.
const maxFreed = 4096

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

func (q *claims) free(name string) (etag string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.freed[name]
}

func (q *claims) keep(name, etag string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.freed == nil || len(q.freed) >= maxFreed {
		q.freed = make(map[string]string) // forgetting costs a request
	}
	if etag == "" {
		delete(q.freed, name)
	} else {
		q.freed[name] = etag
	}
}
