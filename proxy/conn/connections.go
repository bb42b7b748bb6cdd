package conn

import (
	"cmp"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// connections are those of clients that are open, with the listeners that accept them. They end when the server drains:
//
//	request in flight ─answer says Connection: close─▶ closed
//	idle ─▶ drainGrace, in which a request is still taken up ─▶ closed
//
// A connection under load is seldom idle for that long, so its client usually sees the end in an answer. A connection
// without a request so far was opened for one, and gets newGrace times as long.
//
// The zero value has no connections.
type connections struct {
	drainedAt atomic.Int64  // as UnixNano; 0: not yet
	grace     time.Duration // 0: drainGrace
	relief    *relief       // nil: memory is the collector's alone
	serving   atomic.Int64  // those that are open and not parked
	crowd     atomic.Int64  // from how many in service on they park early; 0: crowdedFrom

	mu        sync.Mutex
	open      map[*rawConn]struct{}
	listeners map[net.Listener]struct{}
	none      chan struct{} // of drain: closed once nothing is left
	watching  bool          // connections are looked at: see watch
}

const (
	drainGrace = 100 * time.Millisecond
	newGrace   = 10 // times as long
)

func (s *connections) draining() bool { return s.drainedAt.Load() != 0 }

// addListener adds a listener whose connections will be added. It returns false when the server drains.
func (s *connections) addListener(ln net.Listener) bool {
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

// removeListener removes a listener from which nothing more will be accepted.
func (s *connections) removeListener(ln net.Listener) {
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
	if !s.watching {
		s.watching = true
		go s.watch()
	}
	s.serving.Add(1)
	s.relief.change(openUnits)
}

// park and unpark note that an open connection has been parked, and that it is in service again.
func (s *connections) park() {
	s.serving.Add(-1)
	s.relief.change(parkedUnits - openUnits)
}

func (s *connections) unpark() {
	s.serving.Add(1)
	s.relief.change(openUnits - parkedUnits)
}

// A crowd of connections in service parks after crowdedPark between two requests instead of Timeouts.Park: what one
// holds while it waits is more than the little work of parking it.
const (
	crowdedFrom = 1024
	crowdedPark = 10 * time.Millisecond
)

func (s *connections) crowded() bool { return s.serving.Load() > cmp.Or(s.crowd.Load(), crowdedFrom) }

// remove may be called more than once for a connection.
func (s *connections) remove(c *rawConn) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.open[c]; ok {
		delete(s.open, c)
		if c.state.Load() == parked {
			s.relief.change(-parkedUnits)
		} else {
			s.serving.Add(-1)
			s.relief.change(-openUnits)
		}
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

// closing is h whose answer is the connection's last one when the server drains.
func (s *connections) closing(h fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		h(ctx)
		if s.draining() {
			ctx.Response.Header.SetConnectionClose()
		}
	}
}

// drainDeadline is when an idle connection ends because the server drains; 0: it doesn't drain.
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
// While the connection is idle, drain may shorten the deadline of a read in progress, but never that of a request whose
// beginning has just been read: so both hold idleMu, and markActive takes it before the next read begins.
func (c *rawConn) setReadDeadline(until int64) error {
	if !c.idle.Load() {
		c.readUntil = until
		return c.Conn.SetReadDeadline(time.Unix(0, until))
	}
	c.idleMu.Lock()
	defer c.idleMu.Unlock()
	if drain := c.drainDeadline(); drain != 0 {
		until = min(until, drain)
	} else if early := until - c.readUntil; 0 <= early && early < int64(min(c.parkAfter(), c.timeouts.Idle)/8) {
		return nil // the earlier deadline stays: an idle connection ends an eighth earlier at most
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

// drained reports whether a read of an idle connection ended because the server drains.
func (c *rawConn) drained(err error) bool {
	return c.idle.Load() && c.all != nil && c.all.draining() && errors.Is(err, os.ErrDeadlineExceeded)
}

// parking is where connections wait between requests. fasthttp holds a read buffer, a request and a response for each
// connection that it serves; one that has been idle for Timeouts.Park is taken from it and given back when there is
// something to read. A parked connection is a socket, its TLS state and a small goroutine.
//
//	fasthttp ─Read─▶ timeout after Timeouts.Park ─▶ fasthttp closes ─▶ Close parks instead ─▶ readable ─▶ ServeConn
//
// A TLS record that is there in part stays in the tls.Conn, which takes a timeout as something that passes.
type parking struct {
	serve func(net.Conn) error // fasthttp.Server.ServeConn

	mu     sync.Mutex
	parked int
}

func newParking(serve func(net.Conn) error) *parking { return &parking{serve: serve} }

// A parkable is a client's connection as fasthttp sees it.
type parkable interface {
	net.Conn
	below() *rawConn
	// end closes the connection itself.
	end() error
}

// The states of a rawConn.
const (
	serving  int32 = iota
	timedOut       // its read returned a timeout to fasthttp; fasthttp will close it
	parked         // parked
)

// close is what Close does: it parks a connection whose idle read has timed out, and ends any other.
func (p *parking) close(c parkable) error {
	raw := c.below()
	switch {
	case p == nil:
	case raw.state.CompareAndSwap(timedOut, parked):
		p.mu.Lock()
		p.parked++
		p.mu.Unlock()
		raw.all.park()
		go p.wait(c)
		return nil
	case raw.state.Load() == parked:
		return nil // closed twice
	}
	return c.end()
}

// wait serves c again when there is something to read, and ends it when its idle time is over.
func (p *parking) wait(c parkable) {
	raw := c.below()
	raw.idle.Store(true) // for long enough, although a part of a record may be there
	err := raw.setReadDeadline(raw.idleUntil.Load())
	if err == nil {
		err = raw.awaitReadable()
	}
	p.mu.Lock()
	p.parked--
	p.mu.Unlock()
	if err != nil {
		_ = c.end()
		return
	}
	raw.all.unpark()
	raw.beginHead()
	raw.state.Store(serving)
	_ = p.serve(c) // it has answered or logged what went wrong
}

// count is how many are parked.
func (p *parking) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.parked
}

func (c *rawConn) mayPark() bool { return c.parking != nil && c.ready != nil && c.answered.Load() }

// idleDeadline is when a read of a connection between requests ends: when it shall be parked, or at the end of its idle
// time.
func (c *rawConn) idleDeadline(until int64, now time.Time) int64 {
	if !c.mayPark() {
		return until
	}
	return min(until, now.Add(c.parkAfter()).UnixNano())
}

// parkAfter is how long a connection waits for its next request before it is parked.
func (c *rawConn) parkAfter() time.Duration {
	if c.all != nil && c.all.crowded() {
		return min(c.timeouts.Park, crowdedPark)
	}
	return c.timeouts.Park
}

// noteIdleTimeout notes that an idle read has ended by its deadline before the idle time was over.
func (c *rawConn) noteIdleTimeout(err error) {
	until := c.idleUntil.Load()
	if c.mayPark() && until > time.Now().UnixNano() && errors.Is(err, os.ErrDeadlineExceeded) {
		c.state.CompareAndSwap(serving, timedOut)
	}
}

// awaitReadable waits until there is something to read, an end included, without memory to read it into, or until the
// socket's deadline.
func (c *rawConn) awaitReadable() error {
	return c.ready.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
	})
}
