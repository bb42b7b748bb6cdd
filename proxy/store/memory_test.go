package store_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"

	"sealfront/proxy/memstore"
	"sealfront/proxy/store"
)

const bucket = "things"

// memory serves a memory store that has one bucket, and returns a client of it.
func memory(t testing.TB, change func(*store.Options)) (*memstore.Store, *store.Client) {
	t.Helper()
	s, err := memstore.Start(memstore.Options{AccessKey: "AKIA", SecretKey: "secret", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c := clientOf(t, "http://"+s.Address(), change)
	if err := c.CreateBucket(t.Context(), bucket, false); err != nil {
		t.Fatal(err)
	}
	return s, c
}

// clientOf returns a client of the store at an endpoint.
func clientOf(t testing.TB, endpoint string, change func(*store.Options)) *store.Client {
	t.Helper()
	o := store.Options{Endpoint: endpoint, Region: "us-east-1", Credentials: credentials}
	if change != nil {
		change(&o)
	}
	c, err := store.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serving returns a client of a store that answers as handle does.
func serving(t testing.TB, handle http.HandlerFunc, change func(*store.Options)) *store.Client {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handle, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		_ = s.Close()
		<-served
	})
	return clientOf(t, "http://"+ln.Addr().String(), change)
}

// answering returns a client of a store that gives every request the same answer.
func answering(t testing.TB, status int, body string) *store.Client {
	t.Helper()
	return serving(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}, nil)
}

// front returns a client of a memory store behind a server that answers some requests by itself and alters some
// answers.
func front(
	t *testing.T, s *memstore.Store, answers func(http.ResponseWriter, *http.Request) bool, alter func(*http.Response),
) *store.Client {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: s.Address()}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetLinger(0) // a request that breaks off in front breaks off behind, too
		}
		return c, err
	}
	transport := &http.Transport{DisableCompression: true, DialContext: dial}
	proxy := &httputil.ReverseProxy{
		ErrorLog: log.New(io.Discard, "", 0), Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
			r.Out.Header["User-Agent"] = nil
		},
		ModifyResponse: func(r *http.Response) error {
			if alter != nil {
				alter(r)
			}
			return nil
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return serving(t, func(w http.ResponseWriter, r *http.Request) {
		if answers == nil || !answers(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}, nil)
}

// rewritten gives an answer another body.
func rewritten(r *http.Response, f func([]byte) []byte) {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return
	}
	body = f(body)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Del("Content-Length")
}

// fault is an S3 error document.
func fault(code string) string {
	return "<Error><Code>" + code + "</Code><Message>no</Message></Error>"
}

// hijacked takes the connection of a request, which the caller may write to; it is closed when the client closes it.
func hijacked(w http.ResponseWriter) net.Conn {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	return c
}
