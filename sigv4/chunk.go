package sigv4

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"hash"
	"io"
	"strconv"
)

// minChunk is the least size of a signed chunk that isn't the last.
const minChunk = 8192

// ChunkReader decodes an aws-chunked body and checks it. The zero value is to be Reset. One goroutine at a time.
//
// Read delivers the bytes of a chunk before the chunk's signature is known to be right, and io.EOF only when all is:
// every chunk's signature, the decoded length, the trailers and their signature. Whoever reads must hold back the
// effect of the body until io.EOF. Any other error is final and repeated; those that are the client's are *Error, the
// others come from the reader beneath.
//
// Bytes that follow the body's final empty line are left unread or ignored.
type ChunkReader struct {
	lines lineReader
	o     ChunkOptions
	err   error

	state     chunkState
	remaining int64 // bytes of the current chunk still to come
	decoded   int64 // bytes delivered
	size      int64 // of the current chunk
	chunks    int64 // begun, the last one included

	digest       hash.Hash // of the current chunk
	stringToSign []byte    // of the current chunk; only its last lines change
	previous     int       // offset of the previous signature in it
	signature    [64]byte  // of the current chunk, as sent, cut off if it is longer
	signatureLen int       // length as sent, 64 if it can be right
	sum          [sha256.Size]byte
	computed     []byte

	trailer     [maxTrailerText]byte // memory of fields
	trailerUsed int
	fields      []Field

	hasTrailer          bool     // whether x-amz-trailer-signature was sent
	sentTrailer         [64]byte // its value, cut off if it is longer
	sentTrailerLen      int      // length as sent, 64 if it can be right
	trailerStringToSign []byte
}

type chunkState uint8

const (
	atHeader chunkState = iota // a size line is next
	inData
	afterData // the line end of a chunk's data is next
)

// Reset prepares c to decode what r delivers. r and what o refers to are kept until the next Reset.
func (c *ChunkReader) Reset(r io.Reader, o ChunkOptions) {
	c.lines.r, c.lines.start, c.lines.end = r, 0, 0
	c.o, c.err = o, nil
	c.state, c.remaining, c.decoded, c.size, c.chunks = atHeader, 0, 0, 0, 0
	c.fields, c.trailerUsed, c.hasTrailer = c.fields[:0], 0, false
	if !o.Payload.Chunked() {
		c.err = fmt.Errorf("sigv4: payload %s is not aws-chunked", o.Payload)
		return
	}
	if !c.signed() {
		return
	}
	if c.digest == nil {
		c.digest = sha256.New()
	}
	s := append(c.stringToSign[:0], "AWS4-HMAC-SHA256-PAYLOAD\n"...)
	s = append(s, o.a.timestamp[:]...)
	s = append(s, '\n')
	s = append(s, o.a.Scope...)
	s = append(s, '\n')
	c.previous = len(s)
	s = append(s, o.a.computed...) // the seed
	s = append(s, '\n')
	s = append(s, emptyHash...)
	s = append(s, '\n')
	s = append(s, emptyHash...) // the place of the chunk's hash
	c.stringToSign = s
}

func (c *ChunkReader) signed() bool { return c.o.Payload != PayloadUnsignedTrailer }

// Trailer returns the trailing headers, names in lower case, once Read has returned io.EOF: none, or the announced
// one. It is good until the next Reset.
func (c *ChunkReader) Trailer() []Field {
	if c.err != io.EOF {
		return nil
	}
	return c.fields
}

// Read delivers decoded bytes. Reads as large as the rest of a chunk go into p without passing through a buffer.
func (c *ChunkReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.read(p)
	if err != nil {
		c.err = err
		return 0, err
	}
	return n, nil
}

func (c *ChunkReader) read(p []byte) (int, error) {
	for {
		switch c.state {
		case atHeader:
			last, err := c.readHeader()
			if err != nil {
				return 0, err
			}
			if last {
				if err := c.readTrailer(); err != nil {
					return 0, err
				}
				return 0, io.EOF
			}
			c.state = inData
		case inData:
			return c.readData(p)
		case afterData:
			line, err := c.lines.readLine()
			if err != nil {
				return 0, err
			}
			if len(line) != 0 {
				return 0, incompleteBody()
			}
			c.state = atHeader
		}
	}
}

// readData moves data of the current chunk into p. With the chunk's last byte it checks the chunk's signature, and
// delivers nothing of this read if that is wrong.
func (c *ChunkReader) readData(p []byte) (int, error) {
	if int64(len(p)) > c.remaining {
		p = p[:c.remaining]
	}
	var n int
	if c.lines.start < c.lines.end {
		n = copy(p, c.lines.buffer[c.lines.start:c.lines.end])
		c.lines.start += n
	} else {
		var err error
		if n, err = c.lines.fetch(p); err == io.EOF {
			return 0, incompleteBody()
		} else if err != nil {
			return 0, err
		}
	}
	if c.signed() {
		c.digest.Write(p[:n])
	}
	c.remaining -= int64(n)
	c.decoded += int64(n)
	if c.remaining == 0 {
		if err := c.checkChunk(); err != nil {
			return 0, err
		}
		c.state = afterData
	}
	return n, nil
}

// readHeader reads a chunk's size line and reports whether the chunk is the last one, of size 0.
func (c *ChunkReader) readHeader() (last bool, err error) {
	line, err := c.lines.readLine()
	if err != nil {
		return false, err
	}
	size, line, ok := cutSize(line)
	if !ok {
		return false, incompleteBody()
	}
	if c.signed() {
		if err := c.readSignature(line); err != nil {
			return false, err
		}
		if c.chunks > 0 && c.size < minChunk && size > 0 {
			return false, refuse("InvalidChunkSizeError",
				"Only the last chunk is allowed to have a size less than 8192 bytes",
				Element{"Chunk", strconv.FormatInt(c.chunks+1, 10)}, Element{
					"BadChunkSize", strconv.FormatInt(c.size, 10),
				})
		}
		c.digest.Reset()
	} else if len(line) != 0 {
		return false, incompleteBody()
	}
	if size == 0 && c.decoded < c.o.DecodedLength && c.o.unframed {
		return false, incompleteBody()
	}
	if size > c.o.DecodedLength-c.decoded || size == 0 && c.decoded < c.o.DecodedLength {
		return false, refuse("IncompleteBody", wrongNumberOfBytes,
			Element{"NumberBytesExpected", strconv.FormatInt(c.o.DecodedLength, 10)},
			Element{"NumberBytesProvided", strconv.FormatUint(uint64(c.decoded)+uint64(size), 10)})
	}
	c.chunks++
	c.size, c.remaining = size, size
	if size > 0 {
		return false, nil
	}
	return true, c.checkChunk()
}

// cutSize reads the hexadecimal size at the beginning of a line: at most 16 digits, and no more than an int64 holds.
func cutSize(line []byte) (size int64, rest []byte, ok bool) {
	i := 0
	for ; i < len(line) && unhex[line[i]] < 16; i++ {
		if i == 16 || size > 1<<59-1 {
			return 0, nil, false
		}
		size = size<<4 | int64(unhex[line[i]])
	}
	return size, line[i:], i > 0
}

// readSignature reads what follows the size in signed mode: ;chunk-signature=64hex, with white space anywhere between.
func (c *ChunkReader) readSignature(s []byte) error {
	s = trim(s)
	if len(s) == 0 || s[0] != ';' {
		return incompleteBody()
	}
	name, value := cut(s[1:], '=')
	if !bytes.Equal(trim(name), chunkSignature) {
		if !bytes.Contains(value, chunkSignature) {
			return incompleteBody()
		}
		c.signatureLen = 0 // S3 takes another extension for a wrong signature
		return nil
	}
	value = trim(value)
	if len(value) == 0 || bytes.IndexByte(value, ';') >= 0 {
		return incompleteBody()
	}
	c.signatureLen = len(value)
	copy(c.signature[:], value)
	return nil
}

var chunkSignature = []byte("chunk-signature")

// checkChunk compares the signature of the chunk whose data has now passed, and takes it as the previous one of the
// next. Source: STR, "Defining the Chunk Body".
func (c *ChunkReader) checkChunk() error {
	if !c.signed() {
		return nil
	}
	c.digest.Sum(c.sum[:0])
	s := c.stringToSign
	appendHex(s[:len(s)-2*sha256.Size], &c.sum)
	c.computed = c.o.a.key.sign(c.computed[:0], s)
	if c.signatureLen != len(c.signature) || subtle.ConstantTimeCompare(c.computed, c.signature[:]) != 1 {
		return c.mismatch(c.signature[:min(c.signatureLen, len(c.signature))], s)
	}
	copy(s[c.previous:], c.computed)
	return nil
}

func (c *ChunkReader) mismatch(signature, stringToSign []byte) error {
	if !c.o.verbose {
		return mismatch(c.o.a.AccessKeyID, signature, nil, nil)
	}
	return mismatch(c.o.a.AccessKeyID, signature, stringToSign, c.o.a.canonical.text)
}

// ChunkOptions say what a ChunkReader is to expect. Verifier.ChunkOptions makes them; the exported fields may be read
// but not usefully changed.
type ChunkOptions struct {
	Payload       Payload // one that is Chunked, otherwise there is nothing to read by chunks
	DecodedLength int64   // bytes of the body without framing, x-amz-decoded-content-length
	Trailer       string  // the announced trailer, lower case: x-amz-checksum-crc32; or empty

	a       *Authentication // seed, scope, time and key of the signed modes
	verbose bool

	// unframed: Content-Length is the decoded length, so that no framing can fit: S3 then says that the body
	// ended early.
	unframed bool
}

// ChunkOptions reads what m's header says about an aws-chunked body. It follows a successful Check, and is to be
// called for plain bodies as well, since for them a trailer must not be announced; Payload in the result is always
// a's. The result refers to a, and so to m: neither may be used for another request before the body has been read.
// Errors are *Error.
func (v *Verifier) ChunkOptions(m *Message, a *Authentication) (ChunkOptions, error) {
	if a.key == nil {
		panic("sigv4: internal error: ChunkOptions before a successful Check")
	}
	o := ChunkOptions{Payload: a.Payload, a: a, verbose: v.verbose}
	announced, n := a.header(m, trailerPlace)
	if n > 1 {
		return ChunkOptions{}, refuse("InvalidRequest", multipleChecksums)
	}
	name, algorithm, err := announcedTrailer(announced)
	if err != nil {
		return ChunkOptions{}, err
	}
	if name != "" {
		if err := checkChecksumHeaders(m, a, algorithm); err != nil {
			return ChunkOptions{}, err
		}
		if a.Payload != PayloadSignedChunksTrailer && a.Payload != PayloadUnsignedTrailer {
			return ChunkOptions{}, refuse("MalformedTrailerError", malformedTrailer)
		}
	}
	o.Trailer = name
	if !a.Payload.Chunked() {
		return o, nil
	}
	length, n := a.header(m, decodedLengthPlace)
	decoded, ok := parseLength(length)
	if n != 1 || !ok {
		return ChunkOptions{}, refuse("MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	o.DecodedLength = decoded
	length, n = a.header(m, contentLengthPlace)
	framed, ok := parseLength(length)
	o.unframed = n == 1 && ok && framed == decoded
	return o, nil
}

// parseLength reads a decimal number of bytes that fits an int64.
func parseLength(s []byte) (n int64, ok bool) {
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	for _, b := range s {
		if b-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, true
}

// announcedTrailer reads x-amz-trailer, which must name exactly one checksum. Commas may follow the name, but not come
// before it. A list of commas alone announces nothing.
func announcedTrailer(list []byte) (name, algorithm string, err error) {
	for list = bytes.TrimRight(list, ","); len(list) > 0; {
		element, rest := cut(list, ',')
		list = rest
		element = trim(element)
		known := false
		for i := range trailers {
			if !equalName(element, trailers[i].name) {
				continue
			}
			if name != "" {
				return "", "", refuse("InvalidRequest", multipleChecksums)
			}
			known, name, algorithm = true, trailers[i].name, trailers[i].algorithm
		}
		if !known {
			return "", "", refuse("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
		}
	}
	return name, algorithm, nil
}

// checkChecksumHeaders compares an announced trailer with the checksum headers sent with it.
func checkChecksumHeaders(m *Message, a *Authentication, algorithm string) error {
	var n int
	if l := a.layout; l != nil && len(m.Header) == l.fields {
		n = int(l.sums)
	} else {
		n = checksumHeaders(m.Header)
	}
	switch {
	case n > 1:
		return refuse("InvalidRequest", multipleChecksums)
	case n == 1:
		return refuse("InvalidRequest", "Expecting a single x-amz-checksum- header")
	}
	if value, count := a.header(m, sdkAlgorithmPlace); count > 0 && !equalName(value, algorithm) {
		return refuse("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
	}
	return nil
}

// header returns the trimmed value of the first field at a place of m and how many there are, as Message.header does.
func (a *Authentication) header(m *Message, p place) (value []byte, n int) {
	l := a.layout
	if l == nil || len(m.Header) != l.fields {
		return m.header(placeNames[p])
	}
	if i := l.places[p]; i >= 0 {
		return trim(m.Header[i].Value), 1
	}
	return nil, 0
}
