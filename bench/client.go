package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sealfront/sigv4"
)

// A client is one worker's connection to a target. It writes requests itself: a general HTTP client would take more of
// the machine than the proxy. One goroutine at a time.
type client struct {
	t *target
	signing

	reach   func(context.Context) (net.Conn, error) // makes a connection; nil: to the target's address
	conn    net.Conn
	used    bool // a request was answered on conn
	br      *bufio.Reader
	bw      *bufio.Writer
	head    []byte
	message sigv4.Message
	discard []byte
}

// requestTimeout bounds one request.
const requestTimeout = 10 * time.Minute

func newClient(t *target) *client {
	return &client{
		t: t, br: bufio.NewReaderSize(nil, 16<<10), bw: bufio.NewWriterSize(nil, 64<<10), discard: make([]byte, 64<<10),
	}
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *client) dial(ctx context.Context) error {
	reach := c.reach
	if reach == nil {
		reach = c.t.dial
	}
	conn, err := reach(ctx)
	if err != nil {
		return err
	}
	c.use(conn)
	return nil
}

// use makes conn the client's connection, which has none.
func (c *client) use(conn net.Conn) {
	c.conn, c.used = conn, false
	c.br.Reset(conn)
	c.bw.Reset(conn)
}

// dial makes a connection to the target, with TLS where it speaks TLS.
func (t *target) dial(ctx context.Context) (net.Conn, error) { return t.dialWith(ctx, nil) }

// dialWith is dial with something done to the socket before it connects.
func (t *target) dialWith(ctx context.Context, control func(string, string, syscall.RawConn) error) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, Control: control}
	conn, err := d.DialContext(ctx, "tcp", t.url.Host)
	if err != nil || t.tls == nil {
		return conn, err
	}
	secure := tls.Client(conn, t.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// errStale is a connection that was used before and ended without a byte of an answer: the request may be sent again.
var errStale = errors.New("the server had closed the connection")

// A request is one S3 request.
type request struct {
	method, path, query string
	header              [][2]string
	payload             *payload // nil: no body
	longTerm            bool     // signed with the long-term key also where sessions are used
	into                io.Writer
}

// An answer is what came back. Its body went to request.into, or was counted and thrown away.
type answer struct {
	status int
	header http.Header
	length int64
	error  string // the beginning of an error's body
}

// do sends a request and reads its answer to the end. Any status is an answer.
func (c *client) do(ctx context.Context, r *request) (*answer, error) {
	if err := c.sign(ctx, r); err != nil {
		return nil, err
	}
	if c.conn == nil {
		if err := c.dial(ctx); err != nil {
			return nil, err
		}
	}
	a, err := c.exchange(r)
	if err != nil {
		c.close()
	}
	return a, err
}

// sign writes the request's head to c.head.
func (c *client) sign(ctx context.Context, r *request) error {
	c.now = time.Now()
	long := r.longTerm || c.t.sessions == nil
	tokenName := "X-Amz-Security-Token"
	if long {
		c.signer, c.credentials = c.t.signer, c.t.credentials
	} else {
		var err error
		if c.credentials, err = c.t.sessions.get(ctx, c.now, c.t.createSession); err != nil {
			return err
		}
		c.signer, tokenName = c.t.sessions.signer, "X-Amz-S3session-Token"
	}
	m := &c.message
	m.Method, m.Path, m.Query = append(m.Method[:0], r.method...), append(m.Path[:0], r.path...),
		append(m.Query[:0], r.query...)
	m.Header = m.Header[:0]
	add := func(name, value string) {
		m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	add("Host", c.t.url.Host)
	add("X-Amz-Date", string(sigv4.AppendTimestamp(nil, c.now)))
	hash := sigv4.UnsignedPayload
	if r.payload != nil {
		hash = r.payload.hash
		for _, h := range r.payload.header {
			add(h[0], h[1])
		}
		add("Content-Length", strconv.FormatInt(r.payload.length, 10))
	} else if r.method == "PUT" || r.method == "POST" {
		add("Content-Length", "0")
	}
	add("X-Amz-Content-Sha256", hash)
	if c.credentials.SessionToken != "" {
		add(tokenName, c.credentials.SessionToken)
	}
	for _, h := range r.header {
		add(h[0], h[1])
	}
	h := append(append(append(c.head[:0], r.method...), ' '), r.path...)
	if r.query != "" {
		h = append(append(h, '?'), r.query...)
	}
	h = append(h, " HTTP/1.1\r\n"...)
	for _, f := range m.Header {
		h = append(append(append(append(h, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	h = append(h, "Authorization: "...)
	c.head = c.signer.AppendAuthorization(h, m, &c.credentials, c.now)
	return nil
}

func (c *client) exchange(r *request) (*answer, error) {
	if err := c.conn.SetDeadline(c.now.Add(requestTimeout)); err != nil {
		return nil, err
	}
	_, _ = c.bw.Write(c.head) // errors stay with the writer until Flush
	_, _ = c.bw.WriteString("\r\n\r\n")
	var sent error
	if r.payload != nil {
		sent = r.payload.write(c.bw, c.head)
	}
	sent = errors.Join(sent, c.bw.Flush())
	if _, err := c.br.Peek(1); err != nil && c.used {
		return nil, errors.Join(errStale, sent, err)
	}
	// An early answer may be there though the body couldn't be sent.
	resp, err := http.ReadResponse(c.br, &http.Request{Method: r.method})
	if err != nil {
		return nil, errors.Join(sent, err)
	}
	a := &answer{status: resp.StatusCode, header: resp.Header}
	if a.status >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 2<<10))
		a.error = string(text)
	}
	if r.into != nil && a.status < 300 {
		a.length, err = io.CopyBuffer(struct{ io.Writer }{r.into}, struct{ io.Reader }{resp.Body}, c.discard)
	} else {
		a.length, err = io.CopyBuffer(nothing{}, struct{ io.Reader }{resp.Body}, c.discard)
	}
	_ = resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read the answer's body: %w", err)
	}
	c.used = true
	if resp.Close || sent != nil {
		c.close()
	}
	return a, nil
}

// nothing takes everything, without io.Discard's own buffers.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }

// failed makes an error of an answer that isn't a success.
func (a *answer) failed(what string) error {
	if a.status < 300 {
		return nil
	}
	return fmt.Errorf("%s: %d %s", what, a.status, strings.TrimSpace(a.error))
}

// createSession asks for a session of the target's bucket on a connection of its own.
func (t *target) createSession(ctx context.Context) (sigv4.Credentials, time.Time, error) {
	c := newClient(t)
	defer c.close()
	var text bytes.Buffer
	express := *t
	express.signer = t.sessions.signer
	c.t = &express
	a, err := c.do(ctx, &request{method: "GET", path: "/" + t.bucket, query: "session=", longTerm: true, into: &text})
	if err == nil {
		err = a.failed("CreateSession")
	}
	if err != nil {
		return sigv4.Credentials{}, time.Time{}, err
	}
	var doc struct {
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
			Expiration      time.Time
		}
	}
	if err := xml.Unmarshal(text.Bytes(), &doc); err != nil {
		return sigv4.Credentials{}, time.Time{}, err
	}
	k := &doc.Credentials
	return sigv4.Credentials{
		AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey, SessionToken: k.SessionToken,
	}, k.Expiration, nil
}
