package conn

import (
	"cmp"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// connections are those of clients that are open, with the listeners that accept them. They end when the server drains:
//
//	request in flight ─answer says Connection: close─▶ closed
//	idle ─▶ drainGrace, in which a request is still taken up ─▶ closed
//
// A connection under load is seldom idle for that long, so that its client learns of the end by an answer. A
// connection that has had no request yet was opened for one, and gets newGrace of it.
//
// The zero value has none.
type connections struct {
	drainedAt atomic.Int64  // as UnixNano; 0: not yet
	grace     time.Duration // 0: drainGrace

	mu        sync.Mutex
	open      map[*rawConn]struct{}
	listeners map[net.Listener]struct{}
	none      chan struct{} // of drain: closed once nothing is left
}

const (
	drainGrace = 100 * time.Millisecond
	newGrace   = 10 // times as long
)

func (s *connections) draining() bool { return s.drainedAt.Load() != 0 }

// listen adds a listener whose connections will be added, and says whether there may be another.
func (s *connections) listen(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining() {
		return false
	}
	if s.listeners == nil {
		s.listeners = make(map[net.Listener]struct{})
	}
	s.listeners[ln] = struct{}{}
	return true
}

// listened removes a listener from which nothing more will be accepted.
func (s *connections) listened(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
	s.checkNone()
}

func (s *connections) add(c *rawConn) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[*rawConn]struct{})
	}
	s.open[c] = struct{}{}
}

// remove may be called more than once for a connection.
func (s *connections) remove(c *rawConn) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.open[c]; ok {
		delete(s.open, c)
		s.checkNone()
	}
}

func (s *connections) count() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.open))
}

// checkNone is called under mu, after something was removed.
func (s *connections) checkNone() {
	if s.none != nil && len(s.open) == 0 && len(s.listeners) == 0 {
		close(s.none)
	}
}

// drain closes the listeners and lets the connections end. What it returns is closed when none is left.
func (s *connections) drain() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.none != nil {
		return s.none
	}
	s.none = make(chan struct{})
	s.drainedAt.Store(time.Now().UnixNano())
	for ln := range s.listeners {
		_ = ln.Close()
	}
	for c := range s.open {
		c.shortenIdle()
	}
	s.checkNone()
	return s.none
}

// closing is h with the answer being the connection's last one since the server drains.
func (s *connections) closing(h fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		h(ctx)
		if s.draining() {
			ctx.Response.Header.SetConnectionClose()
		}
	}
}

// drainDeadline is when a idle connection ends since the server drains; 0: it doesn't drain.
func (c *rawConn) drainDeadline() int64 {
	if c.all == nil {
		return 0
	}
	at := c.all.drainedAt.Load()
	if at == 0 {
		return 0
	}
	grace := cmp.Or(c.all.grace, drainGrace)
	if !c.answered.Load() {
		grace *= newGrace
	}
	return at + int64(grace)
}

// setReadDeadline sets the deadline of the next read, as UnixNano.
//
// While the connection is idle, drain may want to shorten the deadline of a read under way, but never that of a
// request whose beginning has just been read: so both hold the lock, and heard takes it before the next read begins.
func (c *rawConn) setReadDeadline(until int64) error {
	if !c.idle.Load() {
		c.readUntil = until
		return c.Conn.SetReadDeadline(time.Unix(0, until))
	}
	c.idleMu.Lock()
	defer c.idleMu.Unlock()
	if drain := c.drainDeadline(); drain != 0 {
		until = min(until, drain)
	} else if early := until - c.readUntil; 0 <= early && early < int64(min(c.timeouts.Park, c.timeouts.Idle)/8) {
		return nil // that of a request just before does, too: an idle connection ends an eighth earlier at most
	}
	c.readUntil = until
	return c.Conn.SetReadDeadline(time.Unix(0, until))
}

// shortenIdle shortens the deadline of a read that waits for a request.
func (c *rawConn) shortenIdle() {
	c.idleMu.Lock()
	defer c.idleMu.Unlock()
	if c.idle.Load() {
		c.readUntil = c.drainDeadline()
		_ = c.Conn.SetReadDeadline(time.Unix(0, c.readUntil))
	}
}

// markActive notes that bytes of a request have come.
func (c *rawConn) markActive() {
	if c.idle.Load() {
		c.idleMu.Lock()
		c.idle.Store(false)
		c.idleMu.Unlock()
	}
}

// drained says whether a read of a idle connection ended since the server drains.
func (c *rawConn) drained(err error) bool {
	return c.idle.Load() && c.all != nil && c.all.draining() && errors.Is(err, os.ErrDeadlineExceeded)
}
