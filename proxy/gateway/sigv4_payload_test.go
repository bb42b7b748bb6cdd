package gateway_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

const (
	signedChunks  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
)

// chunked is an upload in signed chunks.
type chunkedUpload struct {
	proxytest.Request
	chunks   []string
	trailer  string              // value of x-amz-checksum-crc32; empty: the mode without trailers
	decoded  int                 // x-amz-decoded-content-length when it is not the length of chunks
	alter    func([]byte) []byte // what is changed in the body after it was signed
	transfer bool                // in chunked transfer coding, without Content-Length
}

// bytes returns head and body.
func chunkedBytes(p *proxytest.Program, u *chunkedUpload) (host string, head, body []byte) {
	p.T.Helper()
	r := u.Request
	r.Method, r.Time, r.Hash = "PUT", time.Now(), signedChunks
	decoded := len(strings.Join(u.chunks, ""))
	if u.decoded != 0 {
		decoded = u.decoded
	}
	r.Header = append(r.Header[:len(r.Header):len(r.Header)],
		proxytest.Field("X-Amz-Decoded-Content-Length", fmt.Sprint(decoded)))
	var trailer []sigv4.Field
	if u.trailer != "" {
		r.Hash = signedTrailer
		r.Header = append(r.Header, proxytest.Field("X-Amz-Trailer", "x-amz-checksum-crc32"))
		trailer = append(trailer, proxytest.Field("x-amz-checksum-crc32", u.trailer))
	}
	c := r.Credentials
	if c == nil {
		c = p.Credentials()
	}
	service := r.Service
	if service == "" {
		service = "s3"
	}
	encode := func(authorization []byte) []byte {
		var signer sigv4.ChunkSigner
		sigv4.NewSigner(p.Env["AWS_REGION"], service).Chunks(&signer, authorization, c, r.Time)
		var b []byte
		for _, chunk := range u.chunks {
			b = append(signer.AppendHead(b, []byte(chunk)), chunk...)
		}
		b = signer.AppendEnd(signer.AppendHead(b, nil), trailer...)
		if u.alter != nil {
			b = u.alter(b)
		}
		return b
	}
	r.Chunked = u.transfer
	r.Declared = len(encode(bytes.Repeat([]byte{'0'}, 64)))
	host, head = p.Head(&r)
	_, authorization, _ := bytes.Cut(head, []byte("Authorization: "))
	authorization, _, _ = bytes.Cut(authorization, []byte("\r\n"))
	body = encode(authorization)
	if u.transfer {
		body = fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	return host, head, body
}

func uploadChunked(p *proxytest.Program, u *chunkedUpload) *proxytest.Answer {
	p.T.Helper()
	host, head, body := chunkedBytes(p, u)
	c := p.Dial(&u.Request, host)
	if _, err := c.Write(append(head, body...)); err != nil {
		p.T.Logf("write: %v", err)
	}
	return p.Read(c, "PUT")
}

func crcOf(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	return base64.StdEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// split cuts a body into chunks.
func split(body string, size int) (chunks []string) {
	for len(body) > size {
		chunks = append(chunks, body[:size])
		body = body[size:]
	}
	if body != "" {
		chunks = append(chunks, body)
	}
	return chunks
}

func TestSignedChunksAreTakenInEveryForm(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	session := p.Session(bucket)
	for _, n := range []int{0, 1, 8192, 65536, 262144, 262145, 1 << 20} {
		body := string(proxytest.RandomBytes(n))
		for name, u := range map[string]*chunkedUpload{
			"chunks of 8 KiB": {chunks: split(body, 8192)},
			"chunks of 64 KiB with content-encoding": {
				chunks:  split(body, 65536),
				Request: proxytest.Request{Header: []sigv4.Field{proxytest.Field("Content-Encoding", "aws-chunked")}},
			},
			"one chunk": {chunks: split(body, 16<<20)},
			"a trailer": {chunks: split(body, 65536), trailer: crcOf(body)},
			"a trailer and content-encoding, with a codec": {
				chunks: split(body, 10000), trailer: crcOf(body),
				Request: proxytest.Request{Header: []sigv4.Field{proxytest.Field("Content-Encoding",
					"aws-chunked,gzip")}},
			},
			"chunked transfer coding": {chunks: split(body, 65536), transfer: true},
			"chunked transfer coding and a trailer": {
				chunks: split(body, 65536), trailer: crcOf(body),
				transfer: true,
			},
			"a session": {
				chunks: split(body, 65536), trailer: crcOf(body),
				Request: proxytest.Request{Credentials: session, Service: "s3express"},
			},
			"metadata": {
				chunks:  split(body, 65536),
				Request: proxytest.Request{Header: []sigv4.Field{proxytest.Field("x-amz-meta-a", "b")}},
			},
		} {
			u.Path = "/" + bucket + "/" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "")
			if a := uploadChunked(p, u); a.StatusCode != 200 {
				t.Errorf("%d bytes, %s: %d %s", n, name, a.StatusCode, a.Text)
				continue
			}
			got := p.Do(&proxytest.Request{Method: "GET", Path: u.Path})
			encoding := ""
			if strings.Contains(name, "codec") {
				encoding = "gzip"
			}
			if got.Text != body || got.Header.Get("Content-Encoding") != encoding {
				t.Errorf("%d bytes, %s: %d bytes, Content-Encoding %q", n, name, len(got.Text),
					got.Header.Get("Content-Encoding"))
			}
		}
	}
}

func TestSignedChunksThatAreRefusedStoreNothing(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	flip := func(mark string, nth, offset int) func([]byte) []byte {
		return func(b []byte) []byte {
			b = bytes.Clone(b)
			at := 0
			for range nth {
				at += bytes.Index(b[at:], []byte(mark)) + len(mark)
			}
			c := &b[at+offset]
			*c = map[bool]byte{true: '1', false: '0'}[*c == '0']
			return b
		}
	}
	const signature = "chunk-signature="
	for _, n := range []int{20_000, 600_000} {
		body := string(proxytest.RandomBytes(n))
		chunks := split(body, 8192)
		for name, row := range map[string]struct {
			u      *chunkedUpload
			status int
			code   string
		}{
			"first chunk's signature": {
				&chunkedUpload{chunks: chunks, alter: flip(signature, 1, 5)}, 403,
				"SignatureDoesNotMatch",
			},
			"second chunk's signature": {
				&chunkedUpload{chunks: chunks, alter: flip(signature, 2, 63)}, 403,
				"SignatureDoesNotMatch",
			},
			"last chunk's signature": {
				&chunkedUpload{chunks: chunks, alter: flip("\r\n0;"+signature, 1, 0)},
				403, "SignatureDoesNotMatch",
			},
			"a chunk's data": {
				&chunkedUpload{chunks: chunks, alter: flip(signature, 2, 64+2+100)}, 403,
				"SignatureDoesNotMatch",
			},
			"trailer's signature": {&chunkedUpload{
				chunks: chunks, trailer: crcOf(body),
				alter: flip("x-amz-trailer-signature:", 1, 0),
			}, 403, "SignatureDoesNotMatch"},
			"trailer's value": {&chunkedUpload{chunks: chunks, trailer: "AAAAAA=="}, 400, "BadDigest"},
			"trailer's value, not signed": {&chunkedUpload{
				chunks: chunks, trailer: crcOf(body),
				alter: flip("crc32:", 1, 0),
			}, 403, "SignatureDoesNotMatch"},
			"no trailer signature": {&chunkedUpload{
				chunks: chunks, trailer: crcOf(body),
				alter: cutFrom("x-amz-trailer-signature"),
			}, 400, "IncompleteBody"},
			"no last chunk": {
				&chunkedUpload{chunks: chunks, alter: cutFrom("\r\n0;chunk")}, 400,
				"IncompleteBody",
			},
			"small chunks in the midst":  {&chunkedUpload{chunks: split(body, 8191)}, 403, "InvalidChunkSizeError"},
			"a decoded length too small": {&chunkedUpload{chunks: chunks, decoded: n - 1}, 400, "IncompleteBody"},
			"a decoded length too great": {&chunkedUpload{chunks: chunks, decoded: n + 1}, 400, "IncompleteBody"},
			"a negative size": {&chunkedUpload{
				chunks: chunks,
				alter:  func(b []byte) []byte { return append([]byte("-"), b...) },
			}, 400, "IncompleteBody"},
			"a huge size": {&chunkedUpload{
				chunks: chunks,
				alter:  func(b []byte) []byte { return append([]byte("7fffffffffff"), b...) },
			}, 400, "IncompleteBody"},
			"a size that is no number": {&chunkedUpload{
				chunks: chunks,
				alter:  func(b []byte) []byte { return append([]byte("zz"), b...) },
			}, 400, "IncompleteBody"},
			"another chunk in front": {&chunkedUpload{
				chunks: chunks,
				alter: func(b []byte) []byte {
					return append(bytes.Clone(b[:8192+4+len(";chunk-signature=")+64+4]),
						b...)
				},
			}, 403, "SignatureDoesNotMatch"},
			"a checksum header that is not": {
				&chunkedUpload{
					chunks:  chunks,
					Request: proxytest.Request{Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Crc32", "AAAAAA==")}},
				},
				400, "BadDigest",
			},
		} {
			row.u.Path = fmt.Sprintf("/%s/%s-%d", bucket, strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(name),
				n)
			if a := uploadChunked(p, row.u); a.StatusCode != row.status || a.Code() != row.code {
				t.Errorf("%d bytes, %s: %d %s, want %d %s", n, name, a.StatusCode, a.Code(), row.status, row.code)
			}
			p.MustNotExist(bucket, strings.TrimPrefix(row.u.Path, "/"+bucket+"/"))
		}
	}
}

func cutFrom(mark string) func([]byte) []byte {
	return func(b []byte) []byte { return b[:bytes.Index(b, []byte(mark))] }
}

// A bad chunk in the midst of a body is refused before the rest of the body has come.
func TestABadChunkIsRefusedAtOnce(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	body := string(proxytest.RandomBytes(8 << 20))
	u := &chunkedUpload{chunks: split(body, 65536)}
	u.Path = "/" + bucket + "/object"
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: u.Path, Body: "before"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	host, head, framed := chunkedBytes(p, u)
	c := p.Dial(&u.Request, host)
	framed[1<<20] ^= 1
	if _, err := c.Write(append(head, framed[:1<<20+80<<10]...)); err != nil { // the bad chunk, and not much more
		t.Fatal(err)
	}
	if a := p.Read(c, "PUT"); a.StatusCode != http.StatusForbidden || a.Code() != "SignatureDoesNotMatch" {
		t.Errorf("%d %s, want 403 SignatureDoesNotMatch; %v", a.StatusCode, a.Code(), a.Err)
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: u.Path}); a.Text != "before" {
		t.Errorf("the object that was there is now %d bytes", len(a.Text))
	}
}
