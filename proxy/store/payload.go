package store

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"time"

	"sealfront/sigv4"
)

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
