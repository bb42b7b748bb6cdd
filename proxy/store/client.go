package store

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"sealfront/proxy/breaker"
	"sealfront/sigv4"
)

// ErrAnswered is what a body's writer returns once the store has answered before the body was complete.
var ErrAnswered = errors.New("the store answered before it had the whole body")

// ErrUnavailable wraps every failure to get an answer from the store.
var ErrUnavailable = errors.New("the store is not available")

// Options say where the store is and how to speak to it. Endpoint, Region and Credentials are required.
type Options struct {
	Endpoint    string // http://host[:port][/base] or https://…
	Region      string
	Credentials func(context.Context) (sigv4.Credentials, error)
	VirtualHost bool // bucket.host instead of /bucket
	// Directory says that the store is made of directory buckets: requests are signed for s3express, those about
	// objects with sessions. ControlEndpoint, if set, is where buckets are made and removed, always path style.
	Directory       bool
	ControlEndpoint string
	TLS             *tls.Config // for https; nil: the system's roots
	SignPayload     bool        // bodies are signed: by hash when held in memory, otherwise in signed chunks
	// Connections is the most open at once; default 1024. ConnectTimeout (default 5 s) also bounds the wait for a free
	// one. Timeout (default 15 s) is how long the store may make no progress with a request: take nothing of its body,
	// or say nothing; a second more for each 16 MiB of the body, and 20 times as long where it copies or puts together
	// an object. IdleTimeout (default 20 s) is how long a connection waits in the pool; it should be shorter than the
	// store's own.
	Connections    int
	ConnectTimeout time.Duration
	Timeout        time.Duration
	IdleTimeout    time.Duration
	// Dial, if set, makes the connections instead of a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Observe, if set, is called with every answer, or with the error when there was none; code is 0 then.
	Observe func(operation string, code int, err error, took time.Duration)
	// ClockSkew, if set, is called now and then with how far this clock is ahead of the store's, to about a second.
	ClockSkew func(ahead time.Duration)
	Now       func() time.Time // default time.Now
}

// A Client talks to one store. It is safe for concurrent use.
type Client struct {
	o            Options
	signer       *sigv4.Signer
	pool         *pool
	breaker      *breaker.Breaker
	address      string
	host         string // for the Host header
	basePath     string
	virtualHost  bool
	directory    bool
	tls          *tls.Config
	control      *Client  // for regional operations; nil: this one
	sessions     sessions // with directory
	skewObserved atomic.Int64

	scratch sync.Pool // *scratch
	bodies  sync.Pool // *signedBody
}

// New makes a client. It opens no connection.
func New(o Options) (*Client, error) {
	if o.Connections <= 0 {
		o.Connections = 1024
	}
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 5 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 20 * time.Second
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	service := "s3"
	if o.Directory {
		service = "s3express"
	}
	c := &Client{o: o, signer: sigv4.NewSigner(o.Region, service), virtualHost: o.VirtualHost, directory: o.Directory}
	if err := c.setEndpoint(o.Endpoint); err != nil {
		return nil, err
	}
	d := &dialer{dial: o.Dial, address: c.address, tls: c.tls, timeout: o.ConnectTimeout}
	c.pool = &pool{dial: d.open, most: o.Connections, wait: o.ConnectTimeout, life: o.IdleTimeout}
	c.breaker = breaker.New()
	c.scratch.New = func() any { return new(scratch) }
	c.bodies.New = func() any { return &signedBody{} }
	if o.Directory && o.ControlEndpoint != "" {
		control := o
		control.Endpoint, control.ControlEndpoint, control.VirtualHost = o.ControlEndpoint, "", false
		var err error
		if c.control, err = New(control); err != nil {
			return nil, fmt.Errorf("control endpoint: %w", err)
		}
	}
	return c, nil
}

func (c *Client) setEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
		return fmt.Errorf("%q is not an endpoint: it must look like https://host:port or http://host:port", endpoint)
	}
	c.host, c.basePath = u.Host, strings.TrimRight(u.EscapedPath(), "/")
	c.address = u.Host
	if u.Port() == "" {
		c.address = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	if u.Scheme == "https" {
		c.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		if c.o.TLS != nil {
			c.tls = c.o.TLS.Clone()
		}
		if c.tls.ServerName == "" {
			c.tls.ServerName = u.Hostname()
		}
		c.tls.NextProtos = []string{"http/1.1"}
	}
	return nil
}

// Close closes the idle connections of the pool.
func (c *Client) Close() {
	c.pool.closeIdle()
	if c.control != nil {
		c.control.Close()
	}
}

// Directory reports whether the store is made of directory buckets.
func (c *Client) Directory() bool { return c.directory }

// Do sends a request and returns the answer, whose body the caller reads and which it must Close. Any status
// is an answer; err wraps ErrUnavailable when there was none, or is the error of r.Body when that failed. What of it
// waits ends with ctx: for a connection, for the store to take the body and to answer, and the reading of the answer's
// body.
func (c *Client) Do(ctx context.Context, r *Request) (*Answer, error) {
	if ctx.Err() != nil { // above all, a claim that was lost
		return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, r.Operation, context.Cause(ctx))
	}
	start := c.o.Now()
	a, err := c.do(ctx, r, start)
	end := c.o.Now()
	if c.o.Observe != nil {
		code := 0
		if err == nil {
			code = a.Status
		}
		c.o.Observe(r.Operation, code, err, end.Sub(start))
	}
	if err == nil && c.o.ClockSkew != nil {
		c.observeClock(a, start, end)
	}
	return a, err
}

// skewEvery is how often the store's clock is looked at.
const skewEvery = time.Second

// observeClock compares the answer's Date with this clock. Only an answer that came at once says anything.
func (c *Client) observeClock(a *Answer, start, now time.Time) {
	last := c.skewObserved.Load()
	if now.Sub(start) > skewEvery || now.Sub(time.Unix(0, last)).Abs() < skewEvery ||
		!c.skewObserved.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	if date, err := fasthttp.ParseHTTPDate(a.Get("Date")); err == nil {
		c.o.ClockSkew(now.Sub(date))
	}
}

// do signs the request, with a session where the store wants one. A session that the store no longer accepts is
// replaced; the request is sent again with the new one if its body is still in memory, since a refused one has done
// nothing.
func (c *Client) do(ctx context.Context, r *Request, now time.Time) (*Answer, error) {
	if c.control != nil && regional(r) {
		return c.control.do(ctx, r, now)
	}
	if !c.directory || longTerm(r) {
		cred, err := c.o.Credentials(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: credentials for %s: %w", ErrUnavailable, r.Operation, err)
		}
		return c.send(ctx, r, &cred, nameToken, now)
	}
	for again := false; ; again = true {
		s, refused, err := c.session(ctx, r.Bucket)
		if refused != nil || err != nil {
			return refused, err
		}
		a, err := c.send(ctx, r, &s.credentials, nameSession, now)
		if err != nil || !a.sessionEnded(r) {
			return a, err
		}
		c.dropSession(r.Bucket, s)
		if r.Body != nil || again {
			return a, nil
		}
		a.Close()
	}
}

// send sends a request signed with cred.
func (c *Client) send(ctx context.Context, r *Request, cred *sigv4.Credentials, tokenName []byte,
	now time.Time,
) (*Answer, error) {
	z := c.scratch.Get().(*scratch)
	head := c.appendHead(z, z.head[:0], r, cred, tokenName, now)
	defer func() {
		clear(z.message.Header) // it holds on to what others own
		z.head = head
		c.scratch.Put(z)
	}()
	body, done := c.signBody(r, bytes.TrimRight(head, "\r\n"), cred, now)
	defer done()
	rest := r.Bytes
	if body == nil && len(rest) <= joined {
		head, rest = append(head, rest...), nil
	}
	for {
		began := time.Now()
		a, reused, err := c.roundTrip(ctx, r, head, rest, body, began)
		// A pooled connection that the store closed before it read a byte fails without an answer. The request
		// can go out again if its body is still in memory.
		if err != nil && reused && r.replayable() && errors.Is(err, errNoAnswer) && !timedOut(err) && ctx.Err() == nil {
			continue
		}
		if err != nil && errors.Is(err, errNoAnswer) {
			err = fmt.Errorf("%w: %s: %w", ErrUnavailable, r.Operation, c.explain(ctx, r, err))
			c.failed(began, err)
		}
		return a, err
	}
}

// explain says which kind of no answer it was.
func (c *Client) explain(ctx context.Context, r *Request, err error) error {
	switch {
	case ctx.Err() != nil: // whoever wanted the answer has left, and the connection was closed under the request
		return context.Cause(ctx)
	case errors.Is(err, ErrHangs):
		return err
	case errors.Is(err, errBusy):
		return fmt.Errorf("%w: %w", ErrHangs, err)
	case timedOut(err):
		return fmt.Errorf("%w: no progress in %v: %w", ErrHangs, c.patience(r), err)
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// longer is how many times longer the store may be silent about a request that has it move an object's bytes.
const longer = 20

// slowestDisk is how many bytes a second a store is expected to write at least.
const slowestDisk = 16 << 20

// patience is how long the store may make no progress with a request.
func (c *Client) patience(r *Request) time.Duration {
	switch r.Operation {
	case "CopyObject", "UploadPartCopy", "CompleteMultipartUpload":
		return longer * c.o.Timeout
	}
	// A store over files may write all of a body to its disks before it answers.
	return c.o.Timeout + time.Duration(c.bodyLength(r)/slowestDisk)*time.Second
}

// joined is up to which size a body is copied behind its head, for one plain write of both.
const joined = 16 << 10

// errNoAnswer marks failures of the connection before the answer's head was read.
var errNoAnswer = errors.New("no answer")

// roundTrip sends head and rest, or head and body, on one connection and reads the answer's head. reused reports
// whether the connection had served before. The connection is closed when ctx ends, until the answer's Close.
func (c *Client) roundTrip(ctx context.Context, r *Request, head, rest []byte, body io.WriterTo, now time.Time) (
	a *Answer, reused bool, err error,
) {
	if err := c.breaker.Allow(); err != nil {
		return nil, false, fmt.Errorf("%w: %w", errNoAnswer, ErrNotAsked)
	}
	countSent(ctx)
	cc, err := c.acquire(ctx, !r.replayable(), now)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	reused = cc.requests > 0
	cc.setPatience(c.patience(r))
	cc.attach(ctx)
	fail := func(err error) (*Answer, bool, error) {
		cc.detach()
		c.pool.put(cc, false, now)
		return nil, reused, err
	}

	clean := true // the whole body is out, so the connection may serve again
	if body == nil {
		// When the write fails the answer may have arrived before.
		cc.at = now
		clean = cc.writeBoth(head, rest) == nil
	} else {
		w := bodyWriter{conn: cc, head: head, left: c.bodyLength(r)}
		err := w.send(body)
		switch {
		case err == nil:
		case w.sourceFailed:
			return fail(err)
		default:
			clean = false
		}
	}

	sent := time.Now()
	br, err := cc.awaitAnswer()
	if err != nil {
		return fail(fmt.Errorf("%w: %w", errNoAnswer, err))
	}
	a = &Answer{pool: c.pool, conn: cc, response: &cc.response, br: br}
	if err := a.readHead(br, r.Method); err != nil {
		return fail(fmt.Errorf("%w: %w", errNoAnswer, err))
	}
	c.heard(a.Status, sent)
	cc.requests++
	a.reuse = clean && !a.response.ConnectionClose()
	return a, reused, nil
}

// acquire takes a connection from the pool that still looks open, or dials. look is for requests that can't go out
// again: the socket is checked however short a time the connection was idle.
func (c *Client) acquire(ctx context.Context, look bool, now time.Time) (*conn, error) {
	for {
		cc, err := c.pool.get(ctx)
		if err != nil {
			return nil, err
		}
		if cc.alive(look, now) {
			return cc, nil
		}
		c.pool.put(cc, false, now)
	}
}

// bodyWriter carries a streamed body to the store and notices when the store answers early: then the body
// stops, and the connection is never used again.
type bodyWriter struct {
	conn *conn
	head []byte // goes out with the first piece of the body
	left int64

	answered     chan struct{} // closed when the store has sent something or closed the connection
	sourceFailed bool
}

// watchFrom is the body length from which the answer is watched for while the body goes out. Shorter bodies
// fit the sockets' buffers, so their answer is read afterwards in any case.
const watchFrom = 64<<10 + 16 + 1

func (w *bodyWriter) send(body io.WriterTo) error {
	if w.left >= watchFrom {
		w.answered = make(chan struct{})
		w.conn.sent.Store(false)
		br := w.conn.takeReader()
		go func() {
			defer close(w.answered)
			// Peek is the only use of br until this channel is closed. The per-read deadline counts from the last
			// piece written: a long body must not time out the answer.
			for {
				_, err := br.Peek(1)
				if e, ok := err.(interface{ Timeout() bool }); !ok || !e.Timeout() {
					break
				}
				if w.conn.overdue() {
					break
				}
			}
			// A writer that waits for a store that no longer reads must wake up.
			_ = w.conn.Conn.SetWriteDeadline(time.Unix(1, 0))
		}()
	}
	_, err := body.WriteTo(w)
	if err == nil && w.left != 0 {
		w.sourceFailed = true
		err = fmt.Errorf("store: internal error: the body ended %d bytes early", w.left)
	} else if err != nil && !errors.Is(err, ErrAnswered) {
		w.sourceFailed = true
	}
	if w.answered != nil {
		if w.sourceFailed {
			_ = w.conn.Close() // ends the watcher
		}
		w.conn.sent.Store(true)
		<-w.answered
		w.conn.writeSet = time.Time{} // the watcher's deadline has passed
	}
	return err
}

// Write sends one piece, the request's head in front of the first. Any failure to write is ErrAnswered: what
// the store had to say is read next, and only if that fails, too, there was no answer.
func (w *bodyWriter) Write(p []byte) (int, error) {
	if w.answered != nil {
		select {
		case <-w.answered:
			return 0, ErrAnswered
		default:
		}
	}
	w.left -= int64(len(p))
	if w.left < 0 {
		return 0, errors.New("store: internal error: the body is longer than its length")
	}
	w.conn.written.Store(time.Now().UnixNano())
	if w.head != nil {
		head := w.head
		w.head = nil
		if err := w.conn.writeBoth(head, p); err != nil {
			return 0, ErrAnswered
		}
		return len(p), nil
	}
	if _, err := w.conn.Write(p); err != nil {
		return 0, ErrAnswered
	}
	return len(p), nil
}
