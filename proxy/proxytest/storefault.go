package proxytest

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

// A StoreFault is a fault of one request of the program to its store: on the way there, in the store, or on the way
// back.
type StoreFault struct {
	Name string
	// Play injects it; false: the request continues without a fault.
	Play func(f *StoreFront, w http.ResponseWriter, r *http.Request) bool
	// Applies reports which requests it can be injected into; nil: all.
	Applies func(s StoreStep) bool
	// Lasting faults hit every request from there on, as if the store were gone.
	Lasting bool
	// Harmless faults must not be noticed by the client.
	Harmless bool
	// Undetectable faults are in listings, which can't be verified.
	Undetectable bool
	// Lies are false answers.
	Lies bool
}

// A StoreStep is a request that an operation makes to the store.
type StoreStep struct {
	Name string
	Body int64
	List bool
}

func hasBody(s StoreStep) bool { return s.Body > 1 }

func isList(s StoreStep) bool { return s.List }

// Reset ends a connection without an answer.
func Reset(w http.ResponseWriter, said []byte) {
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

// CarriedOut makes the store carry out a request and returns its answer, written out with a body of this length.
func (f *StoreFront) CarriedOut(r *http.Request, alter func(a *http.Response, body []byte) []byte) (head, body []byte) {
	rec := httptest.NewRecorder()
	f.Forward.ServeHTTP(rec, r)
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

func refuseAfterBody(status int, code string) func(*StoreFront, http.ResponseWriter, *http.Request) bool {
	return func(_ *StoreFront, w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		if r.Method != "HEAD" {
			fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
		}
		return true
	}
}

// ResetAtOnce resets a connection before the store has seen the request.
func ResetAtOnce(_ *StoreFront, w http.ResponseWriter, _ *http.Request) bool {
	Reset(w, nil)
	return true
}

// StoreFaults are all of them.
var StoreFaults = []StoreFault{
	{Name: "delay", Harmless: true, Play: func(*StoreFront, http.ResponseWriter, *http.Request) bool {
		time.Sleep(20 * time.Millisecond)
		return false
	}},
	{Name: "reset before the answer", Play: ResetAtOnce},
	{
		Name: "half of the request arrives", Applies: hasBody,
		Play: func(f *StoreFront, w http.ResponseWriter, r *http.Request) bool {
			r.Body = brokenUpload{io.LimitReader(r.Body, r.ContentLength/2)}
			f.Forward.ServeHTTP(httptest.NewRecorder(), r)
			Reset(w, nil)
			return true
		},
	},
	{Name: "500", Play: refuseAfterBody(500, "InternalError")},
	{Name: "503", Play: refuseAfterBody(503, "SlowDown")},
	{
		Name: "503 before the body is read", Applies: hasBody,
		Play: func(_ *StoreFront, w http.ResponseWriter, r *http.Request) bool {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return false
			}
			const body = "<Error><Code>SlowDown</Code></Error>"
			fmt.Fprintf(c, "HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			time.AfterFunc(time.Second, func() { _ = c.Close() }) // nothing more is read
			return true
		},
	},
	{Name: "done, the answer is lost", Play: func(f *StoreFront, w http.ResponseWriter, r *http.Request) bool {
		f.CarriedOut(r, nil)
		Reset(w, nil)
		return true
	}},
	{Name: "done, reset in the answer's head", Play: func(f *StoreFront, w http.ResponseWriter, r *http.Request) bool {
		head, _ := f.CarriedOut(r, nil)
		Reset(w, head[:len(head)/2])
		return true
	}},
	{
		Name: "done, the answer's body is cut off",
		Play: func(f *StoreFront, w http.ResponseWriter, r *http.Request) bool {
			head, body := f.CarriedOut(r, nil)
			if r.Method == "HEAD" || len(body) == 0 { // nothing to cut
				Reset(w, append(head, body...))
				return true
			}
			Reset(w, append(head, body[:len(body)/2]...))
			return true
		},
	},
	{
		Name: "done, a truncated 200 that claims to be complete",
		Play: func(f *StoreFront, w http.ResponseWriter, r *http.Request) bool {
			head, body := f.CarriedOut(r, func(a *http.Response, body []byte) []byte {
				if r.Method == "HEAD" || len(body) == 0 {
					return body
				}
				a.Header.Set("Content-Length", fmt.Sprint(len(body)/2))
				return body[:len(body)/2]
			})
			Reset(w, append(head, body...))
			return true
		},
	},
	{Name: "done, a wrong ETag", Lies: true, Play: func(f *StoreFront, w http.ResponseWriter, r *http.Request) bool {
		head, body := f.CarriedOut(r, func(a *http.Response, body []byte) []byte {
			if a.Header.Get("ETag") != "" {
				a.Header.Set("ETag", `"0123456789abcdef0123456789abcdef"`)
			}
			return body
		})
		Reset(w, append(head, body...))
		return true
	}},
	{
		Name: "a stale listing", Undetectable: true, Applies: isList,
		Play: func(f *StoreFront, w http.ResponseWriter, r *http.Request) bool {
			head, body := f.CarriedOut(r, func(a *http.Response, body []byte) []byte {
				from := bytes.LastIndex(body, []byte("<Contents>"))
				to := bytes.LastIndex(body, []byte("</Contents>"))
				if from >= 0 && to > from {
					body = append(bytes.Clone(body[:from]), body[to+len("</Contents>"):]...)
				}
				a.Header.Set("Content-Length", fmt.Sprint(len(body)))
				return body
			})
			Reset(w, append(head, body...))
			return true
		},
	},
	{Name: "the store is gone from here on", Lasting: true, Play: ResetAtOnce},
}

// Played is an armed fault: it hits the request of this number, counted from when it was armed.
type Played struct {
	mu    sync.Mutex
	count int
	hit   bool
	steps []StoreStep
}

// WasHit reports whether the fault was played, and which requests there were.
func (p *Played) WasHit() (hit bool, steps []StoreStep) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hit, slices.Clone(p.steps)
}

// Arm plays fault at the step-th request from now on. Without a fault it only counts.
func (f *StoreFront) Arm(fault *StoreFault, step int) *Played {
	p := &Played{}
	f.Set(func(w http.ResponseWriter, r *http.Request) bool {
		p.mu.Lock()
		p.count++
		now := fault != nil && (p.count == step || fault.Lasting && p.count > step)
		p.hit = p.hit || now
		p.steps = append(p.steps,
			StoreStep{StepName(r), r.ContentLength, r.Method == "GET" && r.URL.Query().Has("list-type")})
		p.mu.Unlock()
		return now && fault.Play(f, w, r)
	}, nil)
	return p
}

// StepName names a request to the store by what it does.
func StepName(r *http.Request) string {
	what := r.Method
	for _, name := range []string{"uploads", "uploadId", "partNumber", "list-type"} {
		if r.URL.Query().Has(name) {
			what += " " + name
		}
	}
	if IsCopy(r) {
		what += " copy"
	}
	if strings.Contains(strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 2)[0], "state") {
		what += " (record)"
	}
	return what
}

// IsCopy reports whether a request to the store is a CopyObject or an UploadPartCopy.
func IsCopy(r *http.Request) bool {
	return r.Method == "PUT" && r.Header.Get("X-Amz-Copy-Source") != ""
}
