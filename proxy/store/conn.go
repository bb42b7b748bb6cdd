package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"sealfront/proxy/socket"
	"sealfront/sigv4"
)

// conn is a connection to the store. It is used by one request at a time; the deadlines it sets are on
// progress, not on the whole body: a slow store may take long, one that makes no progress may not.
type conn struct {
	net.Conn
	socket   net.Conn      // below TLS, or the same
	raw      syscall.Conn  // of the socket; nil when there is none
	requests int           // answered so far
	idle     time.Time     // when the last of them ended
	patience time.Duration // how long the store may make no progress

	// What a request is attached to: see attach.
	counted *counted
	stop    func() bool

	// reader is from readers, and nil unless an answer is read.
	reader    *bufio.Reader
	ready     syscall.RawConn       // to wait for an answer without memory for it; nil: over TLS
	tryAnswer func(fd uintptr) bool // tries to read its beginning
	trying    uintptr               // the descriptor, while it does; reads don't wait
	tried     error                 // what it found instead of a beginning
	response  fasthttp.Response     // of the answer that is looked at

	readSet, writeSet time.Time // when the deadlines were set
	at                time.Time // what time it is for the next write and the next read; zero: they look

	// written is when the last piece of a body went out and sent that it was the last one; the watcher of an
	// early answer reads both while the writer works.
	written atomic.Int64
	sent    atomic.Bool
}

// writeBoth writes two pieces in one system call where the socket allows it.
func (c *conn) writeBoth(a, b []byte) error {
	if len(b) == 0 {
		_, err := c.Write(a)
		return err
	}
	if err := c.extend(c.SetWriteDeadline, &c.writeSet); err != nil {
		return err
	}
	pieces := net.Buffers{a, b}
	_, err := pieces.WriteTo(c.Conn)
	return err
}

// Close ends the connection with a reset and, over TLS, without a closing alert. A store that takes the end of a
// connection for the end of a body would otherwise keep half of an upload that was given up, in the place of what was
// there; the same reset comes from the kernel when this process dies.
func (c *conn) Close() error { return c.socket.Close() }

// overdue reports whether the store has made no progress for too long after it had the whole body.
func (c *conn) overdue() bool {
	return c.sent.Load() && time.Since(time.Unix(0, c.written.Load())) >= c.patience
}

// setPatience sets how long the store may make no progress with the request that follows.
func (c *conn) setPatience(d time.Duration) {
	if c.patience != d { // what was set before has another length
		c.patience, c.readSet, c.writeSet = d, time.Time{}, time.Time{}
	}
}

// attach has the end of ctx close the connection, until detach. For one request at a time under a context of Counted,
// which is nearly every one, it costs no memory.
func (c *conn) attach(ctx context.Context) {
	if k, ok := ctx.(*counted); ok && k.at.CompareAndSwap(nil, c) {
		c.counted = k
		if k.Err() != nil { // it has ended before it could know of the connection
			c.interrupt()
		}
		return
	}
	if ctx.Done() != nil {
		c.stop = context.AfterFunc(ctx, c.interrupt)
	}
}

// detach lets the end of the context be. It returns false if that has come, and the connection may have been closed.
func (c *conn) detach() bool {
	switch k, stop := c.counted, c.stop; {
	case k != nil:
		c.counted = nil
		k.at.Store(nil)
		return k.Err() == nil
	case stop != nil:
		c.stop = nil
		return stop()
	}
	return true
}

// interrupt ends whatever the connection is at; it is never used again.
func (c *conn) interrupt() { _ = c.socket.Close() }

// extend sees to it that what follows may take as long as the store has patience, and up to an eighth longer: a
// deadline that was set a moment ago stays.
func (c *conn) extend(set func(time.Time) error, last *time.Time) error {
	slack := c.patience / 8
	now := c.at
	if now.IsZero() {
		now = time.Now()
	}
	if now.Sub(*last) < slack {
		return nil
	}
	*last = now
	return set(now.Add(c.patience + slack))
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.extend(c.SetWriteDeadline, &c.writeSet); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *conn) Read(p []byte) (int, error) {
	if c.trying != 0 {
		return c.readNow(p)
	}
	if err := c.extend(c.SetReadDeadline, &c.readSet); err != nil {
		return 0, err
	}
	if !c.at.IsZero() { // no write is in progress then
		c.at = time.Time{}
	}
	return c.Conn.Read(p)
}

// staleAfter is how long a pooled connection is used without a check of its socket.
const staleAfter = time.Second

// alive reports whether a pooled connection still looks open: nothing may wait to be read on it. A store
// that closed an idle connection has sent its FIN by then, and a PUT on it would fail after its body is gone. Without
// look, one that was in use just now is taken to be open.
func (c *conn) alive(look bool, now time.Time) bool {
	if c.requests == 0 || c.raw == nil || !look && now.Sub(c.idle) < staleAfter {
		return true
	}
	rc, err := c.raw.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = rc.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, e := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		open = errors.Is(e, syscall.EAGAIN)
		return true
	})
	return err == nil && open
}

// A dialer opens connections to the store.
type dialer struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	address string
	tls     *tls.Config // nil: none
	timeout time.Duration
}

// open opens a connection, with TLS if the endpoint asks for it.
func (d *dialer) open(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	nc, err := d.dial(ctx, "tcp", d.address)
	if err != nil {
		return nil, fmt.Errorf("connect to the store at %s: %w", d.address, err)
	}
	below := nc
	raw, _ := nc.(syscall.Conn)
	if tcp, ok := nc.(*net.TCPConn); ok {
		if err := tcp.SetLinger(0); err != nil {
			_ = nc.Close()
			return nil, fmt.Errorf("connect to the store at %s: %w", d.address, err)
		}
	}
	if s, ok := socket.New(nc); ok {
		nc = s
	}
	if d.tls != nil {
		tc := tls.Client(nc, d.tls)
		if err := tc.HandshakeContext(ctx); err != nil {
			_ = nc.Close()
			return nil, fmt.Errorf("TLS with the store at %s: %w", d.address, err)
		}
		nc = tc
	}
	c := &conn{Conn: nc, socket: below, raw: raw}
	if s, ok := nc.(*socket.Conn); ok {
		c.ready, c.tryAnswer = s.Raw(), c.beginAnswer
	}
	return c, nil
}

// scratch is the memory in which a request's head is put together.
type scratch struct {
	message sigv4.Message
	path    []byte
	host    []byte
	date    []byte
	length  []byte
	decoded []byte
	head    []byte
}

// appendHead appends the request head, up to and with its empty line, signed at time t. The Authorization header is its
// last. tokenName is the header of cred's token.
func (c *Client) appendHead(z *scratch, dst []byte, r *Request, cred *sigv4.Credentials, tokenName []byte,
	t time.Time,
) []byte {
	z.host = z.host[:0]
	path := append(append(z.path[:0], c.basePath...), '/')
	if r.Bucket != "" {
		if c.virtualHost {
			z.host = append(append(z.host, r.Bucket...), '.')
		} else {
			path = appendEscaped(path, r.Bucket)
			if r.Key != "" {
				path = append(path, '/')
			}
		}
		path = appendEscaped(path, r.Key)
	}
	z.path, z.host, z.date = path, append(z.host, c.host...), c.signer.AppendTimestamp(z.date[:0], t)
	length := c.bodyLength(r)

	m := &z.message
	m.Method, m.Path, m.Query = view(r.Method), path, view(r.Query)
	m.Header = append(m.Header[:0],
		sigv4.Field{Name: nameHost, Value: z.host},
		sigv4.Field{Name: nameDate, Value: z.date},
		sigv4.Field{Name: nameHash, Value: c.payloadHash(r)})
	if cred.SessionToken != "" {
		m.Header = append(m.Header, sigv4.Field{Name: tokenName, Value: view(cred.SessionToken)})
	}
	if c.signsChunks(r) {
		z.decoded = strconv.AppendInt(z.decoded[:0], r.Length, 10)
		m.Header = append(m.Header, sigv4.Field{Name: nameDecoded, Value: z.decoded})
	}
	if length > 0 || r.Method == "PUT" || r.Method == "POST" {
		z.length = strconv.AppendInt(z.length[:0], length, 10)
		m.Header = append(m.Header, sigv4.Field{Name: nameLength, Value: z.length})
	}
	m.Header = append(m.Header, r.Header...)

	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = append(dst, path...)
	if r.Query != "" {
		dst = append(dst, '?')
		dst = append(dst, r.Query...)
	}
	dst = append(dst, " HTTP/1.1\r\n"...)
	for i := range m.Header {
		dst = appendField(dst, m.Header[i].Name, m.Header[i].Value)
	}
	dst = append(dst, "Authorization: "...)
	dst = c.signer.AppendAuthorization(dst, m, cred, t)
	return append(dst, "\r\n\r\n"...)
}

// appendField appends one header line. A value never carries a line break: what a client sent can't hold
// one, and what we make doesn't; should one appear all the same it becomes a space.
func appendField(dst, name, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	start := len(dst)
	dst = append(dst, value...)
	for _, bad := range [...]byte{'\r', '\n', 0} {
		for rest := dst[start:]; ; {
			i := bytes.IndexByte(rest, bad)
			if i < 0 {
				break
			}
			rest[i] = ' '
			rest = rest[i+1:]
		}
	}
	return append(dst, "\r\n"...)
}

const upperHex = "0123456789ABCDEF"

// appendEscaped percent-encodes a path as S3 signs it: everything but letters, digits, "-._~" and "/".
func appendEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		b := s[i]
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '.' || b == '_' ||
			b == '~' || b == '/' {
			dst = append(dst, b)
		} else {
			dst = append(dst, '%', upperHex[b>>4], upperHex[b&15])
		}
	}
	return dst
}

// AppendQuery appends name=value to an encoded query, with S3's encoding.
func AppendQuery(query, name, value string) string {
	b := make([]byte, 0, len(query)+len(name)+len(value)+16)
	b = append(b, query...)
	if len(b) > 0 {
		b = append(b, '&')
	}
	b = appendComponent(b, name)
	b = append(b, '=')
	return string(appendComponent(b, value))
}

func appendComponent(dst []byte, s string) []byte {
	for i := range len(s) {
		b := s[i]
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '.' || b == '_' ||
			b == '~' {
			dst = append(dst, b)
		} else {
			dst = append(dst, '%', upperHex[b>>4], upperHex[b&15])
		}
	}
	return dst
}

var (
	nameHost    = []byte("Host")
	nameDate    = []byte("X-Amz-Date")
	nameHash    = []byte("X-Amz-Content-Sha256")
	nameToken   = []byte("X-Amz-Security-Token")
	nameSession = []byte("X-Amz-S3session-Token")
	nameLength  = []byte("Content-Length")
	nameDecoded = []byte("X-Amz-Decoded-Content-Length")
)
