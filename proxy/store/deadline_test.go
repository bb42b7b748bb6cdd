package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/proxy/store"
)

// A mood is what a store does with each request; it may change.
type mood struct {
	atomic.Pointer[func(net.Conn, *bufio.Reader)]
}

func (m *mood) set(f func(c net.Conn, br *bufio.Reader)) { m.Store(&f) }

// moody starts a store in the given mood.
func moody(t *testing.T, f func(c net.Conn, br *bufio.Reader)) (*fakeStore, *mood) {
	m := new(mood)
	m.set(f)
	return newFakeStore(t, each(func(c net.Conn, br *bufio.Reader) { (*m.Load())(c, br) })), m
}

// each has every request of a connection served by f.
func each(f func(net.Conn, *bufio.Reader)) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, br *bufio.Reader) {
		for {
			if _, err := br.Peek(1); err != nil {
				return
			}
			f(c, br)
		}
	}
}

func answers(c net.Conn, br *bufio.Reader) {
	r, err := readHead(br)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
}

// saysNothing takes a request and says nothing until until is closed.
func saysNothing(until <-chan struct{}) func(net.Conn, *bufio.Reader) {
	return func(_ net.Conn, br *bufio.Reader) {
		if r, err := readHead(br); err == nil {
			go func() { _, _ = io.Copy(io.Discard, r.Body) }()
		}
		<-until
	}
}

func closing(t *testing.T) chan struct{} {
	c := make(chan struct{})
	t.Cleanup(func() { close(c) })
	return c
}

func headRequest() *store.Request {
	return &store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: "b", Key: "k"}
}

// Whoever leaves is let go at once: while it waits for a connection, for the store to take its body, for an answer, and
// for the body of one.
func TestARequestEndsWithItsContext(t *testing.T) {
	until := closing(t)
	half := func(c net.Conn, br *bufio.Reader) {
		if _, err := readHead(br); err == nil {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
		}
		<-until
	}
	stuffed := func(net.Conn, *bufio.Reader) { <-until } // reads nothing at all
	left := errors.New("the client has left")
	for name, c := range map[string]struct {
		store   func(net.Conn, *bufio.Reader)
		request *store.Request
		read    bool
		most    int
	}{
		"an answer": {saysNothing(until), headRequest(), false, 0},
		"the body of an answer": {
			half, &store.Request{Operation: "GetObject", Method: "GET", Bucket: "b", Key: "k"}, true, 0,
		},
		"the store to read": {stuffed, &store.Request{
			Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Length: 64 << 20, Body: &pieces{n: 64 << 20},
		}, false, 0},
		"a free connection": {saysNothing(until), headRequest(), false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeStore(t, c.store)
			client := f.client(t, func(o *store.Options) {
				o.Timeout, o.ConnectTimeout, o.Connections = time.Hour, time.Hour, c.most
			})
			if c.most > 0 { // it is taken
				go func() { _, _ = client.Do(t.Context(), headRequest()) }()
				for f.connections.Load() == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			ended := make(chan error, 1)
			began := make(chan struct{})
			go func() {
				close(began)
				a, err := client.Do(ctx, c.request)
				if err == nil && c.read {
					_, err = a.Bytes(100)
					a.Close()
				}
				ended <- err
			}()
			<-began
			time.AfterFunc(50*time.Millisecond, func() { cancel(left) })
			select {
			case err := <-ended:
				if !c.read && (!errors.Is(err, store.ErrUnavailable) || !errors.Is(err, left)) || c.read && err == nil {
					t.Errorf("%v", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it goes on")
			}
		})
	}
	// One whose context ends when it has its answer is none the worse, and its connection isn't used again.
	f := newFakeStore(t, each(answers))
	client := f.client(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	a, err := client.Do(ctx, headRequest())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	a.Close()
	if a, err = client.Do(t.Context(), headRequest()); err != nil {
		t.Fatal(err)
	}
	a.Close()
	if n := f.connections.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// A store that hangs is told from one that refuses. While it hangs, requests fail at once, but for one a second, and
// the first answer ends that.
func TestAStoreThatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	until := closing(t)
	f, m := moody(t, answers)
	client := f.client(t, func(o *store.Options) { o.Timeout = 2 * time.Second })
	ask := func() error {
		a, err := client.Do(t.Context(), headRequest())
		if err == nil {
			a.Close()
		}
		return err
	}
	if err := ask(); err != nil || client.Health().Trouble != "" || client.Health().Since.IsZero() {
		t.Fatalf("%v, %+v", err, client.Health())
	}
	m.set(saysNothing(until))
	err := ask()
	if !errors.Is(err, store.ErrHangs) || errors.Is(err, store.ErrNotAsked) || store.Trouble(err) != "hanging" {
		t.Fatalf("the first: %v", err)
	}
	refused := 0
	for range 100 {
		if errors.Is(ask(), store.ErrNotAsked) {
			refused++
		}
	}
	if h := client.Health(); refused < 95 || h.Trouble != "hanging" || !errors.Is(h.Last, store.ErrHangs) ||
		errors.Is(h.Last, store.ErrNotAsked) {
		t.Errorf("%d of 100 weren't asked; %+v", refused, h)
	}
	m.set(answers)
	for deadline := time.Now().Add(20 * time.Second); client.Health().Trouble != ""; {
		if time.Now().After(deadline) {
			t.Fatal("it is never asked again")
		}
		_ = ask()
		time.Sleep(10 * time.Millisecond)
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
	m.set(func(c net.Conn, _ *bufio.Reader) { _ = c.Close() })
	if err := ask(); !errors.Is(err, store.ErrAway) || client.Health().Trouble != "away" {
		t.Errorf("closed: %v, %+v", err, client.Health())
	}
	m.set(func(c net.Conn, br *bufio.Reader) {
		if _, err := readHead(br); err == nil {
			fmt.Fprint(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
		}
	})
	if err := ask(); err != nil || client.Health().Trouble != "refusing" {
		t.Errorf("503: %v, %+v", err, client.Health())
	}
	m.set(answers)
	if err := ask(); err != nil || client.Health().Trouble != "" {
		t.Errorf("well again: %v, %+v", err, client.Health())
	}
}

// One request that hangs while others are answered is that request's trouble.
func TestOneHangingRequestIsNotAHangingStore(t *testing.T) {
	t.Parallel()
	until := closing(t)
	f := newFakeStore(t, each(func(c net.Conn, br *bufio.Reader) {
		r, err := readHead(br)
		if err != nil {
			return
		}
		if r.URL.Path == "/b/slow" {
			<-until
		}
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}))
	client := f.client(t, func(o *store.Options) { o.Timeout = 3 * time.Second })
	slow := make(chan error, 1)
	go func() {
		_, err := client.Do(t.Context(), &store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: "b", Key: "slow"})
		slow <- err
	}()
	for over := false; !over; {
		a, err := client.Do(t.Context(), headRequest())
		if err != nil {
			t.Fatal(err)
		}
		a.Close()
		select {
		case err := <-slow:
			over = true
			if !errors.Is(err, store.ErrHangs) {
				t.Error(err)
			}
		default:
		}
	}
	if a, err := client.Do(t.Context(), headRequest()); err != nil || client.Health().Trouble != "" {
		t.Errorf("%v, %+v", err, client.Health())
	} else {
		a.Close()
	}
}

// What has the store move an object's bytes may take longer.
func TestCopiesHaveMorePatience(t *testing.T) {
	f := newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
		r, err := readHead(br)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(400 * time.Millisecond)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	for operation, ends := range map[string]bool{
		"CopyObject": true, "UploadPartCopy": true, "CompleteMultipartUpload": true, "PutObject": false,
	} {
		client := f.client(t, func(o *store.Options) { o.Timeout = 150 * time.Millisecond })
		a, err := client.Do(t.Context(), &store.Request{Operation: operation, Method: "PUT", Bucket: "b", Key: "k"})
		if err == nil {
			a.Close()
		}
		if ends != (err == nil) {
			t.Errorf("%s: %v", operation, err)
		}
	}
}

// Connections are bounded, handed to who waits, and closed when they have been idle.
func TestConnectionsAreHandedOn(t *testing.T) {
	f := newFakeStore(t, each(answers))
	client := f.client(t, func(o *store.Options) { o.Connections, o.IdleTimeout = 3, 100*time.Millisecond })
	done := make(chan error, 60)
	for range 60 {
		go func() {
			a, err := client.Do(t.Context(), headRequest())
			if err == nil {
				a.Close()
			}
			done <- err
		}()
	}
	for range 60 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := f.connections.Load(); n > 3 {
		t.Errorf("%d connections", n)
	}
	for deadline := time.Now().Add(20 * time.Second); client.Connections() > 0; {
		if time.Now().After(deadline) {
			t.Fatal("they stay open")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A context of many requests ends the one that is in flight, those that are in flight together, and none that is over.
func TestAContextOfManyRequestsEndsThem(t *testing.T) {
	until := closing(t)
	for _, together := range []int{1, 5} {
		f, m := moody(t, answers)
		client := f.client(t, func(o *store.Options) { o.Timeout = time.Hour })
		inner, cancel := context.WithCancelCause(t.Context())
		ctx := store.Counted(inner)
		for range 3 {
			a, err := client.Do(ctx, headRequest())
			if err != nil {
				t.Fatal(err)
			}
			a.Close()
		}
		if n := f.connections.Load(); n != 1 || store.Sent(ctx) != 3 {
			t.Errorf("%d connections for three requests, of which %d were counted", n, store.Sent(ctx))
		}
		m.set(saysNothing(until))
		ended := make(chan error, together)
		for range together {
			go func() {
				_, err := client.Do(ctx, headRequest())
				ended <- err
			}()
		}
		left := errors.New("the client has left")
		time.AfterFunc(50*time.Millisecond, func() { cancel(left) })
		for range together {
			select {
			case err := <-ended:
				if !errors.Is(err, left) {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it goes on")
			}
		}
		if _, err := client.Do(ctx, headRequest()); !errors.Is(err, left) {
			t.Errorf("afterwards: %v", err)
		}
	}
}
