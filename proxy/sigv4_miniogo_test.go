package main

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func signaturesOfMinIOGo(t *testing.T, s *signatures) {
	ctx := t.Context()
	small, large := proxytest.RandomBytes(700_000), proxytest.RandomBytes(11<<20)
	for _, way := range []struct {
		name, bucket string
		plain        bool
		trailing     bool
		body         []byte
		put          minio.PutObjectOptions
		unknown      bool // the length isn't told
	}{
		{name: "https, directory bucket", bucket: s.p.Env["SEALFRONT_BUCKET"], body: small},
		{name: "https", bucket: s.general, body: small},
		{name: "http", bucket: s.general, plain: true, body: small},
		{name: "http, MD5", bucket: s.general, plain: true, body: small, put: minio.PutObjectOptions{SendContentMd5: true}},
		{
			name: "http, trailing CRC32C", bucket: s.general, plain: true, trailing: true, body: small,
			put: minio.PutObjectOptions{Checksum: minio.ChecksumCRC32C},
		},
		{
			name: "https, trailing SHA256", bucket: s.general, trailing: true, body: small,
			put: minio.PutObjectOptions{Checksum: minio.ChecksumSHA256},
		},
		{
			name: "http, trailing CRC64NVME", bucket: s.general, plain: true, trailing: true, body: small,
			put: minio.PutObjectOptions{Checksum: minio.ChecksumCRC64NVME},
		},
		{
			name: "https, parts", bucket: s.general, trailing: true, body: large, put: minio.PutObjectOptions{PartSize: 5 << 20},
		},
		{
			name: "http, parts", bucket: s.general, plain: true, trailing: true, body: large,
			put: minio.PutObjectOptions{PartSize: 5 << 20},
		},
		{
			name: "http, of unknown length", bucket: s.general, plain: true, body: large, unknown: true,
			put: minio.PutObjectOptions{PartSize: 5 << 20},
		},
		{
			name: "http, unsigned", bucket: s.general, plain: true, body: small,
			put: minio.PutObjectOptions{DisableContentSha256: true},
		},
	} {
		transport := &recorder{RoundTripper: s.p.HTTPClient(t).Transport}
		endpoint := s.p.Env["AWS_ENDPOINT_URL"]
		if way.plain {
			endpoint = s.p.Env["SEALFRONT_HTTP_URL"]
		}
		_, host, _ := strings.Cut(endpoint, "://")
		client, err := minio.New(host, &minio.Options{
			Creds:  credentials.NewStaticV4(s.p.Env["AWS_ACCESS_KEY_ID"], s.p.Env["AWS_SECRET_ACCESS_KEY"], ""),
			Secure: !way.plain,
			Region: "us-west-2", Transport: transport, BucketLookup: minio.BucketLookupPath, TrailingHeaders: way.trailing,
			MaxRetries: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		key := "dir/minio-go " + way.name
		length := int64(len(way.body))
		var body io.Reader = bytes.NewReader(way.body)
		if way.unknown {
			body, length = io.MultiReader(body), -1
		}
		_, err = client.PutObject(ctx, way.bucket, key, body, length, way.put)
		sent := transport.sent()
		if err == nil {
			err = func() error {
				object, err := client.GetObject(ctx, way.bucket, key, minio.GetObjectOptions{})
				if err != nil {
					return err
				}
				defer func() { _ = object.Close() }()
				info, err := object.Stat()
				if err != nil {
					return err
				}
				got, err := io.ReadAll(object)
				if err != nil || !bytes.Equal(got, way.body) || info.Size != int64(len(way.body)) ||
					info.Metadata.Get("Content-Encoding") != "" {
					return fmt.Errorf("%d bytes of %d, %v, %w", len(got), info.Size, info.Metadata, err)
				}
				return client.RemoveObject(ctx, way.bucket, key, minio.RemoveObjectOptions{})
			}()
		}
		s.add("minio-go", "put, get, remove: "+way.name, sent, err)
	}

	_, host, _ := strings.Cut(s.p.Env["AWS_ENDPOINT_URL"], "://")
	wire := s.p.HTTPClient(t)
	client, err := minio.New(host, &minio.Options{
		Creds:  credentials.NewStaticV4(s.p.Env["AWS_ACCESS_KEY_ID"], s.p.Env["AWS_SECRET_ACCESS_KEY"], ""),
		Secure: true, Region: "us-west-2", Transport: wire.Transport, BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	key := "dir/minio-go presigned: a+b"
	for _, o := range []struct {
		method string
		status int
		body   []byte
		want   []byte
		sign   func() (*url.URL, error)
	}{
		{"PUT", 200, small, nil, func() (*url.URL, error) {
			return client.PresignedPutObject(ctx, s.general, key,
				time.Minute)
		}},
		{"GET", 200, nil, small, func() (*url.URL, error) {
			return client.PresignedGetObject(ctx, s.general, key, time.Minute,
				url.Values{"response-content-type": {"text/html"}})
		}},
		{"HEAD", 200, nil, nil, func() (*url.URL, error) {
			return client.PresignedHeadObject(ctx, s.general, key, time.Minute,
				nil)
		}},
	} {
		u, err := o.sign()
		if err == nil {
			err = send(wire, o.method, u.String(), nil, o.body, o.status, o.want)
		}
		s.add("minio-go", "presigned "+o.method, "", err)
	}
	policy := minio.NewPostPolicy()
	for _, err := range []error{
		policy.SetBucket(s.general), policy.SetKey("dir/posted"), policy.SetExpires(time.Now().Add(time.Hour)),
		policy.SetContentType("text/plain"), policy.SetContentLengthRange(1, 1<<20), policy.SetUserMetadata("name", "value"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	u, fields, err := client.PresignedPostPolicy(ctx, policy)
	if err == nil {
		err = postFields(wire, u.String(), fields, small)
	}
	s.add("minio-go", "form POST", "", err)
}
