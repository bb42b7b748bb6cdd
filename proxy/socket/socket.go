// Package socket reads from and writes to TCP sockets without involving the scheduler, and finds addresses for servers.
//
//	net.Conn    entersyscall ─▶ read, write ─▶ exitsyscall    sysmon takes the P of one that is away for 20 µs, looks
//	socket.Conn                 read, write                   every 20 µs for more, and does so as long as it finds any
//
// The runtime's sockets don't block, so that a call which is in progress for longer has only lost its processor to
// another program. For small requests sysmon took a twentieth of the whole program's time: bench/RESULTS.md. Waiting is
// the runtime's, as ever, and with it deadlines and Close.
package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// Conn is a TCP connection whose Read and Write are this package's. Everything else is that of the connection below.
// One goroutine reads at a time, and one writes.
type Conn struct {
	*net.TCPConn
	raw            syscall.RawConn
	reads, writes  transfer
	readSome, send func(fd uintptr) bool // as fields, so that they are made once
}

// transfer is one call of Read or Write.
type transfer struct {
	p   []byte // what is left of it
	n   int
	err error
}

// New returns a Conn over a TCP connection, or false where there is no socket below c.
func New(c net.Conn) (*Conn, bool) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil, false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, false
	}
	s := &Conn{TCPConn: tcp, raw: raw}
	s.readSome, s.send = s.tryRead, s.tryWrite
	return s, true
}

// Raw is what SyscallConn returned once.
func (c *Conn) Raw() syscall.RawConn { return c.raw }

// Read reads once, as soon as there is something to read.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.reads = transfer{p: p}
	err := c.raw.Read(c.readSome)
	t := c.reads
	c.reads = transfer{}
	switch {
	case err != nil:
		return 0, err
	case t.err != nil:
		return 0, c.failed("read", t.err)
	case t.n == 0:
		return 0, io.EOF
	}
	return t.n, nil
}

func (c *Conn) tryRead(fd uintptr) bool {
	t := &c.reads
	t.n, t.err = Read(fd, t.p)
	return !errors.Is(t.err, syscall.EAGAIN)
}

// Write writes all of p, or returns how much of it was written.
func (c *Conn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.writes = transfer{p: p}
	err := c.raw.Write(c.send)
	t := c.writes
	c.writes = transfer{}
	if err == nil && t.err != nil {
		err = c.failed("write", t.err)
	}
	return t.n, err
}

func (c *Conn) tryWrite(fd uintptr) bool {
	t := &c.writes
	for len(t.p) > 0 {
		n, err := write(fd, t.p)
		if err != nil {
			t.err = err
			again := errors.Is(err, syscall.EAGAIN)
			if again {
				t.err = nil
			}
			return !again
		}
		t.n += n
		t.p = t.p[n:]
	}
	return true
}

// failed is an error as the connection below would return it.
func (c *Conn) failed(call string, err error) error {
	return &net.OpError{
		Op: call, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(),
		Err: os.NewSyscallError(call, err),
	}
}
