package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/crypto/awskms"
	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// startOuter starts a program whose store is another one, made of directory buckets.
func startOuter(t *testing.T, inner *proxytest.Program, lines string) *proxytest.Program {
	t.Helper()
	return proxytest.StartConfigured(t, t.TempDir(), fmt.Sprintf(`
zones: [usw2-az1, local-az1]
store:
  kind: directory
  endpoint: %s
  region: us-west-2
  ca: %s
%s`, inner.Env["AWS_ENDPOINT_URL"], inner.Env["AWS_CA_BUNDLE"], lines))
}

// A store of directory buckets wants sessions, refuses names to start listings from, and keeps less metadata. Each of
// the two programs knows nothing of the other's keys.
func TestAProgramInFrontOfAnother(t *testing.T) {
	dir := t.TempDir()
	inner := proxytest.StartConfigured(t, dir, "")
	for name, lines := range map[string]string{
		"with configured credentials": "  access_key: AKIAIOSFODNN7EXAMPLE\n  secret_key: " +
			"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
		"with signed payloads": "  sign_payload: true\n  state_bucket: other-state--usw2-az1--x-s3\n  access_key: " +
			"AKIAIOSFODNN7EXAMPLE\n  secret_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
		"with the default chain": "  state_bucket: third-state--usw2-az1--x-s3\n",
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(lines, "access_key") {
				t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
				t.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
			}
			p := startOuter(t, inner, lines)
			ctx, client := t.Context(), p.Client(t)
			bucket := "chain-" + strconv.Itoa(len(lines)) + "--usw2-az1--x-s3"
			if _, err := client.CreateBucket(ctx,
				&s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
					Location: &types.LocationInfo{Name: aws.String("usw2-az1"), Type: types.LocationTypeAvailabilityZone},
					Bucket: &types.BucketInfo{
						DataRedundancy: types.DataRedundancySingleAvailabilityZone, Type: types.BucketTypeDirectory,
					},
				}}); err != nil {
				t.Fatal(err)
			}
			marker := []byte("the plaintext of the outer program")
			for _, n := range []int{0, 1, 65536, 262144, 262145, 1 << 20} {
				key := "dir/object-" + strconv.Itoa(n)
				body := append(bytes.Clone(marker), proxytest.RandomBytes(n)...)[:n]
				if _, err := client.PutObject(ctx, &s3.PutObjectInput{
					Bucket: &bucket, Key: &key, Body: bytes.NewReader(body),
					Metadata:        map[string]string{"a": strings.Repeat("b", 400)},
					ContentEncoding: aws.String("gzip"),
				}); err != nil {
					t.Fatalf("PUT of %d bytes: %v", n, err)
				}
				got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
				if err != nil {
					t.Fatalf("GET of %d bytes: %v", n, err)
				}
				read, err := io.ReadAll(got.Body)
				if err != nil || !bytes.Equal(read, body) || len(got.Metadata) != 1 || len(got.Metadata["a"]) != 400 ||
					aws.ToString(got.ContentEncoding) != "gzip" {
					t.Errorf("GET of %d bytes: %d, %v, metadata %v, encoding %v", len(body), len(read), err, got.Metadata,
						got.ContentEncoding)
				}
			}
			list, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("dir/")})
			if err != nil || len(list.Contents) != 6 {
				t.Errorf("listing: %+v, %v", list, err)
			}
			// The inner program sees bytes that the outer one sealed.
			seen := inner.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/dir/object-65536"})
			if seen.StatusCode != 200 || bytes.Contains([]byte(seen.Text), marker) ||
				seen.Header.Get("X-Amz-Meta-Sealfront-Outer") == "" {
				t.Errorf("the inner program: %d, %v", seen.StatusCode, seen.Header)
			}
			if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/general-bucket", Service: "s3"}); a.StatusCode != 400 ||
				a.Code() != "InvalidBucketName" {
				t.Errorf("a general purpose bucket: %d %s", a.StatusCode, a.Text)
			}
			if a := p.Do(&proxytest.Request{
				Method: "PUT", Path: "/" + bucket + "/x", Body: "x",
				Header: []sigv4.Field{proxytest.Field("x-amz-meta-a", strings.Repeat("a", 1200))},
			}); a.Code() != "MetadataTooLarge" {
				t.Errorf("more metadata than the inner program has room for: %d %s", a.StatusCode, a.Text)
			}
			chainedParts(t, client, bucket)
			for _, o := range list.Contents {
				if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: o.Key}); err != nil {
					t.Error(err)
				}
			}
			if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
				t.Error(err)
			}
			p.Stop()
			if found := proxytest.FilesContaining(t, dir, marker); len(found) > 0 {
				t.Errorf("plaintext is in %v", found)
			}
		})
	}
	if !strings.Contains(inner.Stderr.String(), `"operation":"CreateSession"`) {
		t.Error("no session was asked for")
	}
}

// chainedParts uploads an object of two parts, copies it, and removes both.
func chainedParts(t *testing.T, client *s3.Client, bucket string) {
	t.Helper()
	ctx, key, to := t.Context(), "large", "copy"
	upload, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatalf("CreateMultipartUpload: %v", err)
	}
	body := proxytest.RandomBytes(5<<20 + 100)
	var parts []types.CompletedPart
	for i, piece := range [][]byte{body[:5<<20], body[5<<20:]} {
		part, err := client.UploadPart(ctx,
			&s3.UploadPartInput{
				Bucket: &bucket, Key: &key, UploadId: upload.UploadId, PartNumber: aws.Int32(int32(i + 1)),
				Body: bytes.NewReader(piece),
			})
		if err != nil {
			t.Fatalf("UploadPart: %v", err)
		}
		parts = append(parts,
			types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32})
	}
	if _, err := client.CompleteMultipartUpload(ctx,
		&s3.CompleteMultipartUploadInput{
			Bucket: &bucket, Key: &key, UploadId: upload.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		}); err != nil {
		t.Fatalf("CompleteMultipartUpload: %v", err)
	}
	if _, err := client.CopyObject(ctx,
		&s3.CopyObjectInput{Bucket: &bucket, Key: &to, CopySource: aws.String(bucket + "/" + key)}); err != nil {
		t.Fatalf("CopyObject: %v", err)
	}
	for _, name := range []string{key, to} {
		got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &name})
		if err != nil {
			t.Fatalf("GET of %s: %v", name, err)
		}
		read, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(read, body) {
			t.Errorf("GET of %s: %d bytes, %v", name, len(read), err)
		}
		if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &name}); err != nil {
			t.Error(err)
		}
	}
}

// The store's credentials may come from a program that hands out new ones every while.
func TestTheDefaultChainRefreshesCredentials(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for expires, want := range map[time.Time][]string{
		time.Now().Add(-time.Minute): {"AKIA1", "AKIA2", "AKIA3"},
		time.Now().Add(time.Hour):    {"AKIA1", "AKIA1", "AKIA1"},
	} {
		count := write("count", "", 0o600)
		script := write("credentials",
			fmt.Sprintf("#!/bin/sh\necho x >>%[1]s\necho '{\"Version\": 1, \"AccessKeyId\": \"AKIA'$(($(wc -l <%[1]s)))'\", "+
				"\"SecretAccessKey\": \"s\", \"SessionToken\": \"t\", \"Expiration\": \"%[2]s\"}'\n",
				count, expires.UTC().Format(time.RFC3339)), 0o700)
		t.Setenv("AWS_CONFIG_FILE", write("config", "[default]\ncredential_process = "+script+"\n", 0o600))
		t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
		chain, err := awskms.Credentials(t.Context(), "us-east-1")
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range want {
			got, _, token, err := chain(t.Context())
			if err != nil || got != id || token != "t" {
				t.Errorf("call %d, good until %s: %s with %q, %v; want %s", i, expires, got, token, err, id)
			}
		}
	}
}
