package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// A storeFault is something that goes wrong with one request of the program to its store, on the way there, in the
// store, or on the way back.
type storeFault struct {
	name string
	// play does it; false: the request goes on as if nothing were.
	play func(f *storeFront, w http.ResponseWriter, r *http.Request) bool
	// applies tells for which requests it has a meaning; nil: all.
	applies func(s storeStep) bool
	// lasting faults hit every request from there on, as if the store were gone.
	lasting bool
	// harmless faults must not be noticed by the client.
	harmless bool
	// believed faults can't be told from the truth: what a listing says is the store's word.
	believed bool
	// lies are answers that aren't true.
	lies bool
}

// A storeStep is a request that an operation makes to the store.
type storeStep struct {
	name string
	body int64
	list bool
}

func hasBody(s storeStep) bool { return s.body > 1 }

func isList(s storeStep) bool { return s.list }

// reset ends a connection without a word.
func reset(w http.ResponseWriter, said []byte) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if len(said) > 0 {
		_, _ = c.Write(said)
	} else {
		_ = c.(*net.TCPConn).SetLinger(0)
	}
	_ = c.Close()
}

// carriedOut lets the store do what it was asked for and returns its answer, written out with a body of this length.
func (f *storeFront) carriedOut(r *http.Request, alter func(a *http.Response, body []byte) []byte) (head, body []byte) {
	rec := httptest.NewRecorder()
	f.forward.ServeHTTP(rec, r)
	a := rec.Result()
	body, _ = io.ReadAll(a.Body)
	if a.Header.Get("Content-Length") == "" && r.Method != "HEAD" && a.StatusCode != 204 {
		a.Header.Set("Content-Length", fmt.Sprint(len(body)))
	}
	if alter != nil {
		body = alter(a, body)
	}
	a.Header.Set("Connection", "close")
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d X\r\n", a.StatusCode)
	_ = a.Header.Write(&b)
	b.WriteString("\r\n")
	return b.Bytes(), body
}

// brokenUpload is a body that ends in an error.
type brokenUpload struct{ io.Reader }

func (b brokenUpload) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("broken off")
	}
	return n, err
}

func (brokenUpload) Close() error { return nil }

func refuseAfterBody(status int, code string) func(*storeFront, http.ResponseWriter, *http.Request) bool {
	return func(_ *storeFront, w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		if r.Method != "HEAD" {
			fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
		}
		return true
	}
}

func resetAtOnce(_ *storeFront, w http.ResponseWriter, _ *http.Request) bool {
	reset(w, nil)
	return true
}

// storeFaults are all of them.
var storeFaults = []storeFault{
	{name: "delay", harmless: true, play: func(*storeFront, http.ResponseWriter, *http.Request) bool {
		time.Sleep(20 * time.Millisecond)
		return false
	}},
	{name: "reset before the answer", play: resetAtOnce},
	{name: "half of the request arrives", applies: hasBody, play: func(f *storeFront, w http.ResponseWriter, r *http.Request) bool {
		r.Body = brokenUpload{io.LimitReader(r.Body, r.ContentLength/2)}
		f.forward.ServeHTTP(httptest.NewRecorder(), r)
		reset(w, nil)
		return true
	}},
	{name: "500", play: refuseAfterBody(500, "InternalError")},
	{name: "503", play: refuseAfterBody(503, "SlowDown")},
	{name: "503 before the body is read", applies: hasBody, play: func(_ *storeFront, w http.ResponseWriter, r *http.Request) bool {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return false
		}
		const body = "<Error><Code>SlowDown</Code></Error>"
		fmt.Fprintf(c, "HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		time.AfterFunc(time.Second, func() { _ = c.Close() }) // nothing more is read
		return true
	}},
	{name: "done, the answer is lost", play: func(f *storeFront, w http.ResponseWriter, r *http.Request) bool {
		f.carriedOut(r, nil)
		reset(w, nil)
		return true
	}},
	{name: "done, reset in the answer's head", play: func(f *storeFront, w http.ResponseWriter, r *http.Request) bool {
		head, _ := f.carriedOut(r, nil)
		reset(w, head[:len(head)/2])
		return true
	}},
	{name: "done, the answer's body is cut off", play: func(f *storeFront, w http.ResponseWriter, r *http.Request) bool {
		head, body := f.carriedOut(r, nil)
		if r.Method == "HEAD" || len(body) == 0 { // nothing to cut
			reset(w, append(head, body...))
			return true
		}
		reset(w, append(head, body[:len(body)/2]...))
		return true
	}},
	{name: "done, a truncated 200 that says it is whole", play: func(f *storeFront, w http.ResponseWriter, r *http.Request) bool {
		head, body := f.carriedOut(r, func(a *http.Response, body []byte) []byte {
			if r.Method == "HEAD" || len(body) == 0 {
				return body
			}
			a.Header.Set("Content-Length", fmt.Sprint(len(body)/2))
			return body[:len(body)/2]
		})
		reset(w, append(head, body...))
		return true
	}},
	{name: "done, a wrong ETag", lies: true, play: func(f *storeFront, w http.ResponseWriter, r *http.Request) bool {
		head, body := f.carriedOut(r, func(a *http.Response, body []byte) []byte {
			if a.Header.Get("ETag") != "" {
				a.Header.Set("ETag", `"0123456789abcdef0123456789abcdef"`)
			}
			return body
		})
		reset(w, append(head, body...))
		return true
	}},
	{name: "a stale listing", believed: true, applies: isList, play: func(f *storeFront, w http.ResponseWriter, r *http.Request) bool {
		head, body := f.carriedOut(r, func(a *http.Response, body []byte) []byte {
			from := bytes.LastIndex(body, []byte("<Contents>"))
			to := bytes.LastIndex(body, []byte("</Contents>"))
			if from >= 0 && to > from {
				body = append(bytes.Clone(body[:from]), body[to+len("</Contents>"):]...)
			}
			a.Header.Set("Content-Length", fmt.Sprint(len(body)))
			return body
		})
		reset(w, append(head, body...))
		return true
	}},
	{name: "the store is gone from here on", lasting: true, play: resetAtOnce},
}

// played is a fault under way: it hits the request of this number, counted from when it was armed.
type played struct {
	mu    sync.Mutex
	count int
	hit   bool
	steps []storeStep
}

// wasHit tells whether the fault was played, and which requests there were.
func (p *played) wasHit() (hit bool, steps []storeStep) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hit, slices.Clone(p.steps)
}

// arm plays fault at the step-th request from now on. Without a fault it only counts.
func (f *storeFront) arm(fault *storeFault, step int) *played {
	p := &played{}
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		p.mu.Lock()
		p.count++
		now := fault != nil && (p.count == step || fault.lasting && p.count > step)
		p.hit = p.hit || now
		p.steps = append(p.steps, storeStep{stepName(r), r.ContentLength, r.Method == "GET" && r.URL.Query().Has("list-type")})
		p.mu.Unlock()
		return now && fault.play(f, w, r)
	}, nil)
	return p
}

// stepName tells requests to the store apart.
func stepName(r *http.Request) string {
	what := r.Method
	for _, name := range []string{"uploads", "uploadId", "partNumber", "list-type"} {
		if r.URL.Query().Has(name) {
			what += " " + name
		}
	}
	if isCopy(r) {
		what += " copy"
	}
	if strings.Contains(strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 2)[0], "state") {
		what += " (record)"
	}
	return what
}
