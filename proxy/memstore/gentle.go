package memstore

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// gentleListener's connections close so that an answer given before the whole body was read still arrives: a
// connection that is closed with unread bytes is reset, and a reset throws away what the other side hasn't read yet.
type gentleListener struct{ net.Listener }

func (l gentleListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if t, ok := c.(*net.TCPConn); ok && err == nil {
		return &gentleConn{TCPConn: t}, nil
	}
	return c, err
}

type gentleConn struct {
	*net.TCPConn
	once sync.Once
}

const (
	lingerTime  = time.Second
	lingerBytes = 64 << 20
)

func (c *gentleConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		if c.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.TCPConn, lingerBytes) // ends at the other side's end, in time, or broken
		}
		err = c.TCPConn.Close()
	})
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
