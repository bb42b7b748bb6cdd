package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sealfront/proxy/socket"
)

// rawConn is a client's TCP connection below TLS. It
//   - sets a deadline for each read and write, so that progress counts and not the length of a body;
//   - reads ahead in large pieces, since crypto/tls reads a record header of 5 bytes at a time;
//   - gathers the TLS records of one Write into one system call, since crypto/tls sends each alone;
//   - holds no memory for either while it is idle, since there are many idle connections;
//   - ends soon when the server drains, but not during a request;
//   - closes gently: what was sent must arrive even if the client is still sending.
//
// Reads belong to the connection's goroutine. Writes come from it, too, but crypto/tls also writes from
// others (a close alert, the answer to a key update), so everything about writing is under mu.
type rawConn struct {
	net.Conn
	timeouts Timeouts

	buffer    []byte            // read ahead, not delivered yet; part of memory or rest
	memory    *[readAhead]byte  // from readMemory; nil when there is nothing read ahead
	rest      *[restMemory]byte // from restMemories; nil unless it is only a little
	ready     syscall.RawConn   // of the socket; nil when it has none
	readReady func(fd uintptr) bool
	into      []byte // where readSocket reads to; nil: ahead
	got       int    // what it read, or its error
	gotErr    error
	idleUntil atomic.Int64 // deadline for the next read set from outside, as UnixNano; 0: progress deadline
	headUntil atomic.Int64 // deadline for the whole of a request's head; 0: none is being read
	pace      pace         // belongs to the reader
	writeSet  atomic.Int64 // when the deadline for writes was set, as UnixNano
	closing   atomic.Bool
	// a write failed: the client's answer is incomplete, and the kernel's buffered rest is useless
	unsent      atomic.Bool
	gentleClose sync.Once
	all         *connections // that it belongs to; nil: none
	left        left         // zero outside a server
	parking     *parking     // nil: it is never parked
	answered    atomic.Bool  // there has been a request: it may park only between requests
	state       atomic.Int32

	idleMu sync.Mutex  // a deadline that is set while the connection is idle
	idle   atomic.Bool // no byte of the next request has arrived yet
	// the deadline that is set for reads, as UnixNano; belongs to the reader; under idleMu while it is idle
	readUntil int64

	mu     sync.Mutex
	corked bool
	gather *recordBatch // from gatherMemory; nil when nothing is gathered
	failed error        // of an earlier flush; crypto/tls has counted those records already
}

// Timeouts bound how long a client may be idle. Zero values mean the defaults.
type Timeouts struct {
	Progress time.Duration // each read or write in a request, and see MinRate; default 60 s
	Idle     time.Duration // between requests; default 90 s
	TLS      time.Duration // the handshake; default 10 s
	Head     time.Duration // a request's head; default 30 s
	Park     time.Duration // between requests, until a connection gives its memory back; default 3 s
	// MinRate is how many bytes a second, TLS overhead included, a client must send on average, over Progress of waiting
	// for it; default 256, -1: none.
	MinRate int
}

func (t Timeouts) withDefaults() Timeouts {
	if t.Progress <= 0 {
		t.Progress = 60 * time.Second
	}
	if t.Idle <= 0 {
		t.Idle = 90 * time.Second
	}
	if t.TLS <= 0 {
		t.TLS = 10 * time.Second
	}
	if t.Head <= 0 {
		t.Head = 30 * time.Second
	}
	if t.Park <= 0 {
		t.Park = 3 * time.Second
	}
	if t.MinRate == 0 {
		t.MinRate = 256
	}
	t.MinRate = max(0, t.MinRate)
	return t
}

func newRawConn(nc net.Conn, timeouts Timeouts) *rawConn {
	c := &rawConn{Conn: nc, timeouts: timeouts}
	if s, ok := socket.New(nc); ok {
		c.Conn, c.ready, c.readReady = s, s.Raw(), c.readSocket
	}
	return c
}

const (
	readAhead = 64 << 10
	// wholeRequest is the size of a read buffer of crypto/tls from which a small request fits into it.
	wholeRequest = 2 << 10
	// gatherLimit is the size at which gathered records are flushed: a bit more than a sealed segment with its record
	// headers.
	gatherLimit = 80 << 10
)

// Read serves what was read ahead, otherwise reads once. Reads of a large p go straight through.
func (c *rawConn) Read(p []byte) (int, error) {
	if len(c.buffer) > 0 {
		c.markActive()
		return c.take(p), nil
	}
	began := time.Now()
	deadline := began.Add(c.pace.left).UnixNano()
	until := c.idleUntil.Load()
	if until != 0 {
		deadline = c.idleDeadline(until, began)
	} else if until := c.headUntil.Load(); until != 0 {
		deadline = min(deadline, until)
	}
	if err := c.setReadDeadline(deadline); err != nil {
		return 0, err
	}
	if len(p) >= readAhead {
		n, err := c.Conn.Read(p)
		c.pace.add(n, time.Since(began), c.timeouts.Progress, c.timeouts.MinRate)
		return n, err
	}
	// The first read of a request usually gets all of it, and crypto/tls has room for as much as it had before.
	complete := c.idle.Load() && len(p) >= wholeRequest && c.ready != nil
	var n int
	var err error
	if complete {
		n, err = c.readInto(p)
	} else {
		n, err = c.fill()
	}
	if until == 0 { // the pace of a request begins with it
		c.pace.add(n, time.Since(began), c.timeouts.Progress, c.timeouts.MinRate)
	}
	switch {
	case n > 0 && complete:
		c.markActive()
		return n, nil
	case n > 0:
		c.markActive()
		return c.take(p), nil
	case c.drained(err):
		return 0, net.ErrClosed // there was no request to answer
	case until != 0:
		c.noteIdleTimeout(err)
	}
	return 0, err
}

// SetReadDeadline is how fasthttp signals that it waits for the next request (a time) or reads one (zero).
func (c *rawConn) SetReadDeadline(t time.Time) error {
	if t.IsZero() {
		c.markActive() // what it waited for may have been read ahead
		c.beginHead()
		return nil
	}
	now := time.Now()
	if idle := now.Add(c.timeouts.Idle); idle.Before(t) {
		t = idle // the server's own idle time can't be changed while it runs
	}
	c.idleUntil.Store(t.UnixNano())
	c.answered.Store(true)
	c.idle.Store(true)
	if t.After(now) {
		return nil // the next Read sets what it needs
	}
	c.idleMu.Lock()
	defer c.idleMu.Unlock()
	c.readUntil = t.UnixNano()
	return c.Conn.SetReadDeadline(t) // a read in progress must end
}

// beginHead begins the wait for a request's head: all of it must arrive within the head's time, however steadily its
// bytes trickle in.
func (c *rawConn) beginHead() {
	c.idleUntil.Store(0)
	c.pace.begin(c.timeouts.Progress)
	c.headUntil.Store(time.Now().Add(c.timeouts.Head).UnixNano())
}

// endHead ends that wait: from now on progress counts.
func (c *rawConn) endHead() {
	c.pace.begin(c.timeouts.Progress)
	c.headUntil.Store(0)
}

// SetWriteDeadline is what crypto/tls calls to get its close alert out.
func (c *rawConn) SetWriteDeadline(t time.Time) error {
	c.writeSet.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline sets both.
func (c *rawConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *rawConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return 0, c.failed
	}
	if !c.corked {
		return c.write(p)
	}
	for rest := p; len(rest) > 0; {
		if c.gather == nil {
			c.gather = gatherMemory.Get().(*recordBatch)
		}
		g := c.gather
		n := copy(g.memory[g.length:], rest)
		g.length += n
		if rest = rest[n:]; g.length == len(g.memory) {
			if err := c.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// A recordBatch has TLS records that haven't been written yet.
type recordBatch struct {
	length int
	memory [gatherLimit]byte
}

var gatherMemory = sync.Pool{New: func() any { return new(recordBatch) }}

func (c *rawConn) write(p []byte) (int, error) {
	// A deadline that was set a moment ago stays: a write may take an eighth longer than progress may.
	slack := c.timeouts.Progress / 8
	if now := time.Now(); !c.closing.Load() && now.UnixNano()-c.writeSet.Load() >= int64(slack) {
		if err := c.Conn.SetWriteDeadline(now.Add(c.timeouts.Progress + slack)); err != nil {
			return 0, err
		}
		c.writeSet.Store(now.UnixNano())
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.unsent.Store(true)
	}
	return n, err
}

func (c *rawConn) flush() error {
	if g := c.gather; g != nil {
		_, c.failed = c.write(g.memory[:g.length])
		g.length, c.gather = 0, nil
		gatherMemory.Put(g)
	}
	return c.failed
}

func (c *rawConn) cork() {
	c.mu.Lock()
	c.corked = true
	c.mu.Unlock()
}

func (c *rawConn) uncork() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = false
	return c.flush()
}

// Bounds of the gentle close: for how long, and how many bytes that the client still sends, are read and dropped.
const (
	lingerTime  = time.Second
	lingerBytes = 16 << 20
)

// Close parks a connection that waits for its next request, and ends any other.
func (c *rawConn) Close() error { return c.parking.close(c) }

func (c *rawConn) below() *rawConn { return c }

// end half-closes the connection and discards for a bounded while what the client is still sending; a close
// with unread data would make the kernel send a reset, which can eat the answer before the client reads it.
// After a write that failed it aborts: the kernel would go on offering megabytes to a client that doesn't read.
func (c *rawConn) end() error {
	defer c.all.remove(c)
	if c.unsent.Load() {
		c.abort()
		return nil
	}
	c.closing.Store(true)
	c.gentleClose.Do(func() {
		half, ok := c.Conn.(interface{ CloseWrite() error })
		if !ok || half.CloseWrite() != nil {
			return
		}
		if c.Conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, onlyReader{c.Conn}, lingerBytes)
		}
	})
	return c.Conn.Close()
}

// abort closes the connection so that the client can't take what it got for complete: with a reset.
func (c *rawConn) abort() {
	c.closing.Store(true)
	c.gentleClose.Do(func() {}) // no half-close: a FIN would look like an end
	if tcp, ok := c.Conn.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Conn.Close()
}

type onlyReader struct{ io.Reader }

// rawOf returns the connection below TLS, if any.
func rawOf(c net.Conn) *rawConn {
	switch c := c.(type) {
	case *tlsConn:
		return c.raw
	case *rawConn:
		return c
	}
	return nil
}

// EndHead notes that the head of the request on c has been read: from now on its body's progress counts.
func EndHead(c net.Conn) {
	if raw := rawOf(c); raw != nil {
		raw.endHead()
	}
}

// Abort closes c with a reset, so that its client can't take a partial answer for a complete one.
func Abort(c net.Conn) {
	if raw := rawOf(c); raw != nil {
		raw.abort()
	}
}

// listener wraps what a TCP listener accepts.
type listener struct {
	net.Listener
	timeouts *atomic.Pointer[Timeouts]
	all      *connections
	parking  *parking
	tls      func() *tls.Config                    // nil: plain HTTP
	failed   func(reason string)                   // counts failed handshakes; may be nil
	context  func(context.Context) context.Context // derives a connection's; may be nil
}

// Accept wraps the next connection. The TLS handshake happens in the connection's own goroutine, at its first
// read, under a deadline of its own.
func (l *listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	raw := newRawConn(nc, *l.timeouts.Load())
	raw.all, raw.parking = l.all, l.parking
	raw.left.context, raw.left.cancel = context.WithCancelCause(context.Background())
	if l.context != nil {
		raw.left.context = l.context(raw.left.context)
	}
	raw.all.add(raw)
	if l.tls == nil {
		raw.beginHead()
		raw.idle.Store(true)
		return raw, nil
	}
	raw.idleUntil.Store(time.Now().Add(raw.timeouts.TLS).UnixNano())
	return &tlsConn{Conn: tls.Server(belowTLS{raw}, l.tls()), raw: raw, count: l.failed}, nil
}

// A pace is how fast a client must send within a request. Every `floor` bytes must come within `patience` of waiting
// for them; the time in which the proxy doesn't read, because the store is slow, isn't the client's. A deadline on each
// read alone would let a client live for years by a byte a minute. It belongs to the connection's reader.
type pace struct {
	left  time.Duration // of patience for the bytes that are missing
	bytes int           // that came since patience was full
}

// begin is a new request.
func (p *pace) begin(patience time.Duration) { p.left, p.bytes = patience, 0 }

// add counts the n bytes of a read that waited so long.
func (p *pace) add(n int, waited, patience time.Duration, rate int) {
	p.left -= waited
	p.bytes += n
	if p.bytes >= int(patience.Seconds()*float64(rate)) {
		p.begin(patience)
	}
}
