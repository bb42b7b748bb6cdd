package gateway

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"sync"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/sigv4"
)

// A plainBody reads the body that a client sends: framing removed, counted, and compared at its end with
// everything that the request says about it. Nothing of an upload may become visible before Finish has succeeded.
type plainBody struct {
	x        *exchange
	source   io.Reader
	chunks   *sigv4.ChunkReader // nil unless framed
	framed   bool
	length   int64 // as declared
	read     int64
	check    *integrity
	one      [1]byte // one byte past the end
	document bool    // it is a document, whose memory is charged as it is read
}

// newBody prepares to read the request's body, whose plaintext may have at most limit bytes. There is one a request,
// and it ends with its handler.
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
			return nil, s3.MissingContentLength()
		}
		b.length = int64(n)
	}
	if b.length > limit {
		return nil,
			s3.EntityTooLarge("ProposedSize", strconv.FormatInt(b.length, 10), "MaxSizeAllowed", strconv.FormatInt(limit, 10))
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
			return nil,
				s3.Refuse("MaxMessageLengthExceeded", "Your request was too big.", "MaxMessageLengthBytes",
					strconv.FormatInt(limit, 10))
		}
		return nil, err
	}
	b.document = true
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

// A body is what the client sends after the request head.
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

// end drops borrowed memory.
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
	if b.document {
		if err := b.x.chargeMemory(int64(len(p)) * documentCost); err != nil {
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

// bodyError distinguishes a client's error from a broken connection. fasthttp's stream ends with a plain EOF when the
// client disconnects (S7), as it does for a body that is too short.
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

// An integrity check compares a body with everything that its request says about it.
type integrity struct {
	kind      *s3.ChecksumKind // the checksum that the request announces, otherwise CRC64NVME
	announced bool             // the request announced one
	want      []byte           // its announced value, nil when nothing was announced or it comes in the trailer
	trailer   string           // name of the trailer that announces it, or ""
	hash      hash.Hash

	own     *s3.ChecksumKind // the checksum that check returns when it isn't kind: that of the upload a part belongs to
	ownHash hash.Hash

	sha256  hash.Hash // of x-amz-content-sha256; nil when it isn't one, the same hash as above where possible
	md5     hash.Hash // of Content-MD5; nil when absent, the same hash as above where possible
	wantMD5 []byte

	sum    [64]byte
	hashes [len(s3.ChecksumKinds)]hash.Hash // made so far, by kind; used again
}

// hashOf is the hash of a kind, ready for a body.
func (c *integrity) hashOf(kind *s3.ChecksumKind) hash.Hash {
	at := &c.hashes[kind.Algorithm-1]
	if *at == nil {
		*at = kind.Make()
	} else {
		(*at).Reset()
	}
	return *at
}

// newIntegrity reads what the request announces about its body, section 6.1 of the behaviour reference. trailer is the
// announced trailing checksum; hashed reports that x-amz-content-sha256 is a hash.
func (x *exchange) newIntegrity(trailer string, hashed bool) (*integrity, error) {
	c := &x.scratch.integrity
	*c = integrity{trailer: trailer, hashes: c.hashes}
	var malformed error
	var buf s3.NameBuffer
	for i := range x.grant.Header.Fields {
		f := &x.grant.Header.Fields[i]
		if !maybeChecksum(f.Name) {
			continue
		}
		name := s3.LowerName(f.Name, &buf)
		if !strings.HasPrefix(name, s3.ChecksumPrefix) || name == "x-amz-checksum-mode" ||
			name == "x-amz-checksum-algorithm" || name == "x-amz-checksum-type" {
			continue
		}
		kind := s3.ChecksumByHeader(name)
		switch {
		case kind == nil:
			return nil, s3.Refuse("InvalidRequest", "The algorithm type you specified in x-amz-checksum- header is invalid.")
		case trailer != "":
			return nil, s3.Refuse("InvalidRequest", "Expecting a single x-amz-checksum- header")
		case c.kind != nil:
			return nil,
				s3.Refuse("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		c.kind = kind
		value := s3.View(f.Value)
		if x.Operation == policy.CompleteMultipartUpload { // a composite one says of how many parts
			var parts string
			var composite bool
			if value, parts, composite = strings.Cut(value, "-"); composite && !s3.IsPartCount(parts) {
				value = ""
			}
		}
		var err error
		if c.want, err = s3.DecodeChecksum(kind, value); err != nil {
			malformed = s3.Refuse("InvalidRequest", "Value for "+kind.Header+" header is invalid.")
		}
	}
	if malformed != nil {
		return nil, malformed
	}
	if trailer != "" {
		c.kind = s3.ChecksumByHeader(trailer)
	}
	if named := x.grant.Value("x-amz-sdk-checksum-algorithm"); named != "" {
		switch {
		case c.kind == nil:
			return nil,
				s3.Refuse("InvalidRequest",
					"x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were "+
						"found.")
		case !strings.EqualFold(named, c.kind.Name):
			return nil, s3.Refuse("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
	}
	if sent, ok := x.grant.Field("content-md5"); ok {
		sum, err := base64.StdEncoding.Strict().DecodeString(string(sent))
		if err != nil || len(sum) != md5.Size {
			return nil, s3.Refuse("InvalidDigest", "The Content-MD5 you specified was invalid.", "Content-MD5", string(sent))
		}
		c.wantMD5 = sum
	}
	if c.announced = c.kind != nil; !c.announced {
		c.kind = s3.ChecksumOf(crypto.CRC64NVME) // U-28: S3 adds one, too
	}
	c.hash = c.hashOf(c.kind)
	if c.wantMD5 != nil {
		c.md5 = c.hashOf(s3.ChecksumOf(crypto.MD5)) // which is c.hash if that is the kind
	}
	if hashed {
		c.sha256 = sha256.New()
		if c.kind.Algorithm == crypto.SHA256 {
			c.sha256 = c.hash
		}
	}
	return c, nil
}

// Write takes the next bytes of the body.
func (c *integrity) Write(p []byte) {
	c.hash.Write(p)
	if c.sha256 != nil && c.sha256 != c.hash {
		c.sha256.Write(p)
	}
	if c.md5 != nil && c.md5 != c.hash {
		c.md5.Write(p)
	}
	if c.ownHash != nil && c.ownHash != c.md5 {
		c.ownHash.Write(p)
	}
}

// returnChecksum makes check return a checksum of this kind, whatever the client announced.
func (c *integrity) returnChecksum(kind *s3.ChecksumKind) {
	if kind != c.kind {
		c.own, c.ownHash = kind, c.hashOf(kind)
	}
}

// check compares everything at the body's end. trailing is the value of the announced trailer. The order is S3's:
// x-amz-content-sha256, Content-MD5, checksum.
func (c *integrity) check(auth *sigv4.Authentication, trailing string) (*crypto.Checksum, error) {
	if c.sha256 != nil {
		var sum [sha256.Size]byte
		c.sha256.Sum(sum[:0])
		if err := auth.CheckPayload(&sum); err != nil {
			return nil, err
		}
	}
	if c.md5 != nil {
		if sum := c.md5.Sum(c.sum[:0]); string(sum) != string(c.wantMD5) {
			return nil, s3.Refuse("BadDigest", "The Content-MD5 you specified did not match what we received.",
				"ExpectedDigest", base64.StdEncoding.EncodeToString(c.wantMD5), "CalculatedDigest",
				base64.StdEncoding.EncodeToString(sum))
		}
	}
	want := c.want
	if c.trailer != "" {
		var err error
		if want, err = s3.DecodeChecksum(c.kind, trailing); err != nil {
			return nil, s3.Refuse("InvalidRequest", "Value for "+c.kind.Header+" trailing header is invalid.")
		}
	}
	sum := c.hash.Sum(c.sum[:0])
	if want != nil && string(want) != string(sum) {
		return nil, s3.Refuse("BadDigest", "The "+c.kind.Name+" you specified did not match the calculated checksum.")
	}
	kind := c.kind
	if c.own != nil {
		kind, sum = c.own, c.ownHash.Sum(c.sum[:0])
	}
	return s3.NewChecksum(kind, sum), nil
}
