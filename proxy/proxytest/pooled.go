package proxytest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"sealfront/sigv4"
)

// ErrNotTaken is a request on a connection that couldn't be made: one for the next replica.
var ErrNotTaken = errors.New("no connection")

// SendPooled sends a signed request by an HTTP client with pooled connections, and again what met a connection that the
// server had closed.
func (p *Program) SendPooled(client *http.Client, r *Request, body string) (text string, status int, err error) {
	for {
		text, status, closed, err := p.SendOnce(client, r, body)
		if !closed {
			return text, status, err
		}
	}
}

// SendOnce is SendPooled without the repetition of a request that met a closed connection. net/http repeats an
// idempotent request whose answer is the connection's end, but not one where writing its body failed first, as SDKs
// do; closed reports such a one.
func (p *Program) SendOnce(client *http.Client, r *Request, body string) (
	text string, status int, closed bool, err error,
) {
	u, err := url.Parse(p.Env["AWS_ENDPOINT_URL"])
	if err != nil {
		return "", 0, false, err
	}
	now := time.Now()
	m := &sigv4.Message{Method: []byte(r.Method), Path: []byte(r.Path)}
	m.Header = append(m.Header, Field("Host", u.Host), Field("X-Amz-Date", now.UTC().Format("20060102T150405Z")),
		Field("X-Amz-Content-Sha256", sigv4.UnsignedPayload))
	authorization := sigv4.NewSigner(p.Env["AWS_REGION"], "s3").AppendAuthorization(nil, m, r.Credentials, now)
	if r.Method != "PUT" {
		body = ""
	}
	request, err := http.NewRequest(r.Method, p.Env["AWS_ENDPOINT_URL"]+r.Path, strings.NewReader(body))
	if err != nil {
		return "", 0, false, err
	}
	for _, f := range m.Header[1:] {
		request.Header.Set(string(f.Name), string(f.Value))
	}
	request.Header.Set("Authorization", string(authorization))
	request.Header["X-Idempotency-Key"] = nil // a PUT of an object is idempotent, and the client may send it again
	var shaken, reused atomic.Bool
	shaken.Store(true) // of a connection that was used before
	request = request.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GetConn:          func(string) { shaken.Store(true) },
		GotConn:          func(info httptrace.GotConnInfo) { reused.Store(info.Reused) },
		ConnectStart:     func(string, string) { shaken.Store(false) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) { shaken.Store(err == nil) },
	}))
	resp, err := client.Do(request)
	if err != nil && !shaken.Load() {
		err = errors.Join(ErrNotTaken, err)
	}
	if err != nil {
		ended := errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
		return "", 0, ended && reused.Load() && !errors.Is(err, ErrNotTaken), err
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	return string(content), resp.StatusCode, false, err
}
