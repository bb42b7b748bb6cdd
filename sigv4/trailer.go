package sigv4

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	maxTrailerText  = 512 // all trailer names and values together; the longest legal one takes 109 bytes
	maxTrailerLines = 16  // repetitions included; two are usual
)

// readTrailer reads what follows the last chunk, up to the empty line, and checks it.
func (c *ChunkReader) readTrailer() error {
	for lines := 0; ; lines++ {
		if lines == maxTrailerLines {
			return refuse("MalformedTrailerError", malformedTrailer)
		}
		line, err := c.lines.nextLine()
		if err == io.EOF {
			if c.o.Payload == PayloadSignedChunks {
				return incompleteBody()
			}
			break // S3 doesn't miss the last empty line where a trailer may be
		}
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		if err := c.takeTrailer(line); err != nil {
			return err
		}
	}
	switch {
	case c.o.Payload == PayloadSignedChunksTrailer && !c.hasTrailer:
		return incompleteBody() // also without any line
	case c.o.Payload != PayloadSignedChunksTrailer && c.hasTrailer,
		c.o.Trailer == "" && len(c.fields) > 0,
		c.o.Trailer != "" && (len(c.fields) != 1 || string(c.fields[0].Name) != c.o.Trailer):
		return refuse("MalformedTrailerError", malformedTrailer)
	}
	if c.o.Payload == PayloadSignedChunksTrailer {
		if err := c.checkTrailer(); err != nil {
			return err
		}
	}
	if c.o.Trailer != "" && !validChecksum(c.o.Trailer, c.fields[0].Value) {
		return refuse("InvalidRequest", "Value for "+c.o.Trailer+" trailing header is invalid.")
	}
	return nil
}

// takeTrailer keeps one trailer line. A repeated name replaces the former value.
func (c *ChunkReader) takeTrailer(line []byte) error {
	line = bytes.TrimSuffix(line, newline) // AWS's example, and minio-go after it, ends the line with LF CR LF
	name, value := cut(line, ':')
	if len(name) == len(line) || !isHeaderList(name) {
		return refuse("MalformedTrailerError", malformedTrailer)
	}
	value = trim(value)
	if equalName(name, "x-amz-trailer-signature") {
		c.hasTrailer, c.sentTrailerLen = true, len(value)
		copy(c.sentTrailer[:], value)
		return nil
	}
	if len(name)+len(value) > len(c.trailer)-c.trailerUsed {
		return refuse("MalformedTrailerError", malformedTrailer)
	}
	f := Field{c.copyText(name), c.copyText(value)}
	for i, b := range f.Name {
		f.Name[i] = lower(b)
	}
	if i := slices.IndexFunc(c.fields, func(g Field) bool { return bytes.Equal(g.Name, f.Name) }); i >= 0 {
		c.fields[i] = f
		return nil
	}
	c.fields = append(c.fields, f)
	return nil
}

var newline = []byte("\n")

func (c *ChunkReader) copyText(b []byte) []byte {
	start := c.trailerUsed
	c.trailerUsed += copy(c.trailer[start:], b)
	return c.trailer[start:c.trailerUsed:c.trailerUsed]
}

// checkTrailer compares the trailer's signature. There is at most one trailer, so that nothing needs sorting.
// Source: TRL, "Calculating the trailing header's signature".
func (c *ChunkReader) checkTrailer() error {
	var memory [maxTrailerText]byte
	canonical := memory[:0]
	for i := range c.fields {
		canonical = append(canonical, c.fields[i].Name...)
		canonical = append(canonical, ':')
		canonical = append(canonical, c.fields[i].Value...)
		canonical = append(canonical, '\n')
	}
	hash := sha256.Sum256(canonical)
	a := c.o.a
	chain := c.stringToSign[c.previous : c.previous+64]
	s := append(c.trailerStringToSign[:0], "AWS4-HMAC-SHA256-TRAILER\n"...)
	s = append(s, a.timestamp[:]...)
	s = append(s, '\n')
	s = append(s, a.Scope...)
	s = append(s, '\n')
	s = append(s, chain...)
	s = append(s, '\n')
	s = appendHex(s, &hash)
	c.trailerStringToSign = s
	c.computed = a.key.sign(c.computed[:0], s)
	if c.sentTrailerLen != len(c.sentTrailer) || subtle.ConstantTimeCompare(c.computed, c.sentTrailer[:]) != 1 {
		return c.mismatch(c.sentTrailer[:min(c.sentTrailerLen, len(c.sentTrailer))], s)
	}
	return nil
}

// validChecksum reports whether value is base64 of the length of a checksum of that name.
func validChecksum(name string, value []byte) bool {
	for i := range trailers {
		if trailers[i].name == name {
			var decoded [sha512.Size + 2]byte // the longest, and what base64 may round up to
			if len(value) != trailers[i].length {
				return false
			}
			_, err := base64.StdEncoding.Strict().Decode(decoded[:], value)
			return err == nil
		}
	}
	return false
}

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
