package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/sigv4"
)

// BenchmarkRequest is what a request costs from its parsed head to its answer, the round trip to a store in memory with it,
// by a client that has a session. The floor is the same round trip to the store alone.
func BenchmarkRequest(b *testing.B) {
	dir := b.TempDir()
	file := filepath.Join(dir, "sealfront.yaml")
	if err := os.WriteFile(file, []byte("listen: {http: \"127.0.0.1:0\", admin: \"\"}\nregion: us-west-2\nstore: {kind: memory}\nkms: {kind: embedded}\ntls: {trusted_proxies: [\"0.0.0.0/0\"]}\ndata: "+filepath.Join(dir, "data")+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		b.Fatal(err)
	}
	p, err := assemble(context.Background(), c, zap.NewNop())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.close() })

	signer := sigv4.NewSigner("us-west-2", "s3express")
	credentials := &sigv4.Credentials{AccessKeyID: p.data.AccessKey, SecretAccessKey: p.data.SecretKey}
	message := func(method, path, query string, length int) []byte {
		m := &sigv4.Message{Method: []byte(method), Path: []byte(path), Query: []byte(query)}
		add := func(name, value string) {
			m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
		}
		now := time.Now()
		add("Host", "127.0.0.1:8443")
		add("X-Amz-Date", now.UTC().Format("20060102T150405Z"))
		add("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		add("X-Forwarded-Proto", "https")
		if credentials.SessionToken != "" {
			add("X-Amz-S3session-Token", credentials.SessionToken)
		}
		if length >= 0 {
			add("Content-Length", strconv.Itoa(length))
		}
		authorization := signer.AppendAuthorization(nil, m, credentials, now)
		add("Authorization", string(authorization))
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
	reader, buffered := bytes.NewReader(nil), bufio.NewReaderSize(nil, 16<<10)
	run := func(ctx *fasthttp.RequestCtx, head, body []byte) {
		ctx.Request.Reset()
		ctx.Response.Reset()
		ctx.Request.Header.DisableNormalizing()
		reader.Reset(head)
		buffered.Reset(reader)
		if err := ctx.Request.Header.Read(buffered); err != nil {
			b.Fatal(err)
		}
		if body != nil {
			reader.Reset(body)
			ctx.Request.SetBodyStream(reader, len(body))
		}
		p.gateway.Handle(ctx)
	}
	var ctx fasthttp.RequestCtx
	client, server := net.Pipe()
	defer func() { _, _ = client.Close(), server.Close() }()
	ctx.Init2(server, nil, false)
	run(&ctx, message("GET", "/"+demoBucket+"/", "session=", -1), nil)
	var created struct {
		Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	}
	if err := xml.Unmarshal(ctx.Response.Body(), &created); err != nil {
		b.Fatalf("%v: %s", err, ctx.Response.Body())
	}
	credentials = &sigv4.Credentials{AccessKeyID: created.Credentials.AccessKeyId, SecretAccessKey: created.Credentials.SecretAccessKey, SessionToken: created.Credentials.SessionToken}
	body := make([]byte, 4096)
	put := message("PUT", "/"+demoBucket+"/some/key", "", len(body))
	b.Run("PUT 4 KiB", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			run(&ctx, put, body)
			if ctx.Response.StatusCode() != 200 {
				b.Fatalf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
			}
		}
	})
	run(&ctx, put, body)
	get := message("GET", "/"+demoBucket+"/some/key", "", -1)
	b.Run("GET 4 KiB", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			run(&ctx, get, nil)
			if ctx.Response.StatusCode() != 200 {
				b.Fatalf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
			}
			if got := ctx.Response.Body(); len(got) != len(body) {
				b.Fatal(len(got))
			}
		}
	})
}
