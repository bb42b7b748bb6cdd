package conn

import (
	"context"
	"errors"
	"net"
	"time"

	"sealfront/proxy/socket"
)

// ErrLeft is why the context of a connection ends: its client has closed it.
var ErrLeft = errors.New("the client has left")

// lookEvery is how often connections with a request in flight are looked at: for clients that have left nobody needs to
// go on. fasthttp reads nothing while a handler works, so it wouldn't notice.
const lookEvery = 500 * time.Millisecond

// Context is the context of a connection's requests. It ends with ErrLeft once the client has closed the connection,
// which is noticed within lookEvery and a little, even if what it sent before hasn't been read. For a connection that
// isn't a server's of this package it never ends.
func Context(c net.Conn) context.Context {
	if raw := rawOf(c); raw != nil && raw.left.context != nil {
		return raw.left.context
	}
	return context.Background()
}

// left is how those who work for a connection learn that its client has left.
type left struct {
	context context.Context
	cancel  context.CancelCauseFunc
}

// watch looks at connections while there are any.
func (s *connections) watch() {
	for range time.Tick(lookEvery) {
		s.mu.Lock()
		if len(s.open) == 0 {
			s.watching = false
			s.mu.Unlock()
			return
		}
		working := make([]*rawConn, 0, 16)
		for c := range s.open {
			if c.works() {
				working = append(working, c)
			}
		}
		s.mu.Unlock()
		for _, c := range working {
			if c.ended() {
				c.left.cancel(ErrLeft)
			}
		}
	}
}

// works reports whether a request may be in flight.
func (c *rawConn) works() bool {
	return c.ready != nil && c.left.cancel != nil && !c.idle.Load() && c.state.Load() == serving && !c.closing.Load() &&
		c.left.context.Err() == nil
}

func (c *rawConn) ended() (ended bool) {
	_ = c.ready.Control(func(fd uintptr) { ended = socket.Ended(fd) })
	return ended
}
