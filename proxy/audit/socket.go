package audit

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// An Endpoint is where a log is sent to.
type Endpoint struct {
	Network string      // tcp, unix or unixgram, whose datagrams are a record each
	Address string      // host:port, or the socket's file
	TLS     *tls.Config // over tcp; nil: none
}

// OpenSocket sends a log to an endpoint, a line a record, or as messages of syslog (RFC 5424): over tcp with their
// lengths in front (RFC 5425, RFC 6587). The chain begins anew. An endpoint that is away is tried again: the log is
// failing until it is reached.
func OpenSocket(to Endpoint, asSyslog bool, o Options) *Log {
	o = o.withDefaults()
	s := &socket{to: to, patience: o.Patience}
	if asSyslog {
		s.message = newSyslog(o.Now).message
	}
	l := newLog(s, o)
	l.begin, l.eager = "begin", true
	go l.write()
	return l
}

// CheckSocket reports whether an endpoint can be reached.
func CheckSocket(ctx context.Context, to Endpoint) error {
	c, err := to.dial(ctx)
	if err != nil {
		return err
	}
	return c.Close()
}

func (e Endpoint) dial(ctx context.Context) (net.Conn, error) {
	if e.TLS != nil {
		return (&tls.Dialer{Config: e.TLS}).DialContext(ctx, e.Network, e.Address)
	}
	return new(net.Dialer).DialContext(ctx, e.Network, e.Address)
}

// OpenWriter writes a log to a stream, a line a record, one Write a batch. The chain begins anew, with the first
// record.
func OpenWriter(w io.Writer, o Options) *Log {
	o = o.withDefaults()
	l := newLog(stream{w}, o)
	l.begin = "begin"
	go l.write()
	return l
}

// A stream is the sink that is a writer.
type stream struct{ w io.Writer }

func (s stream) open() (event string, previous link, err error) { return "begin", link{}, nil }

func (s stream) write(lines [][]byte, _ link) error {
	if len(lines) == 0 {
		return nil
	}
	_, err := s.w.Write(bytes.Join(lines, nil))
	return err
}

func (s stream) moved() bool { return false }

func (s stream) reopen(last link) (event string, previous link, err error) { return "start", last, nil }

func (s stream) close() error { return nil }

// A socket is the sink that is an endpoint's. A batch whose write fails is sent again over the next connection, lines
// that have arrived as well.
type socket struct {
	to       Endpoint
	patience time.Duration                          // for a connection, and for a write
	message  func(line []byte, counted bool) []byte // nil: lines as they are
	conn     net.Conn                               // nil: to be dialed
	left     *atomic.Bool                           // the other end has closed conn
}

func (s *socket) open() (event string, previous link, err error) { return "begin", link{}, nil }

func (s *socket) write(lines [][]byte, _ link) error {
	if s.conn != nil && s.left.Load() {
		s.hangUp()
	}
	if s.conn == nil {
		if err := s.dial(); err != nil {
			return err
		}
	}
	if len(lines) == 0 {
		return nil
	}
	err := s.conn.SetWriteDeadline(time.Now().Add(s.patience))
	if err == nil {
		err = s.send(lines)
	}
	if err != nil {
		s.hangUp()
		return fmt.Errorf("send to %s %s: %w", s.to.Network, s.to.Address, err)
	}
	return nil
}

// send writes lines: a datagram each, or together.
func (s *socket) send(lines [][]byte) error {
	datagrams := s.to.Network == "unixgram"
	if s.message != nil {
		framed := make([][]byte, len(lines))
		for i, line := range lines {
			framed[i] = s.message(bytes.TrimSuffix(line, []byte{'\n'}), s.to.Network == "tcp")
			if s.to.Network == "unix" {
				framed[i] = append(framed[i], '\n')
			}
		}
		lines = framed
	}
	if !datagrams {
		lines = [][]byte{bytes.Join(lines, nil)}
	}
	for _, line := range lines {
		if _, err := s.conn.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func (s *socket) dial() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	c, err := s.to.dial(ctx)
	if err != nil {
		return err // which says where to
	}
	left := new(atomic.Bool)
	s.conn, s.left = c, left
	if s.to.Network == "unixgram" {
		return nil // its other end says nothing
	}
	// Nothing is expected to be sent back; a read ends when the other end closes. What is written then would be lost, and
	// nobody would know.
	go func() {
		_, _ = io.Copy(io.Discard, c)
		left.Store(true)
	}()
	return nil
}

func (s *socket) hangUp() {
	_ = s.conn.Close()
	s.conn = nil
}

func (s *socket) moved() bool { return false }

func (s *socket) reopen(last link) (event string, previous link, err error) {
	return "start", last, nil
}

func (s *socket) close() error {
	if s.conn == nil {
		return errors.New("the audit log's socket isn't connected")
	}
	return s.conn.Close()
}
