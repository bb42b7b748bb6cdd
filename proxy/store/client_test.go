package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/proxy/store"
	"sealfront/sigv4"
)

func credentials(context.Context) (sigv4.Credentials, error) {
	return sigv4.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
}

// A fakeStore accepts connections and lets serve talk on each; it counts them.
type fakeStore struct {
	net.Listener
	connections atomic.Int32
}

func newFakeStore(t *testing.T, serve func(net.Conn, *bufio.Reader)) *fakeStore {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeStore{Listener: ln}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			f.connections.Add(1)
			go func() {
				defer func() { _ = c.Close() }()
				serve(c, bufio.NewReader(c))
			}()
		}
	}()
	return f
}

func (f *fakeStore) client(t *testing.T, change func(*store.Options)) *store.Client {
	t.Helper()
	o := store.Options{Endpoint: "http://" + f.Addr().String(), Region: "us-east-1", Credentials: credentials}
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

// pieces is a body of n bytes in pieces of 64 KiB; it fails with err after that many bytes, if set.
type pieces struct {
	n, failAt int64
	err       error
	written   atomic.Int64
}

func (p *pieces) WriteTo(w io.Writer) (int64, error) {
	piece := bytes.Repeat([]byte{'x'}, 64<<10)
	for p.written.Load() < p.n {
		if p.err != nil && p.written.Load() >= p.failAt {
			return p.written.Load(), p.err
		}
		n, err := w.Write(piece[:min(int64(len(piece)), p.n-p.written.Load())])
		p.written.Add(int64(n))
		if err != nil {
			return p.written.Load(), err
		}
	}
	return p.written.Load(), nil
}

func readHead(br *bufio.Reader) (*http.Request, error) { return http.ReadRequest(br) }

// W8: a store that refuses before it has read the body is heard, and the connection is not used again.
func TestW8EarlyAnswerArrives(t *testing.T) {
	for _, status := range []string{"412 Precondition Failed", "403 Forbidden", "503 Slow Down"} {
		t.Run(status, func(t *testing.T) {
			f := newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
				if _, err := readHead(br); err != nil {
					return
				}
				fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Length: 5\r\n\r\nearly", status)
				// Neither read on nor close, until the client does.
				_, _ = io.Copy(io.Discard, io.LimitReader(br, 1<<20))
			})
			client := f.client(t, nil)
			for range 2 {
				body := &pieces{n: 256 << 20}
				a, err := client.Do(t.Context(),
					&store.Request{
						Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Length: body.n,
						Body: body,
					})
				if err != nil {
					t.Fatal(err)
				}
				text, err := a.Bytes(100)
				if fmt.Sprint(a.Status) != status[:3] || string(text) != "early" || err != nil {
					t.Errorf("status %d, body %q, %v", a.Status, text, err)
				}
				a.Close()
				if body.written.Load() == body.n {
					t.Error("the whole body went out to a store that had refused it")
				}
			}
			if n := f.connections.Load(); n != 2 {
				t.Errorf("%d connections for two requests: one with an unsent body was used again", n)
			}
		})
	}
}

func TestConnectionWithUnsentBodyIsNotPooled(t *testing.T) {
	f := newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
		for {
			r, err := readHead(br)
			if err != nil {
				return
			}
			if r.Method == "PUT" {
				fmt.Fprint(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
				continue // what follows would be read as the next request: smuggling
			}
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	client := f.client(t, nil)
	body := &pieces{n: 8 << 20}
	a, err := client.Do(t.Context(),
		&store.Request{Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Length: body.n, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	for range 3 {
		a, err := client.Do(t.Context(), &store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: "b", Key: "k"})
		if err != nil || a.Status != 200 {
			t.Fatalf("after the refused PUT: %v", err)
		}
		a.Close()
	}
	if n := f.connections.Load(); n != 2 {
		t.Errorf("%d connections, want 2: one closed after the refusal, one pooled", n)
	}
}

func TestFailedSourceCutsTheBody(t *testing.T) {
	got := make(chan int64, 2)
	f := newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
		r, err := readHead(br)
		if err != nil {
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		got <- n - r.ContentLength
	})
	client := f.client(t, nil)
	wrong := errors.New("a check failed")
	for _, n := range []int64{64 << 10, 4 << 20} {
		body := &pieces{n: n, failAt: n / 2, err: wrong}
		if n == 64<<10 {
			body.failAt = 0
		}
		_, err := client.Do(t.Context(),
			&store.Request{Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Length: n, Body: body})
		if !errors.Is(err, wrong) {
			t.Errorf("%d bytes: %v, want the source's error", n, err)
		}
		if n == 64<<10 {
			continue // nothing was sent at all
		}
		if missing := <-got; missing >= 0 {
			t.Errorf("%d bytes: the store got a whole body", n)
		}
	}
}

func TestSilentStoreTimesOut(t *testing.T) {
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	f := newFakeStore(t, func(_ net.Conn, br *bufio.Reader) {
		r, err := readHead(br)
		if err == nil && r.Method == "PUT" {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		<-done
	})
	client := f.client(t, func(o *store.Options) { o.Timeout = 50 * time.Millisecond })
	for name, r := range map[string]*store.Request{
		"no body": {Operation: "GetObject", Method: "GET", Bucket: "b", Key: "k"},
		"streamed body": {
			Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Length: 1 << 20,
			Body: &pieces{n: 1 << 20},
		},
	} {
		if _, err := client.Do(t.Context(), r); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
}

// A long body to a slow store takes longer than the progress timeout in sum; each piece does not.
func TestSlowStoreIsNotSilent(t *testing.T) {
	t.Parallel()
	const step = 100 * time.Millisecond
	f := newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
		r, err := readHead(br)
		if err != nil {
			return
		}
		ticker := time.NewTicker(step)
		defer ticker.Stop()
		for range 30 {
			<-ticker.C
			if _, err := io.CopyN(io.Discard, r.Body, 1<<20); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	client := f.client(t, func(o *store.Options) { o.Timeout = 25 * step })
	a, err := client.Do(t.Context(),
		&store.Request{
			Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Length: 40 << 20,
			Body: &pieces{n: 40 << 20},
		})
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
}

func TestInterimAnswersAreSkipped(t *testing.T) {
	f := newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
		if r, err := readHead(br); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		fmt.Fprint(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"+
			"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	a, err := f.client(t, nil).Do(t.Context(),
		&store.Request{Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Bytes: []byte("body")})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if text, err := a.Bytes(10); string(text) != "ok" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

func TestShortBodyIsAnError(t *testing.T) {
	f := newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
		_, _ = readHead(br)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
	})
	a, err := f.client(t, nil).Do(t.Context(),
		&store.Request{Operation: "GetObject", Method: "GET", Bucket: "b", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := io.ReadAll(a); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, want an unexpected EOF", err)
	}
}

func TestChunkedAnswers(t *testing.T) {
	f := newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
		for {
			if _, err := readHead(br); err != nil {
				return
			}
			fmt.Fprint(c, "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"+
				"24\r\n<Error><Code>NoSuchKey</Code></Error\r\n1\r\n>\r\n0\r\n\r\n")
		}
	})
	client := f.client(t, nil)
	for range 2 {
		a, err := client.Do(t.Context(), &store.Request{Operation: "GetObject", Method: "GET", Bucket: "b", Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		if fault := a.Fault("GetObject"); fault == nil || fault.Code != "NoSuchKey" {
			t.Errorf("%v", fault)
		}
		a.Close()
	}
	if n := f.connections.Load(); n != 1 {
		t.Errorf("%d connections for two requests", n)
	}
}

func TestStaleConnectionIsNotUsed(t *testing.T) {
	f := newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
		_, _ = readHead(br)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		// Close although the client was not told: the next request on it meets a dead connection.
	})
	client := f.client(t, nil)
	for i := range 5 {
		a, err := client.Do(t.Context(),
			&store.Request{Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Bytes: []byte("body")})
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		a.Close()
	}
}

// What crosses to the store is what the caller named and what the client makes, signed.
func TestOnlyNamedHeadersCross(t *testing.T) {
	heads := make(chan *http.Request, 1)
	f := newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
		r, err := readHead(br)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		heads <- r
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	r := &store.Request{
		Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "a b/ü+//..",
		Query: store.AppendQuery("", "x y", "1/2"), Bytes: []byte("body"),
	}
	r.Set("x-amz-meta-evil", "a\r\nX-Injected: 1")
	a, err := f.client(t, nil).Do(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	head := <-heads
	if head.RequestURI != "/b/a%20b/%C3%BC%2B//..?x%20y=1%2F2" {
		t.Errorf("target %q", head.RequestURI)
	}
	for name := range head.Header {
		switch strings.ToLower(name) {
		case "x-amz-date", "x-amz-content-sha256", "content-length", "authorization", "x-amz-meta-evil":
		default:
			t.Errorf("header %s crossed", name)
		}
	}
}
