package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/xml"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"sealfront/proxy/config"
	"sealfront/proxy/instance"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// A requestBench is the program's rooms without a front: requests go to the gateway as raw heads.
type requestBench struct {
	testing.TB
	instance    *instance.Instance
	signer      *sigv4.Signer
	credentials sigv4.Credentials

	reader   *bytes.Reader
	buffered *bufio.Reader
	ctx      fasthttp.RequestCtx
}

func newRequestBench(b testing.TB, o instance.Options) *requestBench {
	b.Helper()
	dir := b.TempDir()
	file := filepath.Join(dir, "sealfront.yaml")
	text := "listen: {http: \"127.0.0.1:0\", admin: \"\"}\nregion: us-west-2\nstore: {kind: memory}\nkms: {kind: " +
		"embedded}\n" +
		"tls: {trusted_proxies: [\"0.0.0.0/0\"]}\ndata: " + filepath.Join(dir, "data") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		b.Fatal(err)
	}
	p, err := instance.Open(context.Background(), c, instance.Serving, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Close() })
	r := &requestBench{
		TB: b, instance: p, signer: sigv4.NewSigner("us-west-2", "s3express"),
		credentials: sigv4.Credentials{AccessKeyID: p.Data.AccessKey, SecretAccessKey: p.Data.SecretKey},
		reader:      bytes.NewReader(nil), buffered: bufio.NewReaderSize(nil, 16<<10),
	}
	client, server := net.Pipe()
	b.Cleanup(func() { _, _ = client.Close(), server.Close() })
	r.ctx.Init2(server, nil, false)

	r.do(r.head("GET", "/"+proxytest.DemoBucket+"/", "session=", -1), nil)
	var created struct {
		Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	}
	if err := xml.Unmarshal(r.ctx.Response.Body(), &created); err != nil {
		b.Fatalf("%v: %s", err, r.ctx.Response.Body())
	}
	s := created.Credentials
	r.credentials = sigv4.Credentials{
		AccessKeyID: s.AccessKeyId, SecretAccessKey: s.SecretAccessKey, SessionToken: s.SessionToken,
	}
	return r
}

// head is a signed request's head.
func (r *requestBench) head(method, path, query string, length int) []byte {
	now := time.Now()
	m := &sigv4.Message{Method: []byte(method), Path: []byte(path), Query: []byte(query)}
	add := func(name, value string) {
		m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	add("Host", "127.0.0.1:8443")
	add("X-Amz-Date", string(sigv4.AppendTimestamp(nil, now)))
	add("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	add("X-Forwarded-Proto", "https")
	if r.credentials.SessionToken != "" {
		add("X-Amz-S3session-Token", r.credentials.SessionToken)
	}
	if length >= 0 {
		add("Content-Length", strconv.Itoa(length))
	}
	add("Authorization", string(r.signer.AppendAuthorization(nil, m, &r.credentials, now)))
	head := []byte(method + " " + path)
	if query != "" {
		head = append(head, "?"+query...)
	}
	head = append(head, " HTTP/1.1\r\n"...)
	for _, f := range m.Header {
		head = append(append(append(append(head, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	return append(head, "\r\n"...)
}

// do has the gateway answer a request, and takes nothing but 200.
func (r *requestBench) do(head, body []byte) {
	if status := r.ask(head, body); status != 200 {
		r.Fatalf("%d %s", status, r.ctx.Response.Body())
	}
}

// ask has the gateway answer a request.
func (r *requestBench) ask(head, body []byte) (status int) {
	request, response := &r.ctx.Request, &r.ctx.Response
	request.Reset()
	response.Reset()
	request.Header.DisableNormalizing()
	r.reader.Reset(head)
	r.buffered.Reset(r.reader)
	if err := request.Header.Read(r.buffered); err != nil {
		r.Fatal(err)
	}
	if body != nil {
		r.reader.Reset(body)
		request.SetBodyStream(r.reader, len(body))
	}
	r.instance.Gateway.Handle(&r.ctx)
	return response.StatusCode()
}

// BenchmarkRequest is what a request of 4 KiB costs from the bytes of its head to its answer, by a client that has a
// session; the round trip to a store in memory, in the same process, is in it, and measured alone. The floors are the
// cryptography that the sealed format and two signatures ask for, by the standard library alone.
func BenchmarkRequest(b *testing.B) {
	r := newRequestBench(b, instance.Options{})
	body := make([]byte, 4<<10)
	put, get := r.head("PUT", "/"+proxytest.DemoBucket+"/some/key", "", len(body)), r.head("GET",
		"/"+proxytest.DemoBucket+"/some/key", "", -1)
	measure := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				f()
			}
		})
	}
	measure("PUT", func() { r.do(put, body) })
	r.do(put, body)
	measure("GET", func() {
		r.do(get, nil)
		if got := r.ctx.Response.Body(); len(got) != len(body) { // reads the stream
			b.Fatal(len(got))
		}
	})
	sealed := make([]byte, len(body)+16+128)
	measure("PUT to the store alone", func() {
		answer, err := r.instance.Storage.Client.Do(context.Background(),
			&store.Request{Operation: "PutObject", Method: "PUT", Bucket: proxytest.DemoBucket, Key: "other/key", Bytes: sealed})
		if err != nil {
			b.Fatal(err)
		}
		answer.Close()
	})
	// HKDF for the wrap key (two HMACs), commitment, part key and, where it is written, the trailer's; a cipher for each
	// key.
	measure("PUT floor", func() { cryptography(body, 5, 3) })
	measure("GET floor", func() { cryptography(body, 4, 2) })
}

var (
	signingMAC = hmac.New(sha256.New, make([]byte, 32))
	canonical  = make([]byte, 1024)
	floorSlab  = make([]byte, 4<<10+16)
)

// cryptography verifies and makes a signature, derives keys by so many HMACs, sets up so many ciphers, and seals the
// body with one and a record with each other.
func cryptography(body []byte, derivations, ciphers int) {
	var key [32]byte
	for range 2 {
		sum := sha256.Sum256(canonical)
		signingMAC.Reset()
		signingMAC.Write(canonical[:100])
		signingMAC.Write(sum[:])
		signingMAC.Sum(key[:0])
	}
	for range derivations {
		derivation := hmac.New(sha256.New, key[:])
		derivation.Write(canonical[:40])
		derivation.Sum(key[:0])
	}
	var nonce [12]byte
	for i := range ciphers {
		block, err := aes.NewCipher(key[:])
		if err != nil {
			panic(err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			panic(err)
		}
		record := canonical[:64]
		if i == 0 {
			record = body
		}
		aead.Seal(floorSlab[:0], nonce[:], record, nil)
	}
}
