package store_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// unreachable returns a client whose store can't be connected to.
func unreachable(t testing.TB) *store.Client {
	t.Helper()
	return clientOf(t, "http://127.0.0.1:1", func(o *store.Options) {
		o.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route") }
	})
}

func head(t *testing.T, c *store.Client) error {
	t.Helper()
	a, err := c.Do(t.Context(), &store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: bucket, Key: "k"})
	if err == nil {
		a.Close()
	}
	return err
}

func TestEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{ // where the client connects; "": it is refused
		"http://store":            "store:80",
		"https://store":           "store:443",
		"http://store:9000/base/": "store:9000",
		"http://[::1]":            "[::1]:80",
		"ftp://store":             "",
		"store:9000":              "",
		"http://":                 "",
		"http://store?x=y":        "",
		"http://user@store":       "",
		"http://store:port":       "",
	} {
		var dialled string
		c, err := store.New(store.Options{
			Endpoint: endpoint, Region: "us-east-1", Credentials: credentials,
			Dial: func(_ context.Context, _, address string) (net.Conn, error) {
				dialled = address
				return nil, errors.New("no route")
			},
		})
		if (err == nil) != (want != "") {
			t.Errorf("%s: %v", endpoint, err)
		}
		if err != nil {
			continue
		}
		if err := head(t, c); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "no route") {
			t.Errorf("%s: %v", endpoint, err)
		}
		if dialled != want {
			t.Errorf("%s: connected to %q, want %q", endpoint, dialled, want)
		}
		c.Close()
	}
	_, err := store.New(store.Options{Endpoint: "http://store", Directory: true, ControlEndpoint: "store"})
	if err == nil || !strings.Contains(err.Error(), "control endpoint") {
		t.Errorf("a control endpoint that is none: %v", err)
	}
}

// Requests are addressed by the endpoint's path, and by the bucket's host where that is wanted.
func TestBasePathAndVirtualHost(t *testing.T) {
	var host, path string
	handle := func(_ http.ResponseWriter, r *http.Request) { host, path = r.Host, r.RequestURI }
	s := httptest.NewServer(http.HandlerFunc(handle))
	defer s.Close()
	address := strings.TrimPrefix(s.URL, "http://")
	if err := head(t, clientOf(t, s.URL+"/base/", nil)); err != nil || host != address || path != "/base/"+bucket+"/k" {
		t.Errorf("path style: %q %q, %v", host, path, err)
	}
	if err := head(t, clientOf(t, s.URL, func(o *store.Options) { o.VirtualHost = true })); err != nil ||
		host != bucket+"."+address || path != "/k" {
		t.Errorf("virtual host: %q %q, %v", host, path, err)
	}
}

// Over TLS the store is known by its certificate, and by no less.
func TestStoreBehindTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_,
			_ = io.WriteString(w, "over TLS")
	}))
	s.Config.ErrorLog = silent()
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	trusting := func(o *store.Options) { o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12} }
	c := clientOf(t, s.URL, trusting)
	for range 2 {
		a, err := c.Do(t.Context(), &store.Request{Operation: "GetObject", Method: "GET", Bucket: bucket, Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		if body, err := a.Bytes(100); string(body) != "over TLS" || err != nil {
			t.Errorf("%q, %v", body, err)
		}
		a.Close()
	}
	for name, change := range map[string]func(*store.Options){
		"another authority": nil,
		"another name": func(o *store.Options) {
			trusting(o)
			o.TLS.ServerName = "other.invalid"
		},
	} {
		if err := head(t, clientOf(t, s.URL, change)); !errors.Is(err, store.ErrUnavailable) ||
			!strings.Contains(err.Error(), "TLS with the store") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRequestsThatCannotBeSigned(t *testing.T) {
	lost := errors.New("no role")
	c := clientOf(t, "http://127.0.0.1:1", func(o *store.Options) {
		o.Credentials = func(context.Context) (sigv4.Credentials, error) { return sigv4.Credentials{}, lost }
	})
	if err := head(t, c); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, lost) {
		t.Errorf("%v", err)
	}
}

// A request whose context has ended isn't sent, and its error says why the context ended.
func TestARequestWithAnEndedContextIsNotSent(t *testing.T) {
	sent := false
	c := serving(t, func(http.ResponseWriter, *http.Request) { sent = true }, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the claim was lost")
	cancel(cause)
	_, err := c.Do(ctx, &store.Request{Operation: "DeleteObject", Method: "DELETE", Bucket: bucket, Key: "k"})
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, cause) || sent {
		t.Errorf("%v; sent: %t", err, sent)
	}
}

// Every answer is counted, also that there was none, and the store's clock is compared once a second.
func TestAnswersAndClockAreObserved(t *testing.T) {
	type observation struct {
		operation string
		code      int
		took      time.Duration
	}
	var observed []observation
	var skews []time.Duration
	var mu sync.Mutex // guards what follows: the store's goroutine may outlive a request
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	took := time.Duration(0)
	date, code := "", http.StatusNotFound
	c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if now = now.Add(took); code == 0 {
			_ = hijacked(w).Close()
			return
		}
		w.Header()["Date"] = []string{date}
		w.WriteHeader(code)
	}, func(o *store.Options) {
		o.Observe = func(operation string, code int, err error, took time.Duration) {
			observed = append(observed, observation{operation, code, took})
		}
		o.ClockSkew = func(ahead time.Duration) { skews = append(skews, ahead) }
		o.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
	})
	for _, step := range []struct {
		took time.Duration
		date string
		code int
	}{
		{0, "Fri, 02 Jan 2026 03:04:02 GMT", 404},                      // three seconds behind
		{500 * time.Millisecond, "Fri, 02 Jan 2026 01:00:00 GMT", 200}, // too soon
		{2 * time.Second, "Fri, 02 Jan 2026 01:00:00 GMT", 200},        // took too long to say anything of clocks
		{time.Second, "yesterday", 200},
		{time.Second, "Fri, 02 Jan 2026 03:04:19 GMT", 200},
		{0, "", 0},
	} {
		mu.Lock()
		took, date, code = step.took, step.date, step.code
		mu.Unlock()
		if err := head(t, c); (err == nil) != (step.code > 0) {
			t.Errorf("%+v: %v", step, err)
		}
	}
	if len(observed) != 6 || observed[0] != (observation{"HeadObject", 404, 0}) || observed[2].took != 2*time.Second ||
		observed[5].code != 0 {
		t.Errorf("observed %v", observed)
	}
	if len(skews) != 2 || skews[0] != 3*time.Second || skews[1] != -9500*time.Millisecond {
		t.Errorf("clock skews %v", skews)
	}
}
