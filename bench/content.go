package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"

	"sealfront/sigv4"
)

// A content is the body of objects of one size: a random block, again and again, so that a GiB takes no GiB. What a
// request has to say about it is computed once, since it is the proxy that is measured.
type content struct {
	size  int64
	crc32 string        // base64, of x-amz-checksum-crc32
	hash  func() string // SHA-256, computed when it is first asked for
}

// blockSize is no multiple of a segment: a segment in another's place shows.
const blockSize = 1<<20 + 4093

var block = func() []byte {
	b := make([]byte, blockSize)
	_, _ = rand.NewChaCha8([32]byte{'b', 'e', 'n', 'c', 'h'}).Read(b) // never fails
	return b
}()

func newContent(size int64) *content {
	c := &content{size: size}
	sum := crc32.NewIEEE()
	c.walk(0, size, func(p []byte) { sum.Write(p) })
	c.crc32 = base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
	c.hash = sync.OnceValue(func() string { return c.sum(sha256.New(), 0, size) })
	return c
}

// sum is the hash of n bytes from an offset on, in hexadecimal.
func (c *content) sum(h hash.Hash, from, n int64) string {
	c.walk(from, n, func(p []byte) { h.Write(p) })
	return hex.EncodeToString(h.Sum(nil))
}

// walk gives the n bytes from an offset on, piece by piece.
func (c *content) walk(from, n int64, f func([]byte)) {
	for n > 0 {
		p := block[from%blockSize:]
		p = p[:min(int64(len(p)), n)]
		f(p)
		from, n = from+int64(len(p)), n-int64(len(p))
	}
}

func (c *content) writeRange(w io.Writer, from, n int64) (err error) {
	c.walk(from, n, func(p []byte) {
		if err == nil {
			_, err = w.Write(p)
		}
	})
	return err
}

// A checker compares what is written to it with a content from an offset on.
type checker struct {
	c  *content
	at int64
}

func (k *checker) Write(p []byte) (int, error) {
	var err error
	left := p
	k.c.walk(k.at, int64(len(p)), func(want []byte) {
		if err == nil && !bytes.Equal(left[:len(want)], want) {
			err = fmt.Errorf("the body is another within %d bytes of offset %d", len(want), k.at)
		}
		left = left[len(want):]
	})
	k.at += int64(len(p))
	return len(p), err
}

// The payload modes.
const (
	modeUnsigned  = "unsigned"
	modeTrailer   = "unsigned-trailer-crc32"
	modeSigned    = "signed"
	modeStreaming = "streaming-signed"
)

var modes = []string{modeUnsigned, modeTrailer, modeSigned, modeStreaming}

// trailerChunk is the chunk of unsigned aws-chunked bodies, as boto3 sends it; streamingChunk that of signed ones.
const (
	trailerChunk   = 1 << 20
	streamingChunk = 64 << 10
)

// payload is how a body goes out: the header fields about it, its length on the wire, and its writing after the head,
// which is signed by then.
type payload struct {
	hash   string
	header [][2]string
	length int64
	write  func(w io.Writer, authorization []byte) error
}

// payload makes the payload of n bytes from an offset on; crc is their checksum where the mode needs it.
func (c *content) payload(mode string, from, n int64, s *signing) payload {
	plain := payload{
		hash: sigv4.UnsignedPayload, length: n, write: func(w io.Writer, _ []byte) error {
			return c.writeRange(w, from, n)
		},
	}
	whole := from == 0 && n == c.size
	switch mode {
	case modeSigned:
		plain.hash = ""
		if whole {
			plain.hash = c.hash()
		} else {
			plain.hash = c.sum(sha256.New(), from, n)
		}
	case modeTrailer:
		crc := c.crc32
		if !whole {
			sum := crc32.NewIEEE()
			c.walk(from, n, func(p []byte) { sum.Write(p) })
			crc = base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
		}
		end := "0\r\nx-amz-checksum-crc32:" + crc + "\r\n\r\n"
		length := n + int64(len(end))
		for left := n; left > 0; left -= trailerChunk {
			length += int64(len(strconv.FormatInt(min(left, trailerChunk), 16)) + 4)
		}
		return payload{
			hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", length: length,
			header: [][2]string{
				{"Content-Encoding", "aws-chunked"},
				{"X-Amz-Decoded-Content-Length", strconv.FormatInt(n, 10)},
				{"X-Amz-Trailer", "x-amz-checksum-crc32"},
			},
			write: func(w io.Writer, _ []byte) error {
				for at := int64(0); at < n; at += trailerChunk {
					k := min(n-at, trailerChunk)
					if _, err := io.WriteString(w, strconv.FormatInt(k, 16)+"\r\n"); err != nil {
						return err
					}
					if err := c.writeRange(w, from+at, k); err != nil {
						return err
					}
					if _, err := io.WriteString(w, "\r\n"); err != nil {
						return err
					}
				}
				_, err := io.WriteString(w, end)
				return err
			},
		}
	case modeStreaming:
		return payload{
			hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", length: sigv4.EncodedLength(n, streamingChunk),
			header: [][2]string{
				{"Content-Encoding", "aws-chunked"}, {"X-Amz-Decoded-Content-Length", strconv.FormatInt(n, 10)},
			},
			write: func(w io.Writer, authorization []byte) error {
				s.signer.Chunks(&s.chunkSigner, authorization, &s.credentials, s.now)
				s.chunks.Reset(w, &s.chunkSigner, streamingChunk)
				if err := c.writeRange(&s.chunks, from, n); err != nil {
					return err
				}
				return s.chunks.Close()
			},
		}
	}
	return plain
}
