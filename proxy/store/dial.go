package store

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"syscall"

	"sealfront/proxy/socket"
)

// readBuffer is 16 KiB: with a larger one every byte of a body would be copied once more.
const readBuffer = 16 << 10

// dial opens a connection, with TLS if the endpoint asks for it.
func (c *Client) dial(string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.o.DialTimeout)
	defer cancel()
	nc, err := c.o.Dial(ctx, "tcp", c.address)
	if err != nil {
		return nil, fmt.Errorf("connect to the store at %s: %w", c.address, err)
	}
	below := nc
	raw, _ := nc.(syscall.Conn)
	if tcp, ok := nc.(*net.TCPConn); ok {
		if err := tcp.SetLinger(0); err != nil {
			_ = nc.Close()
			return nil, fmt.Errorf("connect to the store at %s: %w", c.address, err)
		}
	}
	if s, ok := socket.New(nc); ok {
		nc = s
	}
	if c.tls != nil {
		tc := tls.Client(nc, c.tls)
		if err := tc.HandshakeContext(ctx); err != nil {
			_ = nc.Close()
			return nil, fmt.Errorf("TLS with the store at %s: %w", c.address, err)
		}
		nc = tc
	}
	return &conn{
		Conn: nc, socket: below, raw: raw, progress: c.o.ProgressTimeout,
		reader: bufio.NewReaderSize(nil, readBuffer),
	}, nil
}
