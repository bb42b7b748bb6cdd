package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"sealfront/sigv4"
)

// options say where a target is and who calls it.
type options struct {
	name, endpoint, bucket, accessKey, secretKey, region, ca string
	pid                                                      int
}

// A target is one S3 endpoint with a bucket. It is safe for concurrent use.
type target struct {
	options
	url    *url.URL
	client *http.Client
	signer *sigv4.Signer
	keys   *sigv4.Credentials
}

func newTarget(o options) (*target, error) {
	for name, value := range map[string]string{"endpoint": o.endpoint, "bucket": o.bucket, "access key": o.accessKey, "secret key": o.secretKey} {
		if value == "" {
			return nil, fmt.Errorf("no %s: evaluate the lines that sealfront prints, or give it as a flag", name)
		}
	}
	u, err := url.Parse(o.endpoint)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is not a URL", o.endpoint)
	}
	var pool *x509.CertPool
	if o.ca != "" {
		text, err := os.ReadFile(o.ca)
		if err != nil {
			return nil, fmt.Errorf("read the certificate authority: %w", err)
		}
		pool = x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate", o.ca)
		}
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 4096,
		DisableCompression: true, ReadBufferSize: 64 << 10, WriteBufferSize: 64 << 10,
	}
	return &target{
		options: o, url: u, client: &http.Client{Transport: transport}, signer: sigv4.NewSigner(o.region, "s3"),
		keys: &sigv4.Credentials{AccessKeyID: o.accessKey, SecretAccessKey: o.secretKey},
	}, nil
}

// put writes an object. Once begun it is not cut off when ctx ends, or it could land after its object has been removed.
func (t *target) put(ctx context.Context, key string, body []byte) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer stop()
	_, err := t.do(ctx, http.MethodPut, key, body)
	return err
}

// get reads an object and throws it away; it must have length bytes.
func (t *target) get(ctx context.Context, key string, length int) error {
	n, err := t.do(ctx, http.MethodGet, key, nil)
	if err == nil && n != int64(length) {
		err = fmt.Errorf("GET of %d bytes gave %d", length, n)
	}
	return err
}

// remove deletes an object.
func (t *target) remove(ctx context.Context, key string) error {
	_, err := t.do(ctx, http.MethodDelete, key, nil)
	return err
}

// do sends a signed request, reads its answer to the end, and returns the length of the body.
func (t *target) do(ctx context.Context, method, key string, body []byte) (int64, error) {
	path := "/" + t.bucket + "/" + key
	r, err := http.NewRequestWithContext(ctx, method, t.url.Scheme+"://"+t.url.Host+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	now := time.Now()
	date := string(sigv4.AppendTimestamp(nil, now))
	m := &sigv4.Message{Method: []byte(method), Path: []byte(path), Header: []sigv4.Field{
		{Name: []byte("Host"), Value: []byte(t.url.Host)},
		{Name: []byte("X-Amz-Content-Sha256"), Value: []byte(sigv4.UnsignedPayload)},
		{Name: []byte("X-Amz-Date"), Value: []byte(date)},
	}}
	r.Header.Set("X-Amz-Content-Sha256", sigv4.UnsignedPayload)
	r.Header.Set("X-Amz-Date", date)
	r.Header.Set("Authorization", string(t.signer.AppendAuthorization(nil, m, t.keys, now)))
	answer, err := t.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return 0, fmt.Errorf("%s: %s %s", method, answer.Status, strings.TrimSpace(string(text)))
	}
	n, err := io.Copy(io.Discard, answer.Body)
	if errors.Is(err, context.Canceled) {
		err = ctx.Err()
	}
	return n, err
}
