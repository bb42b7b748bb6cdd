package sigv4

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxEmptyReads is how often in a row the reader beneath may deliver nothing, as in package bufio.
const maxEmptyReads = 100

// fetch reads at least one byte into p. The end of the body is io.EOF, however the reader beneath tells it.
func (c *ChunkReader) fetch(p []byte) (int, error) {
	for range maxEmptyReads {
		n, err := c.r.Read(p)
		if n > 0 {
			return n, nil // an error, if it lasts, comes again
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return 0, io.EOF
		default:
			return 0, fmt.Errorf("read aws-chunked body: %w", err)
		}
	}
	return 0, fmt.Errorf("read aws-chunked body: %w", io.ErrNoProgress)
}

// readLine returns the next line without its CR LF. It is good until the next read. The body must not end before it.
func (c *ChunkReader) readLine() ([]byte, error) {
	line, err := c.nextLine()
	if err == io.EOF {
		return nil, incompleteBody()
	}
	return line, err
}

// nextLine returns the next line, or io.EOF if the body ended where one would begin. A line that holds another CR or LF,
// or is longer than the buffer, isn't one.
func (c *ChunkReader) nextLine() ([]byte, error) {
	for searched := c.start; ; {
		if i := bytes.IndexByte(c.buffer[searched:c.end], '\r'); i >= 0 {
			i += searched
			if i+1 < c.end {
				if c.buffer[i+1] != '\n' {
					return nil, incompleteBody()
				}
				line := c.buffer[c.start:i]
				c.start = i + 2
				if i := bytes.IndexByte(line, '\n'); i >= 0 && i < len(line)-1 {
					return nil, incompleteBody()
				}
				return line, nil
			}
			searched = i
		} else {
			searched = c.end
		}
		if c.end == len(c.buffer) {
			if c.start == 0 {
				return nil, incompleteBody()
			}
			searched -= c.start
			c.end = copy(c.buffer[:], c.buffer[c.start:c.end])
			c.start = 0
		}
		n, err := c.fetch(c.buffer[c.end:])
		if err == io.EOF && c.start < c.end {
			return nil, incompleteBody()
		}
		if err != nil {
			return nil, err
		}
		c.end += n
	}
}
