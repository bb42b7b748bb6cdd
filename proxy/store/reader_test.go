package store

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// dialled returns a connection of the client's, and the store's end of it.
func dialled(t *testing.T, patience time.Duration) (*conn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	d := &dialer{
		dial: new(net.Dialer).DialContext, address: ln.Addr().String(), timeout: time.Minute,
	}
	c, err := d.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.setPatience(patience)
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); _ = far.Close() })
	return c, far.(*net.TCPConn)
}

// A connection holds nothing to read with while it waits for the store, and has it from the first byte on.
func TestAWaitForTheStoreHoldsNoReader(t *testing.T) {
	c, _ := dialled(t, time.Millisecond)
	if br, err := c.awaitAnswer(); !errors.Is(err, os.ErrDeadlineExceeded) || br != nil || c.reader != nil {
		t.Errorf("a store without an answer: %v, %v, reader %v", br, err, c.reader)
	}

	c, far := dialled(t, time.Minute)
	sent := make(chan error, 1)
	go func() {
		<-time.After(20 * time.Millisecond) // most likely while it waits; either way it must arrive
		_, err := io.WriteString(far, "an answer")
		sent <- err
	}()
	br, err := c.awaitAnswer()
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, len("an answer"))
	if _, err := io.ReadFull(br, text); err != nil || string(text) != "an answer" {
		t.Errorf("%q, %v", text, err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	c.giveReader()
	if c.reader != nil {
		t.Error("the reader was kept")
	}
}

// An end and a reset before the first byte are what the caller gets.
func TestAWaitForTheStoreEndsWithItsConnection(t *testing.T) {
	c, far := dialled(t, time.Minute)
	_ = far.Close()
	if _, err := c.awaitAnswer(); !errors.Is(err, io.EOF) {
		t.Errorf("closed: %v", err)
	}
	c, far = dialled(t, time.Minute)
	_ = far.SetLinger(0)
	_ = far.Close()
	if _, err := c.awaitAnswer(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
}
