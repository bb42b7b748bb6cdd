package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"

	"sealfront/policy/xmldoc"
	"sealfront/sigv4"
)

// A Request is one request to the store. Names are plain, not encoded; the client encodes, addresses and
// signs. Header holds what crosses by the caller's allow-list and nothing else: Host, Content-Length, the
// date, the payload hash and the authorization are the client's.
type Request struct {
	Operation string // S3's name of it, for metrics and errors
	Method    string
	Bucket    string // the store's name of it; "" for the service itself
	Key       string
	Query     string // encoded, without '?'
	Header    []sigv4.Field

	// Length is the number of bytes Body writes. Body is called at most once and nil for requests without one.
	// Its writer fails with ErrAnswered as soon as the store has answered; WriteTo then returns that error.
	// An error of WriteTo that did not come from its writer ends the request: the connection is closed before
	// the body is complete, so that the store stores nothing.
	Length int64
	Body   io.WriterTo
	// Bytes is a body held in memory, used instead of Body. Such a request is sent a second time when the
	// connection turns out to have been closed by the store before it answered.
	Bytes []byte

	fields [12]sigv4.Field // room for Header
}

// Set appends a header field. It shares the memory of both strings, which nothing writes to.
func (r *Request) Set(name, value string) { r.SetBytes(name, view(value)) }

// SetBytes is Set for a value that must not change before the request has been sent.
func (r *Request) SetBytes(name string, value []byte) {
	if r.Header == nil {
		r.Header = r.fields[:0]
	}
	r.Header = append(r.Header, sigv4.Field{Name: view(name), Value: value})
}

// view is the bytes of s. They must not be written to.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// Replace gives the field that Set appended under this name another value.
func (r *Request) Replace(name string, value []byte) {
	for i := range r.Header {
		if string(r.Header[i].Name) == name {
			r.Header[i].Value = value
			return
		}
	}
	panic("store: internal error: no field " + name)
}

// replayable reports whether sending the request twice does what sending it once does. A conditional write
// does not: its first copy may be what fails the second one's condition.
func (r *Request) replayable() bool {
	if r.Body != nil || r.Method == "POST" {
		return false
	}
	if r.Method == "GET" || r.Method == "HEAD" {
		return true
	}
	for _, f := range r.Header {
		if len(f.Name) > len("if-") && strings.EqualFold(string(f.Name[:len("if-")]), "if-") {
			return false
		}
	}
	return true
}

// An Answer is what the store said. It belongs to the caller until Close, and so do the slices it returns. Its memory
// is its connection's, but it isn't used again itself: a second Close, or a use after it, must never touch another
// request's answer.
type Answer struct {
	Status int
	Length int64 // of the body; -1 when the store did not say. 0 for answers to HEAD, which have none

	pool     *pool
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
	c, p := a.conn, a.pool
	reuse := c.detach() && a.reuse
	a.response.Reset()
	*a = Answer{}
	p.put(c, reuse, time.Now()) // from now on another request may have it
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

// emptyHash is the payload hash of requests without a body.
var emptyHash = []byte("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

var unsignedPayload = []byte(sigv4.UnsignedPayload)

// payloadHash is X-Amz-Content-Sha256. Sealed bodies carry tags of their own, so by default their signature leaves
// them out: a second pass over the body would cost three times its encryption.
func (c *Client) payloadHash(r *Request) []byte {
	switch {
	case r.Body == nil && len(r.Bytes) == 0:
		return emptyHash
	case !c.o.SignPayload:
		return unsignedPayload
	case r.Body == nil:
		sum := sha256.Sum256(r.Bytes)
		return hex.AppendEncode(nil, sum[:])
	}
	return []byte(sigv4.PayloadSignedChunks.String())
}

// signsChunks reports whether the request's body is streamed as signed chunks. Content-Encoding isn't set: the payload
// hash says what the body is, and some stores keep the encoding with the object.
func (c *Client) signsChunks(r *Request) bool { return r.Body != nil && c.o.SignPayload }

// chunkSize is the size of signed chunks: that of a sealed segment, which pieces of a body are as a rule.
const chunkSize = 64<<10 + 16

// bodyLength is the Content-Length of the request.
func (c *Client) bodyLength(r *Request) int64 {
	switch {
	case r.Bytes != nil:
		return int64(len(r.Bytes))
	case c.signsChunks(r):
		return sigv4.EncodedLength(r.Length, chunkSize)
	}
	return r.Length
}

// signedBody is a streamed body in signed chunks. They come from a pool, for the memory of a chunk.
type signedBody struct {
	body   io.WriterTo
	signer sigv4.ChunkSigner
	writer sigv4.ChunkWriter
}

// signBody returns the request's body as it is to be sent. authorization and the other arguments are those of its head.
// done is called when the body has been sent or given up.
func (c *Client) signBody(r *Request, authorization []byte, cred *sigv4.Credentials, t time.Time) (body io.WriterTo,
	done func(),
) {
	if !c.signsChunks(r) {
		return r.Body, func() {}
	}
	b := c.bodies.Get().(*signedBody)
	b.body = r.Body
	c.signer.Chunks(&b.signer, authorization, cred, t)
	return b, func() {
		b.body = nil
		b.writer.Reset(nil, nil, chunkSize)
		c.bodies.Put(b)
	}
}

// WriteTo writes the body's chunks. A body that fails is not closed, so that it stays incomplete.
func (b *signedBody) WriteTo(w io.Writer) (int64, error) {
	b.writer.Reset(w, &b.signer, chunkSize)
	n, err := b.body.WriteTo(&b.writer)
	if err == nil {
		err = b.writer.Close()
	}
	return n, err
}

// Static are credentials that don't change, for Options.Credentials.
func Static(accessKey, secretKey string) func(context.Context) (sigv4.Credentials, error) {
	c := sigv4.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	return func(context.Context) (sigv4.Credentials, error) { return c, nil }
}
