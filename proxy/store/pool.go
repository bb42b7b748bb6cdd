package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A pool has the connections to one endpoint: those that are idle, of which the last used is used next, and the number
// of those that may be open. Whoever waits, for one to come back or to be opened, does so with its request's context.
type pool struct {
	dial func(ctx context.Context) (*conn, error)
	most int           // open at once
	wait time.Duration // for one of them, at most
	life time.Duration // of an idle one

	mu      sync.Mutex // all below
	idle    []*conn    // by when they came back
	open    int        // idle, in use, or being opened
	waiting []*waiter  // first come, first served
	sweep   *time.Timer
}

// A waiter gets a connection, or none with the right to open one.
type waiter struct {
	ready chan struct{} // closed then
	conn  *conn
}

// errBusy says that all connections stayed in use.
var errBusy = errors.New("all connections to the store were in use for")

// get returns an idle connection, or opens one. The caller gives it back by put.
func (p *pool) get(ctx context.Context) (*conn, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	if p.open < p.most {
		p.open++
		p.mu.Unlock()
		return p.begin(ctx)
	}
	w := &waiter{ready: make(chan struct{})}
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()

	timer := time.NewTimer(p.wait)
	defer timer.Stop()
	var err error
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timer.C:
		err = fmt.Errorf("%w %v", errBusy, p.wait)
	}
	if err != nil && p.leave(w) {
		return nil, err
	}
	if w.conn != nil {
		return w.conn, nil
	}
	return p.begin(ctx)
}

// begin opens a connection that has been counted.
func (p *pool) begin(ctx context.Context) (*conn, error) {
	c, err := p.dial(ctx)
	if err != nil {
		p.mu.Lock()
		p.gone()
		p.mu.Unlock()
		return nil, err
	}
	return c, nil
}

// leave takes a waiter back; false if it has been served.
func (p *pool) leave(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.waiting, w)
	if at < 0 {
		return false
	}
	p.waiting = slices.Delete(p.waiting, at, at+1)
	return true
}

// gone counts a connection out, and lets the next waiter open another. mu is held.
func (p *pool) gone() {
	if w := p.next(); w != nil {
		close(w.ready)
		return
	}
	p.open--
}

func (p *pool) next() *waiter {
	if len(p.waiting) == 0 {
		return nil
	}
	w := p.waiting[0]
	p.waiting = slices.Delete(p.waiting, 0, 1)
	return w
}

// put takes a connection back, to be used again when ok.
func (p *pool) put(c *conn, ok bool, now time.Time) {
	c.giveReader()
	if !ok {
		_ = c.Close()
		p.mu.Lock()
		p.gone()
		p.mu.Unlock()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c.idle = now
	if w := p.next(); w != nil {
		w.conn = c
		close(w.ready)
		return
	}
	p.idle = append(p.idle, c)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(p.life, p.closeOld)
	}
}

// closeOld closes what has been idle for too long, and comes again while something is idle.
func (p *pool) closeOld() {
	p.mu.Lock()
	now := time.Now()
	old := 0
	for old < len(p.idle) && now.Sub(p.idle[old].idle) >= p.life {
		old++
	}
	closing := slices.Clone(p.idle[:old])
	p.idle = slices.Delete(p.idle, 0, old)
	p.open -= old
	if len(p.idle) > 0 {
		p.sweep.Reset(p.life - now.Sub(p.idle[0].idle))
	} else {
		p.sweep = nil
	}
	p.mu.Unlock()
	for _, c := range closing {
		_ = c.Close()
	}
}

// closeIdle closes all idle connections.
func (p *pool) closeIdle() {
	p.mu.Lock()
	closing := p.idle
	p.idle = nil
	p.open -= len(closing)
	p.mu.Unlock()
	for _, c := range closing {
		_ = c.Close()
	}
}
