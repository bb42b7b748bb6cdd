package state

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Claim is the right to change one key or two in several steps. It is held until Release, in this replica and, unless
// Options.Alone is set, among all replicas.
type Claim struct {
	// Inherited are moves that earlier holders have left unfinished: the caller finishes them before it does anything
	// of its own, and calls End for each.
	Inherited []*Move

	state  *State
	ctx    context.Context
	cancel context.CancelCauseFunc
	leave  []func() // of this replica's queue

	others map[string]other // records that are still to be taken, as they were when this claim first had to wait

	// These are under mu.
	mu    sync.Mutex
	holds []*hold
	beat  *time.Timer
	end   *time.Timer
	over  bool
}

// A hold is one record that a Claim holds.
type hold struct {
	name   string
	etag   string
	record claimRecord
}

// An other is a record that somebody else holds, and since when it is known to be unchanged.
type other struct {
	etag  string
	since time.Time
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
	for i, name := range names {
		h := &hold{name: name, record: claimRecord{Holder: rand.Text(), What: what}}
		began, err := c.acquire(patience, h, names[i+1:])
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.holds = append(c.holds, h)
		if c.beat == nil { // the first one is renewed while others are waited for
			c.beat = time.AfterFunc(c.state.o.ClaimAge/4, c.renew)
			c.end = time.AfterFunc(c.state.o.ClaimAge*2/3-time.Since(began), func() { c.cancel(ErrClaimLost) })
		}
		c.mu.Unlock()
	}
	return nil
}

// acquire makes or takes the record of h, once whoever holds it has let it go or has gone. later are the names that are
// taken after it: while this one is waited for, those of the same holder age as well. began is when the record was
// written.
func (c *Claim) acquire(ctx context.Context, h *hold, later []string) (began time.Time, err error) {
	s := c.state
	seen := c.others[h.name]
	pause := 20 * time.Millisecond
	h.etag, h.record.Move = s.claims.left(h.name)
	for {
		began = time.Now()
		etag, err := s.write(ctx, h.name, &h.record, h.etag)
		if err == nil {
			h.etag = etag
			c.inherit(h)
			return began, nil
		}
		failed := err
		var found claimRecord
		etag, err = s.read(ctx, h.name, &found)
		switch {
		// the answer was lost, or its request was repeated on the way
		case err == nil && found.Holder == h.record.Holder:
			h.etag = etag
			c.inherit(h)
			return began, nil
		case !conflict(failed):
			return began, busy(ctx, failed)
		case errors.Is(err, fs.ErrNotExist):
			h.etag, h.record.Move = "", nil
		case err != nil:
			return began, busy(ctx, err)
		case found.Holder == "":
			h.etag, h.record.Move = etag, nil
		case etag != seen.etag:
			seen = other{etag, time.Now()}
			c.readOthers(ctx, later)
		case time.Since(seen.since) >= s.o.ClaimAge: // its holder has gone
			h.etag, h.record.Move = etag, found.Move
			continue
		}
		select {
		case <-ctx.Done():
			return began, busy(ctx, ctx.Err())
		case <-time.After(pause/2 + mathrand.N(pause)):
		}
		pause = min(2*pause, s.o.ClaimAge/16)
	}
}

// readOthers notes who holds the records of names.
func (c *Claim) readOthers(ctx context.Context, names []string) {
	for _, name := range names {
		var found claimRecord
		if etag, err := c.state.read(ctx, name, &found); err == nil && found.Holder != "" &&
			etag != c.others[name].etag {
			if c.others == nil {
				c.others = make(map[string]other)
			}
			c.others[name] = other{etag, time.Now()}
		}
	}
}

// inherit notes the move that was in progress when h was taken over.
func (c *Claim) inherit(h *hold) {
	if h.record.Move != nil {
		c.Inherited = append(c.Inherited, h.record.Move)
	}
}

// conflict reports whether a record was not the one expected. Some stores say of an absent one that it is absent.
func conflict(err error) bool { return errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) }

// Context ends when the claim is released, or can't be renewed in time. What its holder sends to the store goes with
// it.
func (c *Claim) Context() context.Context { return c.ctx }

// Held returns an error when the claim may be another's by now. It costs a request to the store.
func (c *Claim) Held() error {
	if c.state.o.Alone {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write()
}

// Begin writes down that the object at m.From is moved; the claim must hold that key. Nothing of m is retained: its
// strings may be a request's memory.
func (c *Claim) Begin(b *Bucket, m *Move) error {
	if c.state.o.Alone {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holdOf(b, m.From).record.Move = &Move{
		From: strings.Clone(m.From), To: strings.Clone(m.To), FromSalt: bytes.Clone(m.FromSalt),
		ToSalt: bytes.Clone(m.ToSalt),
		ETag:   strings.Clone(m.ETag),
	}
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

// write writes all records again; c.mu is held. One that another replica has taken ends the claim.
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
	c.end.Reset(c.state.o.ClaimAge*2/3 - time.Since(began))
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
		switch {
		case lost: // it may be another's
		// left to whoever can find out how it ended: here at once, elsewhere when it has aged
		case h.record.Move != nil:
			c.state.claims.keep(h.name, releasedClaim{h.etag, h.record.Move})
		default:
			c.letGo(ctx, h)
		}
	}
	c.mu.Unlock()
	for _, leave := range slices.Backward(c.leave) {
		leave()
	}
}

// letGo says that nobody holds the record. Should that fail, other replicas wait for its age.
func (c *Claim) letGo(ctx context.Context, h *hold) {
	for range 3 {
		etag, err := c.state.write(ctx, h.name, &claimRecord{}, h.etag)
		switch {
		case err == nil:
			c.state.claims.keep(h.name, releasedClaim{etag: etag})
			return
		case !conflict(err):
			continue
		}
		// Another's by now; or ours, and the answer to an earlier write was lost.
		var found claimRecord
		etag, err = c.state.read(ctx, h.name, &found)
		switch {
		case err == nil && found.Holder == h.record.Holder:
			h.etag = etag
		case err == nil || errors.Is(err, fs.ErrNotExist):
			return
		}
	}
	c.state.claims.keep(h.name, releasedClaim{etag: h.etag})
}
