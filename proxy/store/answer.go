package store

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"github.com/valyala/fasthttp"

	"sealfront/policy/xmldoc"
)

// An Answer is what the store said. It belongs to the caller until Close, and so do the slices it returns. Its memory
// is its connection's, but it isn't used again itself: a second Close, or a use after it, must never touch another
// request's answer.
type Answer struct {
	Status int
	Length int64 // of the body; -1 when the store did not say. 0 for answers to HEAD, which have none

	conn     *conn              // until Close
	response *fasthttp.Response // the conn's
	br       *bufio.Reader      // likewise
	reuse    bool
	refusal  *Fault // read ahead of the caller
	left     int64  // bytes of the body not read yet; meaningless while Length is -1
}

// maxInterim bounds how many 1xx answers are skipped.
const maxInterim = 8

func (a *Answer) readHead(br *bufio.Reader, method string) error {
	for range maxInterim {
		if err := a.response.Header.Read(br); err != nil {
			return err
		}
		a.Status = a.response.StatusCode()
		if a.Status >= 200 {
			a.Length = int64(a.response.Header.ContentLength())
			if a.Length < 0 {
				a.Length = -1
			}
			if method == "HEAD" || a.Status == 204 || a.Status == 304 {
				a.Length = 0
			}
			a.left = a.Length
			return nil
		}
	}
	return errors.New("too many interim answers")
}

// Get returns a header's value, nil if there is none. The slice is valid until Close.
func (a *Answer) Get(name string) []byte { return a.response.Header.Peek(name) }

// Header calls f for each header until it returns false.
func (a *Answer) Header(f func(name, value []byte) bool) {
	for k, v := range a.response.Header.All() {
		if !f(k, v) {
			return
		}
	}
}

// ContentLength is the Content-Length header, which an answer to HEAD has without a body; -1 if absent.
func (a *Answer) ContentLength() int64 {
	if n := a.response.Header.ContentLength(); n >= 0 {
		return int64(n)
	}
	return -1
}

// Read reads the body of an answer with a known Length straight into p.
func (a *Answer) Read(p []byte) (int, error) {
	if a.Length < 0 {
		return 0, errors.New("store: internal error: a body of unknown length is read with Bytes")
	}
	if a.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > a.left {
		p = p[:a.left]
	}
	n, err := a.br.Read(p)
	a.left -= int64(n)
	if err != nil {
		a.reuse = false
		if errors.Is(err, io.EOF) && a.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// Bytes reads the whole body, at most limit bytes of it; more is an error. The slice is the caller's.
func (a *Answer) Bytes(limit int) ([]byte, error) {
	if a.Length < 0 {
		chunked := a.response.Header.ContentLength() == -1
		err := a.response.ReadBody(a.br, limit)
		if err == nil && chunked {
			err = a.response.Header.ReadTrailer(a.br)
		}
		a.left = 0
		a.reuse = a.reuse && err == nil && chunked // otherwise the body ended with the connection
		if err != nil {
			return nil, fmt.Errorf("read the store's answer: %w", err)
		}
		return append([]byte(nil), a.response.Body()...), nil
	}
	if a.Length > int64(limit) {
		a.reuse = false
		return nil, fmt.Errorf("the store's answer of %d bytes is longer than %d", a.Length, limit)
	}
	b := make([]byte, a.left)
	if _, err := io.ReadFull(a, b); err != nil {
		return nil, fmt.Errorf("read the store's answer: %w", err)
	}
	return b, nil
}

// drainLimit is how much of an unread body is worth reading to keep the connection.
const drainLimit = 64 << 10

// Close gives the connection back, to the pool when all of the body was read or a short rest of it could be.
func (a *Answer) Close() {
	if a.conn == nil {
		return
	}
	if a.reuse && a.Length < 0 && a.left != 0 {
		a.reuse = false
	}
	if a.reuse && a.Length >= 0 && a.left > 0 {
		if a.left > drainLimit {
			a.reuse = false
		} else if n, err := a.br.Discard(int(a.left)); err != nil || int64(n) != a.left {
			a.reuse = false
		}
	}
	if a.reuse && a.br.Buffered() > 0 {
		a.reuse = false // bytes that belong to no answer: never let the next request read them
	}
	c, reuse := a.conn, a.reuse
	a.response.Reset()
	*a = Answer{}
	c.release(reuse) // from now on another request may have it
}

// maxFaultBody bounds how much of an error document is read.
const maxFaultBody = 64 << 10

// Fault reads the body of an answer that is not a success and returns it as an error. It returns nil for a
// 2xx answer, whose body it leaves alone.
func (a *Answer) Fault(operation string) *Fault {
	if a.Status < 300 {
		return nil
	}
	return a.fault(operation)
}

// fault reads the body as an error's, once.
func (a *Answer) fault(operation string) *Fault {
	if a.refusal != nil {
		a.refusal.Operation = operation
		return a.refusal
	}
	f := &Fault{Operation: operation, Status: a.Status}
	var doc struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	if body, err := a.Bytes(maxFaultBody); err == nil && xmldoc.Unmarshal(body, &doc) == nil {
		f.Code, f.Message = doc.Code, doc.Message
	}
	a.refusal = f
	return f
}
