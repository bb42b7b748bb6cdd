package sigv4_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

func allocations(t *testing.T, what string, f func()) {
	t.Helper()
	if !countsAllocations {
		t.Skip("not under the race detector")
	}
	if n := testing.AllocsPerRun(1000, f); n != 0 {
		t.Errorf("%s: %.0f allocations", what, n)
	}
}

func TestVerifyingAllocatesNothing(t *testing.T) {
	v := testVerifier()
	var a sigv4.Authentication
	for what, m := range map[string]*sigv4.Message{
		"header-signed GET": sdkLikeGet(t),
		"a GET with odd path, query and spaces": signed(t, "GET",
			"/a//b%20c$d/%c3%a9?prefix=a+b&list-type=2&delimiter=%2F&a&b&c",
			"x-amz-meta-a: a  b", "X-Amz-Meta-A: c", "Range: bytes=0-9", "Cache-Control: no-cache"),
		"presigned GET": presigned(t, now, time.Hour, "/dir/key%20one?x-id=GetObject"),
	} {
		allocations(t, what, func() {
			if err := v.Read(m, &a, "s3express", "s3"); err != nil {
				t.Fatal(err)
			}
			if err := v.Check(m, &a, exampleSecret); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// sdkLikeGet is a GET of an object as aws-sdk-go-v2 sends it.
func sdkLikeGet(tb testing.TB) *sigv4.Message {
	m := request(tb, "GET", "/dir/key%20one?x-id=GetObject", "Accept-Encoding: identity",
		"Amz-Sdk-Invocation-Id: 038fd181-ad93-44d1-a996-6d14ced56e21",
		"Amz-Sdk-Request: attempt=1; max=1", "X-Amz-Checksum-Mode: ENABLED", "X-Amz-Content-Sha256: "+emptyHash,
		"X-Amz-S3session-Token: "+strings.Repeat("sessiontoken", 30), "User-Agent: aws-sdk-go-v2/1.47.7")
	return signedAt(now, m, "s3express")
}

// storeRequest is a PUT as it goes to the store.
func storeRequest(tb testing.TB) *sigv4.Message {
	return request(tb, "PUT", "/bucket/dir/key%20one", "Content-Length: 65728",
		"X-Amz-Content-Sha256: UNSIGNED-PAYLOAD",
		"X-Amz-Date: 20261123T070000Z", "X-Amz-Meta-Sealfront: "+strings.Repeat("envelope", 80), "If-None-Match: *")
}

func TestSigningAllocatesNothing(t *testing.T) {
	s := sigv4.NewSigner("us-east-1", "s3")
	c := &sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	m := storeRequest(t)
	dst := make([]byte, 0, 1024)
	allocations(t, "AppendAuthorization", func() { dst = s.AppendAuthorization(dst[:0], m, c, now) })
	c.SessionToken = "token"
	allocations(t, "AppendPresigned", func() { dst = s.AppendPresigned(dst[:0], m, c, now, time.Hour) })
}

func TestChunksAllocateNothing(t *testing.T) {
	for _, mode := range []string{unsigned, signedChunks, signedTrailer} {
		trailer, announce := "x-amz-checksum-crc32:"+crcOfHello, "x-amz-trailer: x-amz-checksum-crc32"
		if mode == signedChunks {
			trailer, announce = "", ""
		}
		chunk := strings.Repeat("x", 10000)
		u := newUpload(t, mode, 8*len(chunk), announce)
		body := []byte(u.frame(trailer, chunk, chunk, chunk, chunk, chunk, chunk, chunk, chunk))
		var c sigv4.ChunkReader
		source := bytes.NewReader(nil)
		p := make([]byte, 64<<10)
		allocations(t, mode, func() {
			source.Reset(body)
			c.Reset(source, u.options)
			for {
				if _, err := c.Read(p); err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
