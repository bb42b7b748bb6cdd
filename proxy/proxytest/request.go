package proxytest

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sealfront/sigv4"
)

// A Request is a request written byte by byte, for what no S3 client sends.
type Request struct {
	Method, Path, Query string // path is escaped
	Header              []sigv4.Field
	Hash                string // x-amz-content-sha256; default UNSIGNED-PAYLOAD
	Body                string
	Declared            int  // Content-Length when it is not the body's length
	Chunked             bool // no Content-Length: Transfer-Encoding: chunked; body is framed by the test
	Plain               bool // over HTTP
	Credentials         *sigv4.Credentials
	Service             string // default s3
	Region              string // signed for; default the program's
	Time                time.Time
	Host                string // of the Host header; default the endpoint's
}

// Field is a header field.
func Field(name, value string) sigv4.Field {
	return sigv4.Field{Name: []byte(name), Value: []byte(value)}
}

// HexSum is a body's SHA-256 in hexadecimal, as X-Amz-Content-Sha256 has it.
func HexSum(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// Head writes and signs the request's head.
func (p *Program) Head(r *Request) (host string, head []byte) {
	p.T.Helper()
	endpoint := p.Env["AWS_ENDPOINT_URL"]
	if r.Plain {
		endpoint = p.Env["SEALFRONT_HTTP_URL"]
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		p.T.Fatal(err)
	}
	c := r.Credentials
	if c == nil {
		c = &sigv4.Credentials{AccessKeyID: p.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.Env["AWS_SECRET_ACCESS_KEY"]}
	}
	now := r.Time
	if now.IsZero() {
		now = time.Now()
	}
	hash := r.Hash
	if hash == "" {
		hash = sigv4.UnsignedPayload
	}
	name := r.Host
	if name == "" {
		name = u.Host
	}
	m := &sigv4.Message{Method: []byte(r.Method), Path: []byte(r.Path), Query: []byte(r.Query)}
	m.Header = append(m.Header, Field("Host", name), Field("X-Amz-Date", now.UTC().Format("20060102T150405Z")),
		Field("X-Amz-Content-Sha256", hash))
	if c.SessionToken != "" {
		m.Header = append(m.Header, Field("X-Amz-S3session-Token", c.SessionToken))
	}
	m.Header = append(m.Header, r.Header...)
	service := r.Service
	if service == "" {
		service = "s3"
	}
	authorization := sigv4.NewSigner(cmp.Or(r.Region, p.Env["AWS_REGION"]), service).AppendAuthorization(nil, m, c, now)
	var b bytes.Buffer
	target := r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.Method, target)
	for _, f := range m.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	fmt.Fprintf(&b, "Authorization: %s\r\n", authorization)
	switch {
	case r.Chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n")
	case r.Declared > 0 || r.Body != "" || r.Method == "PUT":
		fmt.Fprintf(&b, "Content-Length: %d\r\n", max(r.Declared, len(r.Body)))
	}
	b.WriteString("\r\n")
	return u.Host, b.Bytes()
}

// Dial opens a connection to the program.
func (p *Program) Dial(r *Request, host string) net.Conn {
	p.T.Helper()
	var c net.Conn
	var err error
	if r.Plain {
		c, err = net.Dial("tcp", host)
	} else {
		transport := p.HTTPClient(p.T).Transport.(*http.Transport)
		c, err = tls.Dial("tcp", host, transport.TLSClientConfig)
	}
	if err != nil {
		p.T.Fatal(err)
	}
	p.T.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	return c
}

// An Answer is what came back, with its body read until its end or the error that ended it.
type Answer struct {
	*http.Response
	Text string
	Err  error
}

// Code returns the S3 error code in the body.
func (a *Answer) Code() string {
	_, rest, _ := strings.Cut(a.Text, "<Code>")
	code, _, _ := strings.Cut(rest, "</Code>")
	return code
}

// Do sends a raw request and reads the answer.
func (p *Program) Do(r *Request) *Answer {
	p.T.Helper()
	host, head := p.Head(r)
	c := p.Dial(r, host)
	if _, err := c.Write(append(head, r.Body...)); err != nil {
		p.T.Logf("write: %v", err)
	}
	return p.Read(c, r.Method)
}

// Read reads an answer from a connection and closes it. Without an answer there is an Err and no status.
func (p *Program) Read(c net.Conn, method string) *Answer {
	p.T.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil { // the connection was broken before an answer
		return &Answer{Response: &http.Response{Header: make(http.Header)}, Err: err}
	}
	a := &Answer{Response: resp}
	body, err := io.ReadAll(resp.Body)
	a.Text, a.Err = string(body), err
	_, _ = resp.Body.Close(), c.Close()
	return a
}

// MustNotExist asserts that there is no object.
func (p *Program) MustNotExist(bucket, key string) {
	p.T.Helper()
	if a := p.Do(&Request{Method: "HEAD", Path: "/" + bucket + "/" + key}); a.StatusCode != http.StatusNotFound {
		p.T.Errorf("HEAD of %s/%s: %d, want 404", bucket, key, a.StatusCode)
	}
}

// DoBy sends an unsigned request for a target at the endpoint, as a browser sends a presigned one.
func (p *Program) DoBy(client *http.Client, method, target, body string, header ...sigv4.Field) *Answer {
	p.T.Helper()
	r, err := http.NewRequest(method, p.Env["AWS_ENDPOINT_URL"], strings.NewReader(body))
	if err != nil {
		p.T.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	r.URL.Opaque, r.URL.RawQuery = path, query
	for _, f := range header {
		r.Header.Add(string(f.Name), string(f.Value))
	}
	resp, err := client.Do(r)
	if err != nil {
		p.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	a := &Answer{Response: resp}
	text, err := io.ReadAll(resp.Body)
	a.Text, a.Err = string(text), err
	return a
}
