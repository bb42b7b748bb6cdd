package sigv4

import (
	"crypto/sha256"
	"strconv"
	"time"
)

// ChunkSigner frames and signs an aws-chunked body, and is the ChunkReader's twin. The caller sends what the methods
// append, each chunk's data after its head, in this order: Head and data for every chunk, Head(nil), and End. All
// chunks but the last before Head(nil) must have at least 8,192 bytes. One goroutine at a time.
type ChunkSigner struct {
	key          *signingKey
	stringToSign []byte
	previous     int // offset of the previous signature
	timestamp    []byte
	scope        []byte
	begun        bool
}

// Chunks prepares z for the body of a request whose Authorization header is authorization, as AppendAuthorization
// made it with the same credentials and time.
func (s *Signer) Chunks(z *ChunkSigner, authorization []byte, c *Credentials, t time.Time) {
	g, key := s.begin(c, t)
	defer s.end(g)
	z.key, z.begun = key, false
	z.timestamp = append(z.timestamp[:0], g.stamp.timestamp[:]...)
	z.scope = append(z.scope[:0], g.stamp.scope...)
	h := append(z.stringToSign[:0], "AWS4-HMAC-SHA256-PAYLOAD\n"...)
	h = append(append(h, g.stamp.timestamp[:]...), '\n')
	h = append(append(h, g.stamp.scope...), '\n')
	z.previous = len(h)
	h = append(append(h, authorization[len(authorization)-2*sha256.Size:]...), '\n')
	h = append(append(h, emptyHash...), '\n')
	z.stringToSign = append(h, emptyHash...)
}

// AppendHead appends what goes before a chunk's data: the line end of the chunk before it, size and signature.
func (z *ChunkSigner) AppendHead(dst, data []byte) []byte {
	sum := sha256.Sum256(data)
	s := z.stringToSign
	appendHex(s[:len(s)-2*sha256.Size], &sum)
	if z.begun {
		dst = append(dst, "\r\n"...)
	}
	z.begun = true
	dst = strconv.AppendInt(dst, int64(len(data)), 16)
	dst = append(dst, ";chunk-signature="...)
	at := len(dst)
	dst = z.key.sign(dst, s)
	copy(s[z.previous:], dst[at:])
	return append(dst, "\r\n"...)
}

// AppendEnd appends what follows the head of the last, empty chunk. A trailer, name in lower case, is signed; it is
// for the payload STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, which needs one.
func (z *ChunkSigner) AppendEnd(dst []byte, trailer ...Field) []byte {
	if len(trailer) == 0 {
		return append(dst, "\r\n"...)
	}
	var canonical []byte
	for _, f := range trailer {
		canonical = append(append(canonical, f.Name...), ':')
		canonical = append(append(canonical, f.Value...), '\n')
		dst = append(append(dst, f.Name...), ':')
		dst = append(append(dst, f.Value...), "\r\n"...)
	}
	sum := sha256.Sum256(canonical)
	s := append([]byte(nil), "AWS4-HMAC-SHA256-TRAILER\n"...)
	s = append(append(s, z.timestamp...), '\n')
	s = append(append(s, z.scope...), '\n')
	s = append(append(s, z.stringToSign[z.previous:z.previous+2*sha256.Size]...), '\n')
	s = appendHex(s, &sum)
	dst = append(dst, "x-amz-trailer-signature:"...)
	dst = z.key.sign(dst, s)
	return append(dst, "\r\n\r\n"...)
}

// EncodedLength returns the Content-Length of a signed aws-chunked body of decoded bytes in chunks of the given size
// and without trailer.
func EncodedLength(decoded, chunk int64) int64 {
	const lineAndEnd = int64(len(";chunk-signature=") + 2*sha256.Size + 2 + 2)
	full, rest := decoded/chunk, decoded%chunk
	n := full * (hexDigits(chunk) + lineAndEnd + chunk)
	if rest > 0 {
		n += hexDigits(rest) + lineAndEnd + rest
	}
	return n + hexDigits(0) + lineAndEnd
}

func hexDigits(n int64) int64 {
	digits := int64(1)
	for n >>= 4; n > 0; n >>= 4 {
		digits++
	}
	return digits
}
