package conn

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// pair returns both ends of a TCP connection, the first wrapped as a client's.
func pair(t *testing.T, timeouts Timeouts) (*rawConn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	timeouts = timeouts.withDefaults()
	l := &listener{Listener: ln, timeouts: new(atomic.Pointer[Timeouts])}
	l.timeouts.Store(&timeouts)
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(); _ = server.(*rawConn).Conn.Close() })
	return server.(*rawConn), client.(*net.TCPConn)
}

// A head that trickles in makes progress for ever; it ends at its own deadline.
func TestHeadHasADeadlineOfItsOwn(t *testing.T) {
	server, client := pair(t, Timeouts{Progress: time.Minute, Head: 100 * time.Millisecond})
	go func() {
		for {
			if _, err := client.Write([]byte("x")); err != nil {
				return
			}
			<-time.After(5 * time.Millisecond)
		}
	}()
	_, err := io.Copy(io.Discard, onlyReader{server})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want a deadline", err)
	}
	server.endHead()
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Errorf("after the head: %v", err)
	}
}

// What was written before a gentle close arrives although the peer is still sending and nobody has read it.
func TestGentleCloseDeliversTheAnswer(t *testing.T) {
	server, client := pair(t, Timeouts{})
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		_, _ = client.Write(make([]byte, 600<<10))
	}()
	answer := bytes.Repeat([]byte("answer "), 100)
	if _, err := server.Write(answer); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- server.Close() }()
	got, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(got, answer) {
		t.Errorf("%d bytes, %v, want %d", len(got), err, len(answer))
	}
	<-sending
	_ = client.Close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// A failed flush is told to every later write: crypto/tls has counted the records that didn't leave.
func TestFailedFlushIsRemembered(t *testing.T) {
	server, client := pair(t, Timeouts{Progress: 20 * time.Millisecond})
	_ = client.SetReadBuffer(1 << 10)
	server.cork()
	var err error
	for range 1000 {
		if _, err = server.Write(make([]byte, 64<<10)); err != nil {
			break
		}
	}
	if err == nil {
		t.Fatal("writes to a peer that doesn't read never failed")
	}
	if again := server.uncork(); !errors.Is(again, err) {
		t.Errorf("flush: %v, want %v", again, err)
	}
	if _, again := server.Write([]byte("x")); !errors.Is(again, err) {
		t.Errorf("write: %v, want %v", again, err)
	}
}

// countingConn counts the writes that reach the socket.
type countingConn struct {
	net.Conn
	writes int
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes++
	return len(p), nil
}

func TestRecordsOfOneWriteLeaveInOneSend(t *testing.T) {
	server, _ := pair(t, Timeouts{})
	counting := &countingConn{Conn: server.Conn}
	server.Conn = counting
	c := &tlsConn{Conn: tls.Server(server, &tls.Config{MinVersion: tls.VersionTLS13}), raw: server}
	// Without a handshake crypto/tls writes nothing, so its records are written here as it would.
	c.raw.cork()
	for range 5 {
		if _, err := server.Write(make([]byte, 13_000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.raw.uncork(); err != nil || counting.writes != 1 {
		t.Errorf("%d sends, %v", counting.writes, err)
	}
}
