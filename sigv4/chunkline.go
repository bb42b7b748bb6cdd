package sigv4

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxEmptyReads is how often in a row the reader beneath may deliver nothing, as in package bufio.
const maxEmptyReads = 100

// lineReader reads what r delivers, framing by lines and data as they come.
type lineReader struct {
	r          io.Reader
	buffer     [1024]byte // what was read ahead of need: framing mostly, so that it is small
	start, end int        // of the unread part of buffer
}

// fetch reads at least one byte into p. The end of the body is io.EOF, however the reader beneath reports it.
func (l *lineReader) fetch(p []byte) (int, error) {
	for range maxEmptyReads {
		n, err := l.r.Read(p)
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
func (l *lineReader) readLine() ([]byte, error) {
	line, err := l.nextLine()
	if err == io.EOF {
		return nil, incompleteBody()
	}
	return line, err
}

// nextLine returns the next line, or io.EOF if the body ended where one would begin. A line that holds another CR or
// LF, or is longer than the buffer, isn't one.
func (l *lineReader) nextLine() ([]byte, error) {
	for searched := l.start; ; {
		if i := bytes.IndexByte(l.buffer[searched:l.end], '\r'); i >= 0 {
			i += searched
			if i+1 < l.end {
				if l.buffer[i+1] != '\n' {
					return nil, incompleteBody()
				}
				line := l.buffer[l.start:i]
				l.start = i + 2
				if i := bytes.IndexByte(line, '\n'); i >= 0 && i < len(line)-1 {
					return nil, incompleteBody()
				}
				return line, nil
			}
			searched = i
		} else {
			searched = l.end
		}
		if l.end == len(l.buffer) {
			if l.start == 0 {
				return nil, incompleteBody()
			}
			searched -= l.start
			l.end = copy(l.buffer[:], l.buffer[l.start:l.end])
			l.start = 0
		}
		n, err := l.fetch(l.buffer[l.end:])
		if err == io.EOF && l.start < l.end {
			return nil, incompleteBody()
		}
		if err != nil {
			return nil, err
		}
		l.end += n
	}
}
