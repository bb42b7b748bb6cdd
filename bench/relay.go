package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// A relay stands in front of a key service, and lets every answer wait.
type relay struct {
	url     string
	latency time.Duration
	server  *http.Server

	mu    sync.Mutex
	calls []call
}

// A call is one of the key service, by its name in KMS's protocol. Its end is zero while it is in flight.
type call struct {
	name string
	span
}

// startRelay listens on a loopback port. Requests keep their Host, which their signatures cover.
func startRelay(endpoint string, latency time.Duration) (*relay, error) {
	to, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{url: "http://" + ln.Addr().String(), latency: latency}
	forward := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.Out.Host = p.In.Host
		},
		ModifyResponse: func(answer *http.Response) error {
			wait(answer.Request.Context(), latency)
			return nil
		},
		Transport: &http.Transport{DisableCompression: true},
		ErrorLog:  log.New(io.Discard, "", 0), // a call that can't be made fails for its caller
	}
	r.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		_, name, _ := strings.Cut(request.Header.Get("X-Amz-Target"), ".")
		number := r.begin(name)
		defer r.end(number)
		forward.ServeHTTP(w, request)
	}), ReadHeaderTimeout: time.Minute}
	go func() { _ = r.server.Serve(ln) }()
	return r, nil
}

func (r *relay) close() { _ = r.server.Close() }

func (r *relay) begin(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call{name, span{begin: time.Now()}})
	return len(r.calls) - 1
}

func (r *relay) end(number int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls[number].end = time.Now()
}

// during returns the calls that were in flight in a time.
func (r *relay) during(s span) (list []call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if c.end.IsZero() {
			c.end = s.end
			if c.end.Before(c.begin) {
				continue
			}
		}
		if c.overlaps(s) {
			list = append(list, c)
		}
	}
	return list
}

func (s span) overlaps(other span) bool {
	return s.begin.Before(other.end) && other.begin.Before(s.end)
}

func (s span) took() time.Duration { return s.end.Sub(s.begin) }

// forKeys reports whether a call gets the plaintext of a bucket key.
func (c *call) forKeys() bool { return slices.Contains(keyCalls, c.name) }

var keyCalls = []string{"Decrypt", "GenerateDataKey"}
