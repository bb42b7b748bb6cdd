package socket_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/socket"
)

// pair is a connection of this package's and the other end of it.
func pair(t *testing.T) (*socket.Conn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	c, ok := socket.New(near)
	if !ok {
		t.Fatal("no socket below a TCP connection")
	}
	return c, far.(*net.TCPConn)
}

// large is more than the buffers of two sockets hold.
var large = bytes.Repeat([]byte("0123456789abcdef"), 1<<20)

func TestWhatIsWrittenArrives(t *testing.T) {
	for _, size := range []int{0, 1, 4096, len(large)} {
		c, far := pair(t)
		var got []byte
		var reading sync.WaitGroup
		reading.Go(func() { got, _ = io.ReadAll(far) })
		if n, err := c.Write(large[:size]); n != size || err != nil {
			t.Fatalf("%d bytes: wrote %d, %v", size, n, err)
		}
		_ = c.CloseWrite()
		reading.Wait()
		if !bytes.Equal(got, large[:size]) {
			t.Fatalf("%d bytes: %d came", size, len(got))
		}
	}
}

func TestWhatComesIsReadToItsEnd(t *testing.T) {
	c, far := pair(t)
	var writing sync.WaitGroup
	writing.Go(func() { _, _ = far.Write(large); _ = far.CloseWrite() })
	got, err := io.ReadAll(c)
	writing.Wait()
	if err != nil || !bytes.Equal(got, large) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("behind the end: %d, %v", n, err)
	}
}

// Many ask at once, so that answers come before, while and after the runtime is told to wait for them.
func TestNoAnswerIsMissed(t *testing.T) {
	var asking sync.WaitGroup
	for range 16 {
		c, far := pair(t)
		go func() {
			p := make([]byte, 64)
			for {
				n, err := far.Read(p)
				if err != nil {
					return
				}
				_, _ = far.Write(p[:n])
			}
		}()
		asking.Go(func() {
			p := make([]byte, 64)
			for i := range 2000 {
				question := []byte{byte(i), byte(i >> 8)}
				if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
					t.Error(err)
					return
				}
				if _, err := c.Write(question); err != nil {
					t.Errorf("question %d: %v", i, err)
					return
				}
				if n, err := c.Read(p); err != nil || !bytes.Equal(p[:n], question) {
					t.Errorf("question %d: %q, %v", i, p[:n], err)
					return
				}
			}
		})
	}
	asking.Wait()
}

func TestAWaitEndsWithTheConnection(t *testing.T) {
	for name, end := range map[string]func(c *socket.Conn, far *net.TCPConn){
		"closed by the other side": func(_ *socket.Conn, far *net.TCPConn) { far.Close() },
		"reset by the other side":  func(_ *socket.Conn, far *net.TCPConn) { _ = far.SetLinger(0); far.Close() },
		"closed here":              func(c *socket.Conn, _ *net.TCPConn) { c.Close() },
	} {
		c, far := pair(t)
		go end(c, far)
		if n, err := c.Read(make([]byte, 100)); n != 0 || err == nil {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
	}
}

func TestAWriteToAClosedConnectionFails(t *testing.T) {
	c, far := pair(t)
	_ = far.SetLinger(0)
	far.Close()
	var err error
	for range 100 { // the first may be taken before the reset has come
		if _, err = c.Write(large); err != nil {
			break
		}
	}
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "write" {
		t.Errorf("%v", err)
	}
}

func TestDeadlinesHold(t *testing.T) {
	c, _ := pair(t)
	soon := func() time.Time { return time.Now().Add(20 * time.Millisecond) }
	_ = c.SetDeadline(soon())
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read: %v", err)
	}
	_ = c.SetDeadline(soon())
	if n, err := c.Write(large); n == len(large) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write: %d bytes, %v", n, err)
	}
}

func TestOtherConnectionsAreLeftAlone(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	if _, ok := socket.New(near); ok {
		t.Error("a pipe has no socket")
	}
}

// An unused address can be listened on, and isn't one that a connection could get.
func TestUnusedAddresses(t *testing.T) {
	seen := make(map[string]bool)
	for range 20 {
		address, err := socket.UnusedAddress()
		if err != nil {
			t.Fatal(err)
		}
		_, text, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		if port, err := strconv.Atoi(text); err != nil || port < 20_000 || port >= 32_768 {
			t.Errorf("%s", address)
		}
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			continue
		}
		defer func() { _ = ln.Close() }()
		if seen[address] {
			t.Errorf("%s twice, and it is in use", address)
		}
		seen[address] = true
	}
}
