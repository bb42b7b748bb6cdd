package keyservice_test

import (
	"context"
	"net"
	"testing"
	"time"
)

// A client may hold a connection on which it never asked anything, as Go's does with one that it dialled in vain. The
// end isn't held up by it.
func TestTheEndDoesNotWaitForUnusedConnections(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s := open(t, options(t.TempDir()))
	go func() { done <- s.Serve(ctx, ln, 5*time.Second) }()
	unused, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unused.Close() }()
	made(t, "http://"+ln.Addr().String(), `{}`) // accepted later than the other
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
