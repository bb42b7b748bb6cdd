package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// A delay stands in front of a store, and lets everything that the store sends arrive later: as on a network with that
// latency, an answer comes later and then as fast as ever, and requests of other connections don't wait for it. What
// goes to the store, and opening a connection, takes no longer.
//
//	client ──────────────────────────▶ store
//	client ◀─ due ─ queue ◀─ stamped ─ store
type delay struct {
	address string
	to      string // the store's
	latency time.Duration
	ln      net.Listener

	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// A piece is bytes that the client gets at a time.
type piece struct {
	due    time.Time
	length int
	memory *[pieceSize]byte
}

const (
	pieceSize = 64 << 10
	// inFlight bounds the pieces of a connection that wait: 20 ms of them are more than 1 GiB a second.
	inFlight = 512
)

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// startDelay listens on a loopback port, in front of a store's address.
func startDelay(to string, latency time.Duration) (*delay, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &delay{address: ln.Addr().String(), to: to, latency: latency, ln: ln, open: map[net.Conn]struct{}{}}
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			go d.relay(client)
		}
	}()
	return d, nil
}

func (d *delay) close() {
	_ = d.ln.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for c := range d.open {
		_ = c.Close()
	}
}

// keep notes connections that close ends; false: it has.
func (d *delay) keep(conns ...net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range conns {
		d.open[c] = struct{}{}
	}
	return !d.closed
}

// relay serves one connection. An end on either side is passed on as an end, a failure as a reset.
func (d *delay) relay(client net.Conn) {
	store, err := net.Dial("tcp", d.to)
	if err != nil {
		reset(client)
		return
	}
	defer func() {
		d.mu.Lock()
		delete(d.open, client)
		delete(d.open, store)
		d.mu.Unlock()
		_, _ = client.Close(), store.Close()
	}()
	if !d.keep(client, store) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := io.Copy(store, client); err != nil {
			reset(store)
			return
		}
		_ = store.(*net.TCPConn).CloseWrite()
	})
	both.Go(func() {
		if err := d.later(client, store); err != nil {
			reset(client)
			reset(store)
			return
		}
		_ = client.(*net.TCPConn).CloseWrite()
	})
	both.Wait()
}

// later copies from the store to the client, each piece when it is due.
func (d *delay) later(client, store net.Conn) error {
	queue := make(chan piece, inFlight)
	written := make(chan error, 1)
	go func() {
		var failed error
		for p := range queue {
			time.Sleep(time.Until(p.due))
			if failed == nil {
				if _, failed = client.Write(p.memory[:p.length]); failed != nil {
					reset(store) // ends the reader
				}
			}
			pieces.Put(p.memory)
		}
		written <- failed
	}()
	for {
		p := piece{memory: pieces.Get().(*[pieceSize]byte)}
		n, err := store.Read(p.memory[:])
		if n > 0 {
			p.due, p.length = time.Now().Add(d.latency), n
			queue <- p
		}
		if err != nil {
			close(queue)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return errors.Join(<-written, err)
		}
	}
}

// reset ends a connection so that its other end can't take what came for complete.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}
