package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// behind is a delay in front of a server that serves each connection so.
func behind(t *testing.T, latency time.Duration, serve func(c *net.TCPConn)) *net.TCPConn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serve(c.(*net.TCPConn))
		}
	}()
	d, err := startDelay(ln.Addr().String(), latency)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	c, err := net.Dial("tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c.(*net.TCPConn)
}

// Every answer comes later, a large one isn't slower for it, and ends arrive as ends.
func TestADelayLetsAnswersWait(t *testing.T) {
	t.Parallel()
	const latency = 100 * time.Millisecond
	answer := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
	c := behind(t, latency, func(c *net.TCPConn) {
		question := make([]byte, 1)
		for {
			if _, err := io.ReadFull(c, question); err != nil {
				_ = c.Close()
				return
			}
			_, _ = c.Write(answer)
		}
	})
	got := make([]byte, len(answer))
	for range 3 {
		begin := time.Now()
		if _, err := c.Write([]byte("?")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, got[:1]); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < latency {
			t.Errorf("the answer's first byte came after %v", took)
		}
		if _, err := io.ReadFull(c, got[1:]); err != nil || !bytes.Equal(got, answer) {
			t.Errorf("another answer arrived: %v", err)
		}
		if took := time.Since(begin); took > 20*latency { // 64 pieces, each of which would wait
			t.Errorf("the answer took %v", took)
		}
	}
	_ = c.CloseWrite()
	if n, err := c.Read(got); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %d, %v", n, err)
	}
}

// A store that breaks off isn't taken for one that has ended.
func TestADelayPassesAResetOn(t *testing.T) {
	t.Parallel()
	c := behind(t, time.Millisecond, func(c *net.TCPConn) {
		_, _ = io.ReadFull(c, make([]byte, 1))
		reset(c)
	})
	if _, err := c.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("%v, want a reset", err)
	}
}
