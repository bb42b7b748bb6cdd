package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func signaturesOfGoSDK(t *testing.T, s *signatures) {
	ctx := t.Context()
	body := proxytest.RandomBytes(700_000)
	transport := &recorder{RoundTripper: s.p.HTTPClient(t).Transport}
	wire := s.p.HTTPClient(t)
	wire.Transport = transport
	client := func(options ...func(*s3.Options)) *s3.Client {
		return s.p.Client(t, append([]func(*s3.Options){func(o *s3.Options) { o.HTTPClient = wire }}, options...)...)
	}
	plain := func(o *s3.Options) { o.BaseEndpoint = aws.String(s.p.Env["SEALFRONT_HTTP_URL"]) }
	required := func(o *s3.Options) { o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired }
	longTerm := func(o *s3.Options) { o.DisableS3ExpressSessionAuth = aws.Bool(true) }
	unsigned := func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	}
	directory := s.p.Env["SEALFRONT_BUCKET"]
	for _, way := range []struct {
		name, bucket string
		options      []func(*s3.Options)
		algorithm    types.ChecksumAlgorithm
		stream       bool
	}{
		{name: "as it is, https, a session", bucket: directory},
		{name: "as it is, https, long-term key", bucket: directory, options: []func(*s3.Options){longTerm}},
		{name: "as it is, https, general purpose bucket", bucket: s.general},
		{name: "as it is, http", bucket: s.general, options: []func(*s3.Options){plain}},
		{name: "checksums when required, https", bucket: directory, options: []func(*s3.Options){required}},
		{name: "checksums when required, http", bucket: s.general, options: []func(*s3.Options){required, plain}},
		{name: "unsigned payload", bucket: directory, options: []func(*s3.Options){required, unsigned}},
		{name: "CRC32C", bucket: directory, algorithm: types.ChecksumAlgorithmCrc32c},
		{name: "CRC64NVME", bucket: directory, algorithm: types.ChecksumAlgorithmCrc64nvme},
		{name: "SHA1", bucket: directory, algorithm: types.ChecksumAlgorithmSha1},
		{name: "SHA256", bucket: directory, algorithm: types.ChecksumAlgorithmSha256},
		{
			name: "SHA256, http", bucket: s.general, algorithm: types.ChecksumAlgorithmSha256,
			options: []func(*s3.Options){plain},
		},
		{name: "a stream that can't be read twice", bucket: directory, stream: true},
	} {
		c, key := client(way.options...), "dir/gosdk "+way.name
		var source io.Reader = bytes.NewReader(body)
		if way.stream {
			source = io.MultiReader(source)
		}
		_, err := c.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &way.bucket, Key: &key, Body: source, ContentLength: aws.Int64(int64(len(body))),
			ChecksumAlgorithm: way.algorithm,
			ContentEncoding:   aws.String("identity"),
		})
		sent := transport.sent()
		if err == nil {
			err = s.getByGoSDK(ctx, c, way.bucket, key, body)
		}
		s.add("gosdk", "PUT, GET, DELETE: "+way.name, sent, err)
	}

	for name, options := range map[string][]func(*s3.Options){
		"a session": {required}, "long-term key": {required, longTerm},
	} {
		presign, key := s3.NewPresignClient(client(options...)), "dir/gosdk presigned: a+b"
		operation := func(what string, status int, want []byte, sign func() (*v4.PresignedHTTPRequest, error)) {
			r, err := sign()
			if err == nil {
				var sent []byte
				if r.Method == "PUT" {
					sent = body
				}
				if strings.Contains(r.URL, "X-Amz-S3session-Token=") != (name == "a session") {
					err = fmt.Errorf("signed another way: %s", r.URL)
				} else {
					err = send(wire, r.Method, r.URL, r.SignedHeader, sent, status, want)
				}
			}
			s.add("gosdk", "presigned "+what+", "+name, "", err)
		}
		operation("PUT", 200, nil, func() (*v4.PresignedHTTPRequest, error) {
			return presign.PresignPutObject(ctx,
				&s3.PutObjectInput{Bucket: &directory, Key: &key, Metadata: map[string]string{"name": "value"}})
		})
		operation("GET", 200, body, func() (*v4.PresignedHTTPRequest, error) {
			return presign.PresignGetObject(ctx,
				&s3.GetObjectInput{Bucket: &directory, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		})
		operation("HEAD", 200, nil, func() (*v4.PresignedHTTPRequest, error) {
			return presign.PresignHeadObject(ctx, &s3.HeadObjectInput{Bucket: &directory, Key: &key})
		})
		operation("DELETE", 204, nil, func() (*v4.PresignedHTTPRequest, error) {
			return presign.PresignDeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &directory, Key: &key})
		})
		key = "dir/gosdk posted"
		form, err := presign.PresignPostObject(ctx, &s3.PutObjectInput{Bucket: &directory, Key: &key})
		if err == nil {
			err = postFields(wire, form.URL, form.Values, body)
		}
		if err == nil {
			err = s.getByGoSDK(ctx, client(options...), directory, key, body)
		}
		s.add("gosdk", "form POST, "+name, "", err)
	}
}

// getByGoSDK reads an object and removes it.
func (s *signatures) getByGoSDK(ctx context.Context, c *s3.Client, bucket, key string, want []byte) error {
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	read, err := io.ReadAll(got.Body)
	if err != nil || !bytes.Equal(read, want) {
		return fmt.Errorf("GET gave %d bytes, %w", len(read), err)
	}
	if e := aws.ToString(got.ContentEncoding); strings.Contains(e, "chunked") {
		return fmt.Errorf("Content-Encoding %q", e)
	}
	_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	return err
}
