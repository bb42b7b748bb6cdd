package conn

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
)

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
	relief relief
}

func newParking(serve func(net.Conn) error) *parking {
	return &parking{serve: serve, relief: relief{after: 512, every: 5 * time.Second, free: debug.FreeOSMemory}}
}

// A relief gives the memory back that connections held until they were parked. The collector by itself would let the heap
// double first, which after a rush of connections can be minutes: all that time their buffers would stay resident.
// It costs a collection, so it comes for many connections at once, and not often.
type relief struct {
	after int           // connections parked
	every time.Duration // at most
	free  func()

	parked int // since the last one
	due    bool
	last   time.Time
}

// parkedOne counts a connection, under the parking's lock.
func (r *relief) parkedOne(mu *sync.Mutex) {
	if r.parked++; r.parked < r.after || r.due {
		return
	}
	r.due = true
	time.AfterFunc(r.every-time.Since(r.last), func() {
		mu.Lock()
		r.parked, r.due, r.last = 0, false, time.Now()
		mu.Unlock()
		r.free()
	})
}

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
		p.relief.parkedOne(&p.mu)
		p.mu.Unlock()
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
	return min(until, now.Add(c.timeouts.Park).UnixNano())
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
