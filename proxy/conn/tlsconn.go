package conn

import (
	"crypto/tls"
	"errors"
	"net"
)

// belowTLS is a rawConn as the TLS connection above it sees it: its Close ends the connection, and never parks it.
type belowTLS struct{ *rawConn }

func (s belowTLS) Close() error { return s.end() }

// tlsConn is a client's TLS connection over a rawConn. It embeds *tls.Conn so that fasthttp sees TLS.
type tlsConn struct {
	*tls.Conn
	raw    *rawConn
	shaken bool // the handshake is done; belongs to the reader, as does the next
	failed bool // it failed, and was counted
	count  func(reason string)

	version string // of TLS, once shaken; set by the reader, whose goroutine answers the requests
}

// Read ends the handshake's deadline once there has been one.
func (c *tlsConn) Read(p []byte) (int, error) {
	if !c.shaken {
		if err := c.Handshake(); err != nil {
			return 0, err
		}
		c.shaken = true
		c.raw.beginHead()
		c.raw.idle.Store(true)
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.raw.markActive() // it may have come with the end of the handshake
	}
	return n, err
}

// Close is rawConn's.
func (c *tlsConn) Close() error { return c.raw.parking.close(c) }

func (c *tlsConn) below() *rawConn { return c.raw }

func (c *tlsConn) end() error { return c.Conn.Close() }

// gatherFrom is the size from which a write may be more than one TLS record; a new connection begins with
// records of 1.2 KiB.
const gatherFrom = 1 << 10

// Write sends p in one system call however many records it takes.
func (c *tlsConn) Write(p []byte) (int, error) {
	if len(p) < gatherFrom {
		return c.Conn.Write(p)
	}
	c.raw.cork()
	n, err := c.Conn.Write(p)
	return n, errors.Join(err, c.raw.uncork())
}

// TLSVersion is the version of TLS that a connection's handshake agreed on, such as 1.3. It is "" without TLS.
func TLSVersion(c net.Conn) string {
	if c, ok := c.(*tlsConn); ok {
		return c.version
	}
	return ""
}
