package conn

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"

	"sealfront/proxy/socket"
)

// take gives p what was read ahead, and the memory back with the last of it.
func (c *rawConn) take(p []byte) int {
	n := copy(p, c.buffer)
	c.buffer = c.buffer[n:]
	switch {
	case len(c.buffer) == 0:
		c.giveMemory()
	case c.memory != nil && len(c.buffer) <= restMemory && readAhead-cap(c.buffer)+len(c.buffer) <= smallRead:
		// All that was read was little, so this is a small request, which may wait for long. A large body goes on.
		rest := restMemories.Get().(*[restMemory]byte)
		c.buffer = rest[:copy(rest[:], c.buffer)]
		readMemory.Put(c.memory)
		c.memory, c.rest = nil, rest
	}
	return n
}

// giveMemory gives the memory of what was read ahead back.
func (c *rawConn) giveMemory() {
	if c.memory != nil {
		readMemory.Put(c.memory)
	}
	if c.rest != nil {
		restMemories.Put(c.rest)
	}
	c.buffer, c.memory, c.rest = nil, nil, nil
}

// restMemory is the size of the smaller memory, to which a short rest of what was read ahead is moved.
const restMemory = 8 << 10

// smallRead is how much a read returns at most of which the rest is moved.
const smallRead = 2 * restMemory

// What connections read ahead into: ciphertext, or plaintext of clients without TLS.
var (
	readMemory   = sync.Pool{New: func() any { return new([readAhead]byte) }}
	restMemories = sync.Pool{New: func() any { return new([restMemory]byte) }}
)

// fill reads ahead once. It takes memory when there is something to read and not before.
func (c *rawConn) fill() (int, error) {
	if c.ready == nil {
		c.memory = readMemory.Get().(*[readAhead]byte)
		n, err := c.Conn.Read(c.memory[:])
		return c.filled(n, err)
	}
	c.got, c.gotErr = 0, nil
	if err := c.ready.Read(c.readReady); err != nil {
		return 0, err
	}
	return c.got, c.gotErr
}

// readInto reads once, without reading ahead.
func (c *rawConn) readInto(p []byte) (int, error) {
	c.into, c.got, c.gotErr = p, 0, nil
	err := c.ready.Read(c.readReady)
	c.into = nil
	if err != nil {
		return 0, err
	}
	return c.got, c.gotErr
}

// readSocket reads from the socket when it is ready; false: it isn't.
func (c *rawConn) readSocket(fd uintptr) bool {
	into := c.into
	if into == nil {
		c.memory = readMemory.Get().(*[readAhead]byte)
		into = c.memory[:]
	}
	n, err := socket.Read(fd, into)
	again := errors.Is(err, syscall.EAGAIN)
	switch {
	case again:
		n = 0
	case err != nil:
		n, err = 0, os.NewSyscallError("read", err)
	case n == 0:
		err = io.EOF
	}
	if c.into == nil {
		n, err = c.filled(n, err)
	}
	c.got, c.gotErr = n, err
	return !again
}

func (c *rawConn) filled(n int, err error) (int, error) {
	if n <= 0 {
		readMemory.Put(c.memory)
		c.memory = nil
		return 0, err
	}
	c.buffer = c.memory[:n]
	return n, nil
}
