package store

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"sealfront/proxy/socket"
)

// readBuffer is 16 KiB: with a larger one every byte of a body would be copied once more.
const readBuffer = 16 << 10

// readers are what answers are read with. A connection has one from the first byte of an answer to its end: thousands
// may wait for the store, or for their next request, and hold none.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}

// takeReader takes a reader if the connection has none.
func (c *conn) takeReader() *bufio.Reader {
	if c.reader == nil {
		c.reader = readers.Get().(*bufio.Reader)
		c.reader.Reset(c)
	}
	return c.reader
}

// giveReader gives the reader back. What it has read ahead is lost.
func (c *conn) giveReader() {
	if c.reader != nil {
		c.reader.Reset(nil)
		readers.Put(c.reader)
		c.reader = nil
	}
}

// awaitAnswer waits for the beginning of an answer, and returns what it is read with.
func (c *conn) awaitAnswer() (*bufio.Reader, error) {
	if c.reader != nil || c.ready == nil {
		return c.takeReader(), nil
	}
	if err := c.extend(c.SetReadDeadline, &c.readSet); err != nil {
		return nil, err
	}
	c.at, c.tried = time.Time{}, nil
	if err := c.ready.Read(c.tryAnswer); err != nil {
		return nil, err
	}
	return c.reader, c.tried
}

// beginAnswer reads the beginning of an answer if there is one; false: not yet.
func (c *conn) beginAnswer(fd uintptr) bool {
	c.trying = fd
	_, err := c.takeReader().Peek(1)
	c.trying = 0
	if errors.Is(err, syscall.EAGAIN) {
		c.giveReader()
		return false
	}
	c.tried = err
	return true
}

// readNow reads what has come.
func (c *conn) readNow(p []byte) (int, error) {
	n, err := socket.Read(c.trying, p)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return 0, err
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}
