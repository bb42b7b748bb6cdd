package memstore_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"sealfront/proxy/memstore"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// front is a client of a memory store that answers some requests by itself, and alters some answers.
func front(
	t *testing.T, answers func(http.ResponseWriter, *http.Request) bool, alter func(*http.Response),
) *store.Client {
	t.Helper()
	s, _ := start(t, memstore.Options{})
	target := &url.URL{Scheme: "http", Host: s.Address()}
	transport := &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				err = c.(*net.TCPConn).SetLinger(0) // what breaks off before it breaks off behind it, too
			}
			return c, err
		},
	}
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
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answers == nil || !answers(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	c, err := store.New(store.Options{
		Endpoint: server.URL, Region: region,
		Credentials: func(context.Context) (sigv4.Credentials, error) {
			return sigv4.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

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

func isListing(r *http.Request) bool {
	return r.Method == "GET" && strings.Contains(r.URL.RawQuery, "list-type=2")
}

// Each fault of a store is found, and no other.
func TestTheProbeFindsEachFault(t *testing.T) {
	status := func(w http.ResponseWriter, code int) bool { w.WriteHeader(code); return true }
	anyMatch := func(r *http.Request) bool { return r.Method == "DELETE" && r.Header.Get("If-Match") == "*" }
	controls := regexp.MustCompile(`%0[1-8BCEF]|%1[0-9A-F]|%EF%BF%B[EF]`)
	for name, c := range map[string]struct {
		answers func(http.ResponseWriter, *http.Request) bool
		alter   func(*http.Response)
		lacks   string
	}{
		"nothing": {},
		"a star taken for an ETag": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return anyMatch(r) && status(w, http.StatusPreconditionFailed)
		}, lacks: "DELETE If-Match: *"},
		"a star not looked at": {answers: func(w http.ResponseWriter, r *http.Request) bool {
			return anyMatch(r) && strings.HasSuffix(r.URL.Path, "/none") && status(w, http.StatusNoContent)
		}, lacks: "DELETE If-Match: *"},
		"a 304 without headers": {alter: func(r *http.Response) {
			if r.StatusCode == http.StatusNotModified {
				r.Header = http.Header{}
			}
		}, lacks: "headers of 304"},
		"an Expires that is dropped": {alter: func(r *http.Response) {
			if r.Header.Get("Expires") == "0" {
				r.Header.Del("Expires")
			}
		}, lacks: "Expires that is no date"},
		"pages of a delimiter that never end": {alter: func(r *http.Response) {
			if isListing(r.Request) && strings.Contains(r.Request.URL.RawQuery, "delimiter=-") {
				rewritten(r, func(b []byte) []byte {
					return regexp.MustCompile(`[ab]-</Prefix></C`).ReplaceAll(b, []byte("a-</Prefix></C"))
				})
			}
		}, lacks: "delimiters other than a slash"},
		"characters shown as others": {alter: func(r *http.Response) {
			if isListing(r.Request) {
				rewritten(r, func(b []byte) []byte { return controls.ReplaceAll(b, []byte("%EF%BF%BD")) })
			}
		}, lacks: "keys with control characters"},
		"a directory of the store's own": {alter: func(r *http.Response) {
			if isListing(r.Request) {
				rewritten(r, func(b []byte) []byte {
					return regexp.MustCompile(`<Contents><Key>[^<]*/\.sgwtmp.*?</Contents>`).ReplaceAll(b, nil)
				})
			}
		}, lacks: "keys with words of its own"},
		"folders without metadata": {alter: func(r *http.Response) {
			if strings.HasSuffix(r.Request.URL.Path, "/folder/") {
				r.Header.Del("X-Amz-Meta-Probe")
			}
		}, lacks: "keys that end in a slash"},
		"a listing that no XML reader takes": {alter: func(r *http.Response) {
			if isListing(r.Request) {
				rewritten(r, func(b []byte) []byte { return controls.ReplaceAll(b, []byte{1}) })
			}
		}, lacks: "keys with control characters"},
		"names that can't be replaced": {answers: func() func(w http.ResponseWriter, r *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				long := len(r.URL.Path) > 260
				return long && r.Method == "PUT" && status(w, http.StatusConflict)
			}
		}(), lacks: "keys with long segments"},
		"children that aren't listed": {alter: func(r *http.Response) {
			if isListing(r.Request) {
				rewritten(r, func(b []byte) []byte {
					return regexp.MustCompile(`<Contents><Key>[^<]*/u/p</Key>.*?</Contents>`).ReplaceAll(b, nil)
				})
			}
		}, lacks: "listings of a key's children"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := front(t, c.answers, c.alter).Probe(t.Context(), bucket)
			if err != nil {
				t.Fatal(err)
			}
			want := "nothing lacks"
			if c.lacks != "" {
				want = "lacks " + c.lacks
			}
			if a.String() != want {
				t.Errorf("%q, want %q", a, want)
			}
		})
	}
}

// What would keep a store from being used is asked for twice.
func TestTheProbeAsksTwiceBeforeItRefusesAStore(t *testing.T) {
	for name, c := range map[string]struct {
		about string
		has   func(store.Abilities) bool
	}{
		"conditional PUT": {"/conditional", func(a store.Abilities) bool { return a.ConditionalPut }},
		"metadata":        {"/metadata", func(a store.Abilities) bool { return a.SomeMetadata }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for fails, want := range map[int64]bool{1: true, 8: false} {
				var left atomic.Int64
				left.Store(fails)
				a, err := front(t, func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method != "PUT" || !strings.HasSuffix(r.URL.Path, c.about) ||
						r.Header.Get("X-Amz-Meta-Probe") != "" && len(r.Header.Get("X-Amz-Meta-Probe")) != 1200 ||
						left.Add(-1) < 0 {
						return false
					}
					w.WriteHeader(http.StatusNotImplemented)
					return true
				}, nil).Probe(t.Context(), bucket)
				if err != nil || c.has(a) != want {
					t.Errorf("after %d failures: %v, %v", fails, a, err)
				}
			}
		})
	}
}
