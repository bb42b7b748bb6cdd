package proxytest

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// First lets do run once, in front of the first request that matches.
func (f *StoreFront) First(matches func(*http.Request) bool, do func()) {
	var done atomic.Bool
	f.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if matches(r) && done.CompareAndSwap(false, true) {
			do()
		}
		return false
	}, nil)
}

// A StoreFront stands between the program and the store and sees what crosses.
type StoreFront struct {
	*http.Server
	URL     string
	Forward http.Handler // to the store

	mu       sync.Mutex
	requests []*http.Request
	answers  func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	Alter    func(*http.Response)
	failures []string // requests that the store didn't answer
}

// DiscardLog is the log of servers whose clients break off on purpose.
var DiscardLog = log.New(io.Discard, "", 0)

// DialAbruptly is for proxies between the program and a store: a connection that breaks on one side must break on the
// other, too, with a reset, or the embedded store stores half of a body. The program's probe refuses to start behind a
// front end that doesn't.
func DialAbruptly(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		err = c.(*net.TCPConn).SetLinger(0)
	}
	return c, err
}

// NewStoreFront returns a front of the shared store.
func NewStoreFront(t testing.TB) *StoreFront {
	t.Helper()
	endpoint, err := SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	return NewFrontOf(t, endpoint)
}

// NewFrontOf is NewStoreFront in front of any store.
func NewFrontOf(t testing.TB, endpoint string) *StoreFront {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	f := &StoreFront{}
	// Each request has a connection of its own: one that the store closes while the next request is being written would
	// be a 502 that no test means.
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true, DialContext: DialAbruptly}
	proxy := &httputil.ReverseProxy{
		ErrorLog: DiscardLog, Transport: transport,
		ErrorHandler: f.notAnswered,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host // it is signed
			for name := range r.Out.Header {
				if strings.HasPrefix(name, "X-Forwarded") {
					r.Out.Header.Del(name)
				}
			}
			if _, ok := r.Out.Header["User-Agent"]; !ok {
				r.Out.Header["User-Agent"] = nil
			}
		},
		ModifyResponse: func(r *http.Response) error {
			f.mu.Lock()
			alter := f.Alter
			f.mu.Unlock()
			if alter != nil {
				alter(r)
			}
			return nil
		},
	}
	f.Forward = proxy
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.URL = "http://" + ln.Addr().String()
	f.Server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Clone(context.Background()))
		answers := f.answers
		f.mu.Unlock()
		if answers == nil || !answers(w, r) {
			proxy.ServeHTTP(w, r)
		}
	})}
	go func() { _ = f.Serve(ln) }()
	t.Cleanup(func() {
		_ = f.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		if t.Failed() && len(f.failures) > 0 {
			t.Logf("not answered by the store:\n%s", strings.Join(f.failures, "\n"))
		}
	})
	return f
}

// notAnswered answers a request that the store didn't.
func (f *StoreFront) notAnswered(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil { // the program hasn't broken off
		f.mu.Lock()
		f.failures = append(f.failures, fmt.Sprintf("%s %s: %v", r.Method, r.URL, err))
		f.mu.Unlock()
	}
	w.WriteHeader(http.StatusBadGateway)
}

// Seen returns and forgets what has crossed.
func (f *StoreFront) Seen() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.requests
	f.requests = nil
	return r
}

// Set sets answers, which answers a request instead of the store by returning true, and alter, which changes the
// store's answer; either may be nil.
func (f *StoreFront) Set(answers func(http.ResponseWriter, *http.Request) bool, alter func(*http.Response)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers, f.Alter = answers, alter
}
