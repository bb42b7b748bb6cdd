package memstore

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"io"

	"sealfront/policy/xmldoc"
	"sealfront/sigv4"
)

// readBody reads the request's body, and checks all that is announced about it. Nothing of a body that fails is kept.
func (x *exchange) readBody(limit int64) (*body, error) {
	o, err := x.store.verifier.ChunkOptions(&x.message, &x.auth)
	if err != nil {
		return nil, err
	}
	length := int64(x.ctx.Request.Header.ContentLength())
	if length < 0 {
		return nil, refuse("MissingContentLength")
	}
	sum, err := x.announcedMD5()
	if err != nil {
		return nil, err
	}
	chunked := x.auth.Payload.Chunked()
	if chunked {
		length = o.DecodedLength
	}
	if length > limit {
		return nil, refuse("EntityTooLarge")
	}
	r := x.ctx.RequestBodyStream()
	if r == nil {
		r = bytes.NewReader(nil)
	}
	if chunked {
		x.chunks.Reset(r, o)
		r = &x.chunks
	}
	b, err := x.store.memory.receive(r, length)
	if err != nil {
		return nil, err
	}
	if err = x.checkBody(b, sum); err == nil && chunked {
		_, err = io.ReadFull(r, make([]byte, 1))
		if err == io.EOF { //nolint:errorlint // io.Reader's contract is a plain io.EOF
			err = nil
		} else if err == nil {
			err = refuse("IncompleteBody")
		}
	}
	if err != nil {
		b.release()
		return nil, err
	}
	return b, nil
}

// announcedMD5 is the value of Content-MD5, nil if there is none.
func (x *exchange) announcedMD5() ([]byte, error) {
	value := x.header("content-md5")
	if value == "" {
		return nil, nil
	}
	sum, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(sum) != md5.Size {
		return nil, refuse("InvalidDigest")
	}
	return sum, nil
}

// checkBody compares a body with the hashes that were announced.
func (x *exchange) checkBody(b *body, sum []byte) error {
	digest := func(h hash.Hash) []byte {
		for _, p := range b.pieces {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	if sum != nil && !bytes.Equal(digest(md5.New()), sum) {
		return refuse("BadDigest")
	}
	if x.auth.Payload == sigv4.PayloadHash {
		return x.auth.CheckPayload((*[sha256.Size]byte)(digest(sha256.New())))
	}
	return nil
}

// maxDocument bounds XML that is sent.
const maxDocument = 4 << 20

// readDocument reads the request's body as XML.
func (x *exchange) readDocument(into any) error {
	b, err := x.readBody(maxDocument)
	if err != nil {
		if err == refuse("EntityTooLarge") { //nolint:errorlint // made by readBody itself
			return refuse("MaxMessageLengthExceeded")
		}
		return err
	}
	r := b.read(0, b.size)
	defer func() { _ = r.Close() }()
	if xmldoc.NewDecoder(r).Decode(into) != nil {
		return refuse("MalformedXML")
	}
	return nil
}
