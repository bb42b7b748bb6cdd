package sigv4_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sealfront/sigv4"
)

const (
	signedChunks  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	unsigned      = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	crcOfHello    = "NhCmhg=="
	terminated    = "The request body terminated unexpectedly"
	wrongNumber   = "You did not provide the number of bytes specified by the Content-Length HTTP header"
	malformed     = "The request contained trailing data that was not well-formed " +
		"or did not conform to our published schema."
)

// upload is an aws-chunked request that has been verified, and the means to sign its body.
type upload struct {
	options sigv4.ChunkOptions
	signer  sigv4.ChunkSigner
}

func newUpload(tb testing.TB, mode string, length int, headers ...string) *upload {
	tb.Helper()
	v := testVerifier()
	m := signed(tb, "PUT", "/key", append(headers, "x-amz-content-sha256: "+mode,
		fmt.Sprint("x-amz-decoded-content-length: ", length))...)
	a, err := verify(v, m, exampleSecret, "s3")
	if err != nil {
		tb.Fatal(err)
	}
	u := new(upload)
	if u.options, err = v.ChunkOptions(m, a); err != nil {
		tb.Fatal(err)
	}
	sigv4.NewSigner("us-west-2", "s3").Chunks(&u.signer, []byte(field(m, "authorization")),
		&sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}, now)
	return u
}

// frame makes the body of chunks; the empty last one and the end are added.
func (u *upload) frame(trailer string, chunks ...string) string {
	var b []byte
	if u.options.Payload == sigv4.PayloadUnsignedTrailer {
		for _, chunk := range chunks {
			b = fmt.Appendf(b, "%x\r\n%s\r\n", len(chunk), chunk)
		}
		b = append(b, "0\r\n"...)
		if trailer != "" {
			b = append(b, trailer+"\r\n"...)
		}
		return string(b) + "\r\n"
	}
	for _, chunk := range chunks {
		b = append(u.signer.AppendHead(b, []byte(chunk)), chunk...)
	}
	b = u.signer.AppendHead(b, nil)
	if name, value, ok := strings.Cut(trailer, ":"); ok {
		return string(u.signer.AppendEnd(b, sigv4.Field{Name: []byte(name), Value: []byte(value)}))
	}
	return string(u.signer.AppendEnd(b))
}

func (u *upload) read(r io.Reader) ([]byte, *sigv4.ChunkReader, error) {
	c := new(sigv4.ChunkReader)
	c.Reset(r, u.options)
	b, err := io.ReadAll(c)
	return b, c, err
}

// A trailing checksum of each algorithm is base64 of its length, or it is refused as a value. (The last three bytes are
// whoever's who decodes it.)
func TestTrailersOfEveryAlgorithm(t *testing.T) {
	for name, size := range map[string]int{
		"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32, "sha512": 64, "md5": 16, "xxhash64": 8,
		"xxhash3": 8, "xxhash128": 16,
	} {
		name = "x-amz-checksum-" + name
		for length := range 100 {
			value := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, length))
			u := newUpload(t, unsigned, 5, "x-amz-trailer: "+name)
			_, c, err := u.read(strings.NewReader(u.frame(name+":"+value, "hello")))
			if (length+2)/3 != (size+2)/3 {
				checkError(t, err, "InvalidRequest", "Value for "+name+" trailing header is invalid.", nil)
			} else if err != nil || string(c.Trailer()[0].Value) != value {
				t.Errorf("%s of %d bytes: %v", name, length, err)
			}
		}
	}
}

func TestChunkMismatchShowsItsStringToSign(t *testing.T) {
	u := newUpload(t, signedChunks, 5)
	_, _, err := u.read(strings.NewReader(strings.Replace(u.frame("", "hello"), "hello", "hallo", 1)))
	if s := element(err, "StringToSign"); !strings.HasPrefix(
		s, "AWS4-HMAC-SHA256-PAYLOAD\n20261123T070000Z\n20261123/us-west-2/s3/aws4_request\n") ||
		!strings.HasSuffix(s, "\n"+emptyHash+"\n"+hexOf(sha256Of([]byte("hallo")))) {
		t.Errorf("string to sign %q", s)
	}
	if s := element(err, "CanonicalRequest"); !strings.HasPrefix(s, "PUT\n/key\n") {
		t.Errorf("canonical request of the seed %q", s)
	}
	u = newUpload(t, signedTrailer, 5, "x-amz-trailer: x-amz-checksum-crc32")
	_, _, err = u.read(strings.NewReader(
		strings.Replace(u.frame("x-amz-checksum-crc32:"+crcOfHello, "hello"), crcOfHello, "AAAAAA==", 1)))
	if s := element(err, "StringToSign"); !strings.HasPrefix(
		s, "AWS4-HMAC-SHA256-TRAILER\n20261123T070000Z\n20261123/us-west-2/s3/aws4_request\n") {
		t.Errorf("string to sign %q", s)
	}
}

func TestABadChunkStopsReadingAtOnce(t *testing.T) {
	chunk := strings.Repeat("x", 64<<10)
	u := newUpload(t, signedChunks, 4*len(chunk))
	body := []byte(u.frame("", chunk, chunk, chunk, chunk))
	body[len(chunk)+200]++ // in the second chunk
	source := bytes.NewReader(body)
	got, _, err := u.read(source)
	if code(err) != "SignatureDoesNotMatch" {
		t.Fatal(err)
	}
	if read := len(body) - source.Len(); read > 2*(len(chunk)+100)+1024 {
		t.Errorf("read %d bytes of %d", read, len(body))
	}
	if len(got) >= 2*len(chunk) {
		t.Errorf("delivered %d bytes, the whole bad chunk among them", len(got))
	}
}

func TestWhatComesOutBeforeAFailureIsATruePrefix(t *testing.T) {
	chunk := strings.Repeat("0123456789abcdef", 600)
	u := newUpload(t, signedTrailer, 2*len(chunk), "x-amz-trailer: x-amz-checksum-crc32")
	body := u.frame("x-amz-checksum-crc32:"+crcOfHello, chunk, chunk)
	for cut := 0; cut < len(body)-2; cut += 7 { // the last line end may be missing
		got, _, err := u.read(strings.NewReader(body[:cut]))
		if code(err) != "IncompleteBody" || !strings.HasPrefix(chunk+chunk, string(got)) {
			t.Fatalf("cut at %d: %d bytes, %v", cut, len(got), err)
		}
	}
}

func TestErrorsOfTheReaderBeneathPassThrough(t *testing.T) {
	broken := errors.New("broken")
	u := newUpload(t, unsigned, 5)
	for _, body := range []string{"", "5", "5\r\n", "5\r\nhe", "5\r\nhello\r\n0\r\n"} {
		_, _, err := u.read(io.MultiReader(strings.NewReader(body), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) || code(err) != "?" {
			t.Errorf("after %q: %v", body, err)
		}
	}
	if _, _, err := u.read(idle{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that never delivers: %v", err)
	}
	if _, _, err := u.read(iotest.ErrReader(io.ErrUnexpectedEOF)); code(err) != "IncompleteBody" {
		t.Errorf("a body that ended early: %v", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestChunkReaderIsReusable(t *testing.T) {
	var c sigv4.ChunkReader
	for range 3 {
		for _, mode := range []string{unsigned, signedChunks, signedTrailer} {
			for _, flaw := range []bool{true, false} {
				trailer, announce := "x-amz-checksum-crc32:"+crcOfHello, "x-amz-trailer: x-amz-checksum-crc32"
				if mode == signedChunks {
					trailer, announce = "", ""
				}
				u := newUpload(t, mode, 5, announce)
				body := u.frame(trailer, "hello")
				if flaw {
					body = body[:len(body)/2]
				}
				c.Reset(strings.NewReader(body), u.options)
				got, err := io.ReadAll(&c)
				if flaw == (err == nil) || err == nil && string(got) != "hello" {
					t.Errorf("%s, flaw %t: %q, %v", mode, flaw, got, err)
				}
			}
		}
	}
}

func TestChunkReaderOfAPlainPayload(t *testing.T) {
	v := testVerifier()
	m := signed(t, "PUT", "/key")
	a, err := verify(v, m, exampleSecret, "s3")
	if err != nil {
		t.Fatal(err)
	}
	o, err := v.ChunkOptions(m, a)
	if err != nil || o.Payload.Chunked() {
		t.Fatalf("%v, %s", err, o.Payload)
	}
	var c sigv4.ChunkReader
	c.Reset(strings.NewReader("hello"), o)
	if _, err := c.Read(make([]byte, 5)); err == nil {
		t.Error("read a plain body by chunks")
	}
}
