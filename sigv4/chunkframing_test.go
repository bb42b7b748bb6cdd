package sigv4_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestChunkFraming(t *testing.T) {
	const crc = "x-amz-checksum-crc32:" + crcOfHello
	const announce = "x-amz-trailer: x-amz-checksum-crc32"
	replace := func(old, by string) func(string) string {
		return func(body string) string {
			if !strings.Contains(body, old) {
				panic("no " + old)
			}
			return strings.Replace(body, old, by, 1)
		}
	}
	drop := func(n int) func(string) string { return func(body string) string { return body[:len(body)-n] } }
	is := func(body string) func(string) string { return func(string) string { return body } }
	repeat := strings.Repeat("x", 15*1024)
	for _, c := range []struct {
		name     string
		mode     string
		announce string
		trailer  string
		chunks   []string
		change   func(string) string
		code     string
		message  string
		elements map[string]string
	}{
		{name: "signed chunks", mode: signedChunks, chunks: []string{"hello"}},
		{
			name: "signed chunks of ragged sizes", mode: signedChunks,
			chunks: []string{repeat, repeat[:8192], repeat[:9000], "z"},
		},
		{name: "signed chunks, no data", mode: signedChunks},
		{
			name: "signed chunks and trailer", mode: signedTrailer, announce: announce, trailer: crc,
			chunks: []string{"hello"},
		},
		{
			name: "unsigned chunks and trailer", mode: unsigned, announce: announce, trailer: crc,
			chunks: []string{"hello"},
		},
		{name: "unsigned chunks without trailer", mode: unsigned, chunks: []string{"hello"}},
		{name: "tiny unsigned chunks are tolerated", mode: unsigned, chunks: strings.Split("hello, world", "")},
		{name: "upper-case size", mode: unsigned, chunks: []string{"hello, world"}, change: replace("c\r\n", "C\r\n")},
		{name: "leading zeros", mode: unsigned, chunks: []string{"hello"}, change: replace("5\r\n", "000000005\r\n")},
		{
			name: "16 digits", mode: unsigned, chunks: []string{"hello"},
			change: replace("5\r\n", "0000000000000005\r\n"),
		},
		{
			name: "17 digits", mode: unsigned, chunks: []string{"hello"},
			change: replace("5\r\n", "00000000000000005\r\n"), code: "IncompleteBody",
		},
		{
			name: "huge size", mode: unsigned, chunks: []string{"hello"},
			change: replace("5\r\n", "ffffffffffffffff\r\n"), code: "IncompleteBody",
		},
		{
			name: "the largest size", mode: unsigned, chunks: []string{"hello"},
			change: replace("5\r\n", "7fffffffffffffff\r\n"), code: "IncompleteBody", message: wrongNumber,
		},
		{
			name: "negative size", mode: signedChunks, chunks: []string{"hello"}, change: replace("5;", "-5;"),
			code: "IncompleteBody", message: terminated,
		},
		{
			name: "size padded with a space", mode: unsigned, chunks: []string{"hello"},
			change: replace("5\r\n", " 5\r\n"), code: "IncompleteBody",
		},
		{
			name: "size that is no number", mode: unsigned, chunks: []string{"hello"},
			change: replace("5\r\n", "0x5\r\n"), code: "IncompleteBody",
		},
		{
			name: "no size", mode: unsigned, chunks: []string{"hello"}, change: replace("5\r\n", "\r\n"),
			code: "IncompleteBody",
		},
		{
			name: "an extension in unsigned mode", mode: unsigned, chunks: []string{"hello"},
			change: replace("5\r\n", "5;a=b\r\n"), code: "IncompleteBody",
		},

		{
			name: "spaces before and after the semicolon", mode: signedChunks, chunks: []string{"hello"},
			change: replace("5;", "5 ; "),
		},
		{
			name: "spaces around the equals sign and after the value", mode: signedChunks, chunks: []string{"hello"},
			change: func(body string) string {
				return strings.Replace(strings.Replace(body, "=", " = ", 1), "\r\nhello", " \r\nhello", 1)
			},
		},
		{
			name: "another extension before chunk-signature", mode: signedChunks, chunks: []string{"hello"},
			change: replace("5;", "5;extra=param;"),
			code:   "SignatureDoesNotMatch",
		},
		{
			name: "another extension after it", mode: signedChunks, chunks: []string{"hello"},
			change: replace("\r\nhello", ";extra=param\r\nhello"), code: "IncompleteBody",
		},
		{
			name: "chunk-signature missing", mode: signedChunks, chunks: []string{"hello"},
			change: is("5\r\nhello\r\n0\r\n\r\n"), code: "IncompleteBody", message: terminated,
		},
		{
			name: "chunk-signature blank", mode: signedChunks, chunks: []string{"hello"},
			change: is("5;chunk-signature=\r\nhello\r\n0;chunk-signature=\r\n\r\n"), code: "IncompleteBody",
		},
		{
			name: "only another extension", mode: signedChunks, chunks: []string{"hello"},
			change: is("5;a=b\r\nhello\r\n0;a=b\r\n\r\n"), code: "IncompleteBody",
		},
		{
			name: "chunk-signature invalid", mode: signedChunks, chunks: []string{"hello"},
			change: is("5;chunk-signature=invalid\r\nhello\r\n0;chunk-signature=invalid\r\n\r\n"),
			code:   "SignatureDoesNotMatch", elements: map[string]string{"SignatureProvided": "invalid"},
		},
		{
			name: "chunk-signature too long", mode: signedChunks, chunks: []string{"hello"},
			change: replace("\r\nhello", "0\r\nhello"), code: "SignatureDoesNotMatch",
		},
		{
			name: "data changed", mode: signedChunks, chunks: []string{"hello"}, change: replace("hello", "hellO"),
			code: "SignatureDoesNotMatch",
		},
		{
			name: "two chunks swapped", mode: signedChunks, chunks: []string{repeat[:8192], strings.Repeat("y", 8192)},
			change: func(body string) string {
				n := len("2000;chunk-signature=") + 64 + 2 + 8192 + 2
				return body[n:2*n] + body[:n] + body[2*n:]
			}, code: "SignatureDoesNotMatch",
		},
		{name: "a chunk doubled", mode: signedChunks, chunks: []string{"hello"}, change: func(body string) string {
			first, _, _ := strings.Cut(body, "0;")
			return first + body
		}, code: "InvalidChunkSizeError"},
		{
			name: "signature of the zero chunk wrong", mode: signedChunks, chunks: []string{"hello"},
			change: func(body string) string {
				i := strings.LastIndex(body, "=")
				return body[:i+1] + strings.Repeat("0", 64) + "\r\n\r\n"
			}, code: "SignatureDoesNotMatch",
		},
		{
			name: "chunks except the last below 8192 bytes", mode: signedChunks,
			chunks: []string{repeat[:1024], repeat[:4096], repeat[:3072]}, code: "InvalidChunkSizeError",
			message:  "Only the last chunk is allowed to have a size less than 8192 bytes",
			elements: map[string]string{"Chunk": "2", "BadChunkSize": "1024"},
		},
		{
			name: "a later chunk of 8191 bytes", mode: signedChunks, chunks: []string{repeat, repeat[:8191], repeat},
			code:     "InvalidChunkSizeError",
			elements: map[string]string{"Chunk": "3", "BadChunkSize": "8191"},
		},

		{
			name: "not framed at all", mode: unsigned, chunks: []string{"hello"}, change: is("hello"),
			code: "IncompleteBody", message: terminated,
		},
		{
			name: "nothing at all", mode: unsigned, chunks: []string{"hello"}, change: is(""), code: "IncompleteBody",
			message: terminated,
		},
		{
			name: "framed without CR", mode: unsigned, chunks: []string{"hello"}, change: is("5\nhello\n0\n\n"),
			code: "IncompleteBody", message: terminated,
		},
		{
			name: "framed without LF", mode: unsigned, chunks: []string{"hello"}, change: is("5\rhello\r0\r\r"),
			code: "IncompleteBody", message: terminated,
		},
		{
			name: "no line end after the data", mode: unsigned, chunks: []string{"hello"},
			change: is("5\r\nhello0\r\n\r\n"), code: "IncompleteBody", message: terminated,
		},
		{
			name: "no zero chunk", mode: unsigned, chunks: []string{"hello"}, change: is("5\r\nhello\r\n"),
			code: "IncompleteBody", message: terminated,
		},
		{
			name: "no zero chunk in signed mode", mode: signedChunks, chunks: []string{"hello"},
			change: func(body string) string {
				first, _, _ := strings.Cut(body, "0;")
				return first
			}, code: "IncompleteBody", message: terminated,
		},
		{
			name: "cut in a chunk", mode: unsigned, chunks: []string{"hello"}, change: is("5\r\nhel"),
			code: "IncompleteBody", message: terminated,
		},
		{
			name: "cut in a size line", mode: signedChunks, chunks: []string{"hello"}, change: is("5;chunk-sig"),
			code: "IncompleteBody", message: terminated,
		},
		{
			name: "a size line without end", mode: unsigned, chunks: []string{"hello"},
			change: is(strings.Repeat("0", 5000)), code: "IncompleteBody", message: terminated,
		},
		{
			name: "zero chunk too early", mode: unsigned, chunks: []string{"hell", "", "o"}, code: "IncompleteBody",
			message:  wrongNumber,
			elements: map[string]string{"NumberBytesExpected": "5", "NumberBytesProvided": "4"},
		},
		{
			name: "more bytes than announced", mode: unsigned, chunks: []string{"hello"},
			change: is("a\r\nhellohello\r\n0\r\n\r\n"), code: "IncompleteBody", message: wrongNumber,
			elements: map[string]string{"NumberBytesExpected": "5", "NumberBytesProvided": "10"},
		},
		{
			name: "one byte more than announced, in a chunk of its own", mode: unsigned, chunks: []string{"hello"},
			change: is("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), code: "IncompleteBody", message: wrongNumber,
		},
		{name: "the last empty line may be missing", mode: unsigned, chunks: []string{"hello"}, change: drop(2)},
		{
			name: "half the last empty line", mode: unsigned, chunks: []string{"hello"}, change: drop(1),
			code: "IncompleteBody",
		},
		{
			name: "the last empty line after a trailer may be missing", mode: unsigned, announce: announce,
			trailer: crc, chunks: []string{"hello"}, change: drop(2),
		},
		{
			name: "the last empty line is missing in signed mode", mode: signedChunks, chunks: []string{"hello"},
			change: drop(2), code: "IncompleteBody",
		},
		{
			name: "data after the final empty line is ignored", mode: unsigned, chunks: []string{"hello"},
			change: func(body string) string { return body + "\xff\xde\xad" },
		},
		{
			name: "data after the final empty line is ignored in signed mode", mode: signedChunks,
			chunks: []string{"hello"}, change: func(body string) string { return body + "5\r\n" },
		},

		{
			name: "trailer announced, not sent", mode: unsigned, announce: announce, chunks: []string{"hello"},
			code: "MalformedTrailerError", message: malformed,
		},
		{
			name: "trailer announced, not sent, last line missing", mode: unsigned, announce: announce,
			chunks: []string{"hello"}, change: drop(2), code: "MalformedTrailerError", message: malformed,
		},
		{
			name: "another trailer sent", mode: unsigned, announce: announce, trailer: "x-amz-checksum-crc32c:" +
				crcOfHello, chunks: []string{"hello"}, code: "MalformedTrailerError", message: malformed,
		},
		{
			name: "an additional trailer", mode: unsigned, announce: announce, trailer: crc + "\r\nbonus:trailer",
			chunks: []string{"hello"}, code: "MalformedTrailerError", message: malformed,
		},
		{
			name: "a trailer that wasn't announced", mode: unsigned, trailer: crc, chunks: []string{"hello"},
			code: "MalformedTrailerError",
		},
		{
			name: "an empty line before the trailer", mode: unsigned, announce: announce, trailer: "\r\n" + crc,
			chunks: []string{"hello"}, code: "MalformedTrailerError",
		},
		{
			name: "a trailer line without colon", mode: unsigned, announce: announce, trailer: "x-amz-checksum-crc32",
			chunks: []string{"hello"}, code: "MalformedTrailerError",
		},
		{
			name: "trailers without end", mode: unsigned, announce: announce, trailer: strings.Repeat(crc+"\r\n", 100) +
				crc, chunks: []string{"hello"}, code: "MalformedTrailerError",
		},
		{
			name: "a trailer too long", mode: unsigned, announce: announce, trailer: crc + strings.Repeat("=", 600),
			chunks: []string{"hello"}, code: "MalformedTrailerError",
		},
		{
			name: "a trailer signature in unsigned mode", mode: unsigned, announce: announce, trailer: crc +
				"\r\nx-amz-trailer-signature:" + emptyHash, chunks: []string{"hello"}, code: "MalformedTrailerError",
		},
		{
			name: "a trailer where the mode has none", mode: signedChunks, chunks: []string{"hello"},
			change: func(body string) string { return body[:len(body)-2] + crc + "\r\n\r\n" },
			code:   "MalformedTrailerError",
		},
		{
			name: "the same trailer twice, the last one counts", mode: unsigned, announce: announce,
			trailer: "x-amz-checksum-crc32:AAAAAA==\r\n" + crc, chunks: []string{"hello"},
		},
		{
			name: "name in upper case and a space before the value", mode: unsigned, announce: announce,
			trailer: "X-Amz-Checksum-CRC32: " + crcOfHello, chunks: []string{"hello"},
		},
		{
			name: "value not base64", mode: unsigned, announce: announce, trailer: "x-amz-checksum-crc32:not-base",
			chunks: []string{"hello"}, code: "InvalidRequest",
			message: "Value for x-amz-checksum-crc32 trailing header is invalid.",
		},
		{
			name: "value too short", mode: unsigned, announce: announce, trailer: "x-amz-checksum-crc32:NhCm",
			chunks: []string{"hello"}, code: "InvalidRequest",
		},
		{
			name: "value whose last bits aren't zero", mode: unsigned, announce: announce,
			trailer: "x-amz-checksum-crc32:NhCmhh==", chunks: []string{"hello"}, code: "InvalidRequest",
		},
		{
			name: "trailer line without CR", mode: unsigned, announce: announce, chunks: []string{"hello"},
			change: is("5\r\nhello\r\n0\r\n" + crc + "\n"), code: "IncompleteBody", message: terminated,
		},
		{
			name: "trailer line without LF", mode: unsigned, announce: announce, chunks: []string{"hello"},
			change: is("5\r\nhello\r\n0\r\n" + crc + "\r"), code: "IncompleteBody", message: terminated,
		},
		{
			name: "trailer line without either", mode: unsigned, announce: announce, chunks: []string{"hello"},
			change: is("5\r\nhello\r\n0\r\n" + crc), code: "IncompleteBody", message: terminated,
		},
		{
			name: "trailer line ended by LF CR LF", mode: unsigned, announce: announce, trailer: crc + "\n",
			chunks: []string{"hello"},
		},
		{
			name: "signed trailer line ended by LF CR LF", mode: signedTrailer, announce: announce, trailer: crc,
			chunks: []string{"hello"}, change: replace(crc, crc+"\n"),
		},
		{
			name: "x-amz-trailer-signature missing", mode: signedTrailer, announce: announce, chunks: []string{"hello"},
			change: func(body string) string {
				return body[:len(body)-2] + crc + "\r\n\r\n"
			}, code: "IncompleteBody",
		},
		{
			name: "no trailer line in trailer mode", mode: signedTrailer, announce: announce, chunks: []string{"hello"},
			code: "IncompleteBody",
		},
		{
			name: "no trailer announced and no line in trailer mode", mode: signedTrailer, chunks: []string{"hello"},
			code: "IncompleteBody",
		},
		{
			name: "x-amz-trailer-signature wrong", mode: signedTrailer, announce: announce, trailer: crc,
			chunks: []string{"hello"}, change: func(body string) string {
				return body[:len(body)-68] + strings.Repeat("0", 64) + "\r\n\r\n"
			}, code: "SignatureDoesNotMatch",
		},
		{
			name: "x-amz-trailer-signature empty", mode: signedTrailer, announce: announce, trailer: crc,
			chunks: []string{"hello"}, change: func(body string) string {
				return body[:len(body)-68] + "\r\n\r\n"
			}, code: "SignatureDoesNotMatch",
		},
		{
			name: "x-amz-trailer-signature twice, the last one cut short", mode: signedTrailer, announce: announce,
			trailer: crc, chunks: []string{"hello"}, change: func(body string) string {
				line := body[strings.Index(body, "x-amz-trailer-signature") : len(body)-2]
				return body[:len(body)-2] + line[:len(line)-3] + "\r\n\r\n"
			}, code: "SignatureDoesNotMatch",
		},
		{
			name: "x-amz-trailer-signature twice, the last one counts", mode: signedTrailer, announce: announce,
			trailer: crc, chunks: []string{"hello"}, change: replace(crc, crc+"\r\nx-amz-trailer-signature:x"),
		},
		{
			name: "the last empty line after a signed trailer may be missing", mode: signedTrailer, announce: announce,
			trailer: crc, chunks: []string{"hello"}, change: drop(2),
		},
		{
			name: "a line feed inside a line where no trailer is expected", mode: unsigned, chunks: []string{"hello"},
			change: is("5\r\nhello\r\n0\r\na\nb\r\n"), code: "IncompleteBody",
		},
		{
			name: "a line feed inside a trailer line", mode: unsigned, announce: announce, trailer: crc + "\nx",
			chunks: []string{"hello"}, code: "IncompleteBody",
		},
		{
			name: "signed trailer changed", mode: signedTrailer, announce: announce, trailer: crc,
			chunks: []string{"hello"}, change: replace(crcOfHello, "NhCmhw=="), code: "SignatureDoesNotMatch",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := strings.Join(c.chunks, "")
			u := newUpload(t, c.mode, len(data), c.announce)
			body := u.frame(c.trailer, c.chunks...)
			if c.change != nil {
				body = c.change(body)
			}
			var first error
			for _, r := range []io.Reader{
				strings.NewReader(body),
				iotest.OneByteReader(strings.NewReader(body)),
				iotest.HalfReader(strings.NewReader(body)),
				iotest.DataErrReader(strings.NewReader(body)),
			} {
				got, reader, err := u.read(r)
				checkError(t, err, c.code, c.message, c.elements)
				switch {
				case err == nil && string(got) != data:
					t.Errorf("decoded %d bytes of %d", len(got), len(data))
				case err == nil && c.announce != "":
					if f := reader.Trailer(); len(f) != 1 || string(f[0].Name) != "x-amz-checksum-crc32" ||
						string(f[0].Value) != crcOfHello {
						t.Errorf("trailer %q", f)
					}
				case err != nil:
					if reader.Trailer() != nil {
						t.Errorf("trailer %q in spite of %v", reader.Trailer(), err)
					}
					if n, again := reader.Read(make([]byte, 10)); n != 0 || again != err {
						t.Errorf("a Read after %v: %d, %v", err, n, again)
					}
				}
				if first == nil {
					first = err
				}
				if fmt.Sprint(first) != fmt.Sprint(err) {
					t.Errorf("the reader's steps matter: %v, %v", first, err)
				}
			}
		})
	}
}
