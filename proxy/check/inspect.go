package check

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// inspectPatience is how long a service has to take a connection, and again to answer.
const inspectPatience = 4 * time.Second

// seen is what listens at an endpoint, as a connection to it shows.
type seen int

const (
	unknown seen = iota // it can't be reached, or its certificate isn't trusted
	silent              // it takes the connection, or not even that, and says nothing
	tlsOnly             // the endpoint is http://, and it speaks TLS
	noTLS               // the endpoint is https://, and it doesn't
	other               // it answers HTTP, and not as S3 does
	answers             // HTTP, as S3 does
)

// inspect connects to an endpoint and requests its root without a signature, to find out what listens there. pool are
// the authorities that are trusted; nil: the system's.
func inspect(ctx context.Context, endpoint string, pool *x509.CertPool) seen {
	u, err := url.Parse(endpoint)
	if err != nil {
		return unknown
	}
	conn, err := dial(ctx, u)
	if err != nil {
		return silentOr(err, unknown)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(inspectPatience)); err != nil {
		return unknown
	}
	if u.Scheme == "https" {
		encrypted := tls.Client(conn, &tls.Config{RootCAs: pool, ServerName: u.Hostname(), MinVersion: tls.VersionTLS12})
		if err := encrypted.HandshakeContext(ctx); err != nil {
			if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
				return noTLS
			}
			return silentOr(err, unknown)
		}
		conn = encrypted
	}
	a, err := request(conn, u)
	if u.Scheme == "http" && (err != nil || a.status == http.StatusBadRequest) && speaksTLS(ctx, u) {
		return tlsOnly
	}
	switch {
	case err != nil:
		return silentOr(err, other)
	case !a.likeS3():
		return other
	}
	return answers
}

func dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return (&net.Dialer{Timeout: inspectPatience}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
}

func silentOr(err error, otherwise seen) seen {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return silent
	}
	return otherwise
}

// An answer is the head of an answer and the beginning of its body.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// request requests the root.
func request(conn net.Conn, u *url.URL) (*answer, error) {
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+u.Host+"\r\nConnection: close\r\n\r\n"); err != nil {
		return nil, err
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(r.Body, 4096)) // what came suffices
	return &answer{r.StatusCode, r.Header, body}, nil
}

// speaksTLS reports whether a service answers a handshake. Nothing is sent behind it: its certificate doesn't matter.
func speaksTLS(ctx context.Context, u *url.URL) bool {
	conn, err := dial(ctx, u)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	if conn.SetDeadline(time.Now().Add(inspectPatience)) != nil {
		return false
	}
	//nolint:gosec // see above
	encrypted := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: u.Hostname()})
	err = encrypted.HandshakeContext(ctx)
	_, alert := errors.AsType[tls.AlertError](err) // it speaks TLS, and wants a certificate or another version
	return err == nil || alert
}

// likeS3 reports whether an answer is one of S3: by its headers, or by its document.
func (a *answer) likeS3() bool {
	return a.header.Get("X-Amz-Request-Id") != "" || a.header.Get("X-Amz-Id-2") != "" ||
		bytes.Contains(a.body, []byte("<Error>")) && bytes.Contains(a.body, []byte("<Code>")) ||
		bytes.Contains(a.body, []byte("<ListAllMyBucketsResult"))
}
