package gateway

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/sigv4"
)

// A plainBody reads the body that a client sends: framing removed, counted, and compared at its end with
// everything that the request says about it. Nothing of an upload may become visible before finish has said yes.
type plainBody struct {
	x      *exchange
	source io.Reader
	chunks *sigv4.ChunkReader // nil unless framed
	framed bool
	length int64 // as declared
	read   int64
	check  *integrity
	one    [1]byte // behind the end
	held   bool    // it is a document, which is charged as it is read
}

// newBody prepares to read the request's body, whose plaintext may have at most limit bytes. There is one a request, and it
// ends with its handler.
func (x *exchange) newBody(limit int64) (*plainBody, error) {
	b := &x.scratch.plain
	*b = plainBody{x: x, framed: x.grant.Auth.Payload.Chunked()}
	switch {
	case x.body.form != nil:
		b.length = x.body.form.size
	case b.framed:
		b.length = x.grant.Chunks.DecodedLength
	default:
		n := x.ctx.Request.Header.ContentLength()
		if n < 0 || x.grant.Bytes("content-length") == nil {
			return nil, s3.Refuse("MissingContentLength", "You must provide the Content-Length HTTP header.")
		}
		b.length = int64(n)
	}
	if b.length > limit {
		return nil, s3.Refuse("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size",
			"ProposedSize", strconv.FormatInt(b.length, 10), "MaxSizeAllowed", strconv.FormatInt(limit, 10))
	}
	var err error
	b.check, err = x.newIntegrity(x.grant.Chunks.Trailer, x.grant.Auth.Payload == sigv4.PayloadHash)
	return b, err
}

// newDocument is newBody for a document.
func (x *exchange) newDocument(limit int64) (*plainBody, error) {
	b, err := x.newBody(limit)
	if err != nil {
		var e *s3.Error
		if errors.As(err, &e) && e.Code == "EntityTooLarge" {
			return nil, s3.Refuse("MaxMessageLengthExceeded", "Your request was too big.", "MaxMessageLengthBytes", strconv.FormatInt(limit, 10))
		}
		return nil, err
	}
	b.held = true
	return b, nil
}

// Start begins to read. A request without a body has no stream.
func (b *plainBody) Start() {
	source := b.x.body.stream
	if source == nil {
		source = noBody{}
	}
	b.source = source
	if b.framed {
		b.chunks = b.x.body.chunkReader()
		b.chunks.Reset(source, b.x.grant.Chunks)
		b.source = b.chunks
	}
}

// A body is what the client sends behind the head.
type body struct {
	stream  io.Reader          // nil when there is none
	unchunk *sigv4.ChunkReader // from chunkReaders; nil when the body isn't framed
	form    *formReader        // stream is its file; nil for all but PostObject
}

// chunkReader is the body's, given back when it ends.
func (b *body) chunkReader() *sigv4.ChunkReader {
	if b.unchunk == nil {
		b.unchunk = chunkReaders.Get().(*sigv4.ChunkReader)
	}
	return b.unchunk
}

// end drops what was lent.
func (b *body) end() {
	if b.unchunk != nil {
		b.unchunk.Reset(noBody{}, sigv4.ChunkOptions{})
		chunkReaders.Put(b.unchunk)
	}
	*b = body{}
}

var chunkReaders = sync.Pool{New: func() any { return new(sigv4.ChunkReader) }}

type noBody struct{}

func (noBody) Read([]byte) (int, error) { return 0, io.EOF }

// Size is the declared length.
func (b *plainBody) Size() int64 { return b.length }

// Read delivers the body to a parser; what it returns has been counted and hashed, but is not checked before finish.
func (b *plainBody) Read(p []byte) (int, error) {
	if b.read == b.length {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), b.length-b.read))
	if err := b.Fill(p[:n]); err != nil {
		return 0, err
	}
	return n, nil
}

// Fill reads exactly the next len(p) bytes of plaintext.
func (b *plainBody) Fill(p []byte) error {
	if b.held {
		if err := b.x.hold(int64(len(p)) * documentCost); err != nil {
			return err
		}
	}
	n, err := io.ReadFull(b.source, p)
	b.read += int64(n)
	b.x.account.in += int64(n)
	if err != nil && !(n == len(p)) {
		return bodyError(err)
	}
	b.check.Write(p)
	return nil
}

// Finish reads the body's end and checks everything. It returns the object's checksum.
func (b *plainBody) Finish() (*crypto.Checksum, error) {
	if b.read != b.length {
		return nil, s3.IncompleteBody(fmt.Errorf("%d of %d bytes came", b.read, b.length))
	}
	// With framing the end holds signatures and trailers; without it fasthttp knows the length, and this
	// read only sees that there is no more.
	if b.framed || b.x.body.stream != nil {
		n, err := b.source.Read(b.one[:])
		for n == 0 && err == nil {
			n, err = b.source.Read(b.one[:])
		}
		if n > 0 {
			return nil, s3.IncompleteBody(errors.New("more bytes came than were declared"))
		}
		if !errors.Is(err, io.EOF) {
			return nil, bodyError(err)
		}
	}
	trailing := ""
	var trailer []sigv4.Field
	if b.framed {
		trailer = b.chunks.Trailer()
	}
	for _, f := range trailer {
		trailing = string(f.Value)
	}
	return b.check.check(&b.x.grant.Auth, trailing)
}

// bodyError tells a client's error from a broken connection. fasthttp's stream ends with a plain EOF when the
// client breaks off (S7): so does a body that is too short.
func bodyError(err error) error {
	var signature *sigv4.Error
	var refused *s3.Error // of a form
	if errors.As(err, &signature) || errors.As(err, &refused) {
		return err
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return s3.RequestTimeout(err)
	}
	return s3.IncompleteBody(err)
}
