package roottest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// A Gate stands before a Vault, counts, and may answer itself.
type Gate struct {
	*httptest.Server
	mu     sync.Mutex
	counts map[string]int // of requests by the end of their path
	logins int            // in progress: logins, renewals and look-ups
	most   int
	fault  func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
}

// NewGate opens one before target. start is how it listens: httptest.NewServer, or over TLS.
func NewGate(t testing.TB, target string, start func(http.Handler) *httptest.Server) *Gate {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	g := &Gate{counts: map[string]int{}}
	g.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		auth := strings.HasPrefix(r.URL.Path, "/v1/auth/")
		g.mu.Lock()
		g.counts[last]++
		if auth {
			g.logins++
			g.most = max(g.most, g.logins)
		}
		fault := g.fault
		g.mu.Unlock()
		if fault == nil || !fault(w, r) {
			proxy.ServeHTTP(w, r)
		}
		if auth {
			g.mu.Lock()
			g.logins--
			g.mu.Unlock()
		}
	}))
	t.Cleanup(g.Close)
	return g
}

// Count returns how many requests had a path with this end.
func (g *Gate) Count(last string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.counts[last]
}

// MostLogins returns how many logins, renewals and look-ups were in progress at once, at most.
func (g *Gate) MostLogins() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}

// SetFault has f see every request first, which may answer; nil ends that.
func (g *Gate) SetFault(f func(w http.ResponseWriter, r *http.Request) bool) {
	g.mu.Lock()
	g.fault = f
	g.mu.Unlock()
}
