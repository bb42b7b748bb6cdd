package sigv4

import (
	"errors"
	"io"
)

// ChunkWriter writes an aws-chunked body of signed chunks without trailer: the ChunkReader's twin. The zero value is to
// be Reset. One goroutine at a time.
//
//	data ─▶ gathered to chunks of one size ─▶ head ‖ data, in one Write ─▶ …  Close: the rest ‖ the last, empty chunk
//
// What it writes has EncodedLength(decoded, chunk) bytes. Whoever gives up a body doesn't Close: what has been written
// is then no whole body.
type ChunkWriter struct {
	w      io.Writer
	signer *ChunkSigner
	buffer []byte // room for a head, a chunk's data, room for the end
	head   [headRoom]byte
	chunk  int // bytes of data in all chunks but the last
	held   int // bytes of data in buffer
	failed error
}

// headRoom is room for two heads, each a line end, 16 digits at most, the signature and a line end, and the end.
const headRoom = 256

var errClosed = errors.New("sigv4: the body has been closed")

// Reset prepares c to write a body to w in chunks of this many bytes, at least 8,192, that signer signs; see
// Signer.Chunks. w and signer are kept until the next Reset; memory of the same chunk size is used again.
func (c *ChunkWriter) Reset(w io.Writer, signer *ChunkSigner, chunk int) {
	if chunk < minChunk {
		panic("sigv4: internal error: chunks of less than 8,192 bytes")
	}
	if c.chunk != chunk {
		c.buffer = make([]byte, headRoom+chunk+headRoom)
	}
	c.w, c.signer, c.chunk, c.held, c.failed = w, signer, chunk, 0, nil
}

// Write takes the next bytes of the body. Errors are w's, and final.
func (c *ChunkWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && c.failed == nil {
		m := copy(c.buffer[headRoom+c.held:headRoom+c.chunk], p)
		c.held += m
		n += m
		p = p[m:]
		if c.held == c.chunk {
			c.flush(false)
		}
	}
	return n, c.failed
}

// flush writes the chunk that is held and, if it is the last, the end of the body.
func (c *ChunkWriter) flush(last bool) {
	from, to := headRoom, headRoom+c.held
	if c.held > 0 {
		h := c.signer.AppendHead(c.head[:0], c.buffer[headRoom:headRoom+c.held])
		from -= copy(c.buffer[headRoom-len(h):], h)
	}
	if last {
		to = len(c.signer.AppendEnd(c.signer.AppendHead(c.buffer[:to], nil)))
	}
	c.held = 0
	_, c.failed = c.w.Write(c.buffer[from:to])
}

// Close writes what is left of the body, and its end. It doesn't close w.
func (c *ChunkWriter) Close() error {
	if c.failed == nil {
		if c.flush(true); c.failed == nil {
			c.failed = errClosed
			return nil
		}
	}
	return c.failed
}
