package sigv4_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

func BenchmarkVerifyHeaderGet(b *testing.B) {
	m := sdkLikeGet(b)
	b.Run("ours", func(b *testing.B) {
		v := testVerifier()
		var a sigv4.Authentication
		b.ReportAllocs()
		for b.Loop() {
			if err := v.Read(m, &a, "s3express", "s3"); err != nil {
				b.Fatal(err)
			}
			if err := v.Check(m, &a, exampleSecret); err != nil {
				b.Fatal(err)
			}
		}
	})
	// To verify with the SDK one has to sign again.
	b.Run("sdk", func(b *testing.B) { benchmarkSDK(b, m, emptyHash, "s3express") })
}

func BenchmarkVerifyPresignedGet(b *testing.B) {
	m := presigned(b, now, time.Hour, "/dir/key%20one?x-id=GetObject")
	b.Run("ours", func(b *testing.B) {
		v := testVerifier()
		var a sigv4.Authentication
		b.ReportAllocs()
		for b.Loop() {
			if err := v.Read(m, &a, "s3"); err != nil {
				b.Fatal(err)
			}
			if err := v.Check(m, &a, exampleSecret); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sdk", func(b *testing.B) {
		signer := sdkSigner()
		b.ReportAllocs()
		for b.Loop() {
			req := httpRequest(m)
			req.URL.RawQuery = "x-id=GetObject&X-Amz-Expires=3600"
			if _, _, err := signer.PresignHTTP(context.Background(), sdkCredentials, req, "UNSIGNED-PAYLOAD", "s3",
				"us-west-2", now); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSignStoreRequest(b *testing.B) {
	m := storeRequest(b)
	b.Run("ours", func(b *testing.B) {
		s := sigv4.NewSigner("us-east-1", "s3")
		c := &sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
		var dst []byte
		b.ReportAllocs()
		for b.Loop() {
			dst = s.AppendAuthorization(dst[:0], m, c, now)
		}
	})
	b.Run("sdk", func(b *testing.B) { benchmarkSDK(b, m, "UNSIGNED-PAYLOAD", "s3") })
}

// benchmarkSDK signs a request with the SDK's signer. The request is made once: what is timed is the signing.
func benchmarkSDK(b *testing.B, m *sigv4.Message, payloadHash, service string) {
	signer := sdkSigner()
	req := httpRequest(m)
	req.Header.Del("Authorization")
	query := req.URL.RawQuery
	b.ReportAllocs()
	for b.Loop() {
		req.URL.RawQuery = query
		if err := signer.SignHTTP(context.Background(), sdkCredentials, req, payloadHash, service, "us-west-2",
			now); err != nil {
			b.Fatal(err)
		}
	}
}

func httpRequest(m *sigv4.Message) *http.Request {
	path, _ := url.PathUnescape(string(m.Path))
	req := &http.Request{
		Method: string(m.Method), Header: http.Header{},
		URL: &url.URL{Scheme: "https", Path: path, RawPath: string(m.Path), RawQuery: string(m.Query)},
	}
	for _, f := range m.Header {
		if strings.EqualFold(string(f.Name), "host") {
			req.Host, req.URL.Host = string(f.Value), string(f.Value)
			continue
		}
		req.Header.Add(string(f.Name), string(f.Value))
	}
	return req
}

func BenchmarkRefuseWrongSignature(b *testing.B) {
	m := sdkLikeGet(b)
	v := sigv4.NewVerifier(sigv4.Options{Regions: []string{"us-west-2"}, Now: at(now)})
	var a sigv4.Authentication
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Read(m, &a, "s3express", "s3"); err != nil {
			b.Fatal(err)
		}
		if err := v.Check(m, &a, "wrong"); err == nil {
			b.Fatal("verified")
		}
	}
}

func BenchmarkVerifyParallel(b *testing.B) {
	m := sdkLikeGet(b)
	v := testVerifier()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var a sigv4.Authentication
		for pb.Next() {
			if v.Read(m, &a, "s3express", "s3") != nil || v.Check(m, &a, exampleSecret) != nil {
				b.Error("does not verify")
			}
		}
	})
}

// BenchmarkChunkReader has beside each mode the floor: the same bytes copied once, and in signed mode hashed once.
func BenchmarkChunkReader(b *testing.B) {
	const size = 1 << 20
	for _, chunk := range []int{8 << 10, 64 << 10} {
		for _, mode := range []string{unsigned, signedChunks} {
			u := newUpload(b, mode, size)
			chunks := make([]string, 0, size/chunk)
			for range size / chunk {
				chunks = append(chunks, strings.Repeat("x", chunk))
			}
			body := []byte(u.frame("", chunks...))
			b.Run(fmt.Sprintf("%s/%dKiB", mode, chunk>>10), func(b *testing.B) {
				var c sigv4.ChunkReader
				source := bytes.NewReader(nil)
				p := make([]byte, 64<<10)
				b.SetBytes(size)
				b.ReportAllocs()
				for b.Loop() {
					source.Reset(body)
					c.Reset(source, u.options)
					for {
						if _, err := c.Read(p); err == io.EOF {
							break
						} else if err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
	data := make([]byte, size)
	b.Run("floor/copy", func(b *testing.B) {
		p := make([]byte, 64<<10)
		b.SetBytes(size)
		for b.Loop() {
			for rest := data; len(rest) > 0; {
				rest = rest[copy(p, rest):]
			}
		}
	})
	b.Run("floor/sha256", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			sha256Of(data)
		}
	})
}

func BenchmarkChunkWriter(b *testing.B) {
	piece := make([]byte, 65552) // a sealed segment
	u := newUpload(b, signedChunks, 1<<20)
	var w sigv4.ChunkWriter
	b.SetBytes(int64(len(piece)))
	b.ReportAllocs()
	w.Reset(io.Discard, &u.signer, len(piece))
	for b.Loop() {
		if _, err := w.Write(piece); err != nil {
			b.Fatal(err)
		}
	}
}
