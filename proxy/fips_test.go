package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// In the FIPS 140-3 mode the program does all it does else: sessions, uploads whole and in parts, downloads, over TLS,
// with what the mode approves of only.
func TestFIPSMode(t *testing.T) {
	t.Setenv("GODEBUG", "fips140=on")
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"] // the SDK asks for sessions
	body := bytes.Repeat([]byte("a secret "), 100_000)
	if _, err := client.PutObject(t.Context(),
		&s3.PutObjectInput{
			Bucket: &bucket, Key: aws.String("whole"), Body: bytes.NewReader(body),
			ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
		}); err != nil {
		t.Fatal(err)
	}
	created, err := client.CreateMultipartUpload(t.Context(),
		&s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("parts")})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	large := bytes.Repeat(body, 6)
	for i, part := range [][]byte{large, body} {
		number := aws.Int32(int32(i + 1))
		up, err := client.UploadPart(t.Context(),
			&s3.UploadPartInput{
				Bucket: &bucket, Key: aws.String("parts"), UploadId: created.UploadId, PartNumber: number,
				Body: bytes.NewReader(part),
			})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: number, ETag: up.ETag, ChecksumCRC32: up.ChecksumCRC32})
	}
	if _, err := client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: aws.String("parts"), UploadId: created.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]byte{"whole": body, "parts": append(large, body...)} {
		got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(text, want) || got.ServerSideEncryption != types.ServerSideEncryptionAwsKms {
			t.Errorf("%s: %d bytes, %v, %s", key, len(text), err, got.ServerSideEncryption)
		}
	}
	if n := p.Metric("sealfront_sessions_total", `outcome="issued"`); n == 0 {
		t.Error("the SDK asked for no session")
	}
	if n := p.Metric("sealfront_build_info", `fips="true"`); n != 1 {
		t.Error("sealfront_build_info doesn't show the mode")
	}
	if _, text := p.GetAdmin(t, "/status"); !strings.Contains(text, `"FIPS 140-3 mode"`) ||
		!strings.Contains(text, `"on, module `) {
		t.Errorf("the status doesn't show the mode: %s", text)
	}
	// ChaCha20 isn't approved.
	config := p.HTTPClient(t).Transport.(*http.Transport).TLSClientConfig.Clone()
	config.MaxVersion = tls.VersionTLS12
	shake := func(suite uint16) error {
		config.CipherSuites = []uint16{suite}
		c, err := tls.Dial("tcp", strings.TrimPrefix(p.Env["AWS_ENDPOINT_URL"], "https://"), config)
		if err == nil {
			err = c.Close()
		}
		return err
	}
	if err := shake(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256); err == nil {
		t.Error("a handshake with ChaCha20 succeeds")
	}
	if err := shake(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256); err != nil {
		t.Errorf("a handshake with AES: %v", err)
	}
}

// The mode that refuses nonces which are counters refuses what seals a segment: the program says so at once, and
// touches nothing.
func TestFIPSModeOnlyIsRefused(t *testing.T) {
	t.Setenv("GODEBUG", "fips140=only")
	dir := t.TempDir() + "/data"
	for _, args := range [][]string{
		{"serve", "--data", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, {"verify", "s3://b", "--data", dir},
	} {
		out, err := proxytest.Command(args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "fips140=on") || !strings.HasPrefix(err.Error(), "exit status 2") {
			t.Errorf("%q: %v: %s", args, err, out)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a data directory was made")
	}
	if out, err := proxytest.Command("help", "verify").CombinedOutput(); err != nil {
		t.Errorf("help: %v: %s", err, out)
	}
}
