package conformance

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// A target is the endpoint under test and what is known about it.
type target struct {
	zonal, control, plain *url.URL // control and plain may be nil
	virtual               bool
	lacks                 string
	slow                  bool
	admin                 string
	client                *http.Client
	region                string
	partition, account    string // of the key
	base, zone            string
	settle                time.Duration
	long                  *credential
	limited               map[string]*credential // by name: reader, nokms, nobody
	keys                  *keyService

	run     string // makes bucket names of this run differ from others'
	sharing sync.Mutex
	buckets map[string]string // shared buckets by state; under sharing

	mu        sync.Mutex
	scratches int                // how many other buckets were made
	made      []string           // what has to be removed
	sessions  map[string]*leased // by bucket and headers
}

type leased struct {
	*credential
	until time.Time
}

func newTarget(s Settings) (*target, error) {
	x := &target{
		admin: s.Admin, lacks: s.Lacks, region: s.Region, settle: s.Settle, long: &credential{Credentials: s.Credentials},
		limited: make(map[string]*credential), slow: s.Slow,
		buckets: make(map[string]string), sessions: make(map[string]*leased),
	}
	base, rest, ok := cutLast(strings.TrimSuffix(s.Bucket, "--x-s3"), "--")
	if !ok || !strings.HasSuffix(s.Bucket, "--x-s3") {
		return nil, fmt.Errorf("-bucket %q is not of the form BASE--ZONE--x-s3", s.Bucket)
	}
	x.base, x.zone = base, rest
	arn := strings.SplitN(s.Key, ":", 6)
	if len(arn) != 6 || arn[2] != "kms" {
		return nil, fmt.Errorf("-kms-key %q is not a key's ARN", s.Key)
	}
	x.partition, x.account = arn[1], arn[4]
	if x.region == "" {
		x.region = arn[3]
	}
	if s.Credentials.AccessKeyID == "" || s.Credentials.SecretAccessKey == "" {
		return nil, errors.New("the environment has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	for _, u := range []struct {
		flag, value string
		result      **url.URL
	}{
		{"endpoint", s.Endpoint, &x.zonal},
		{"control-endpoint", s.ControlEndpoint, &x.control},
		{"http-endpoint", s.HTTPEndpoint, &x.plain},
	} {
		if u.value == "" {
			continue
		}
		parsed, err := url.Parse(u.value)
		if err != nil || parsed.Host == "" || strings.Trim(parsed.Path, "/") != "" {
			return nil, fmt.Errorf("-%s %q is not a URL of scheme and host", u.flag, u.value)
		}
		*u.result = parsed
	}
	if s.Addressing != "path" && s.Addressing != "virtual" {
		return nil, fmt.Errorf("-addressing %q is neither path nor virtual", s.Addressing)
	}
	x.virtual = s.Addressing == "virtual"
	var pool *x509.CertPool
	if s.CA != "" {
		text, err := os.ReadFile(s.CA)
		if err != nil {
			return nil, fmt.Errorf("read -ca: %w", err)
		}
		if pool, err = x509.SystemCertPool(); err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("-ca %s holds no certificate", s.CA)
		}
	}
	x.client = &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:    &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
			DisableCompression: true, MaxIdleConnsPerHost: 16, DialContext: dial,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var random [3]byte
	_, _ = rand.Read(random[:])
	x.run = hex.EncodeToString(random[:])
	x.keys = newKeyService(s, x)
	for name, c := range s.Limited {
		x.limited[name] = &credential{Credentials: c}
	}
	return x, nil
}

// dial connects to this machine for names below localhost, as RFC 6761 wants it and few resolvers do.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(host, ".localhost") {
		address = net.JoinHostPort("localhost", port)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// bucketName is the name of a bucket of this run.
func (x *target) bucketName(what string) string {
	suffix := "-" + x.run + "-" + what + "--" + x.zone + "--x-s3"
	return x.base[:max(0, min(len(x.base), 63-len(suffix)))] + suffix
}

// remove deletes every bucket that was made, with what is in it, and schedules the deletion of keys.
func (x *target) remove(ctx context.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer stop()
	x.mu.Lock()
	made := x.made
	x.made = nil
	x.mu.Unlock()
	var failures []error
	for _, bucket := range made {
		if err := x.removeBucket(ctx, bucket); err != nil {
			failures = append(failures, fmt.Errorf("remove the bucket %s: %w", bucket, err))
		}
	}
	if err := x.keys.remove(ctx); err != nil {
		failures = append(failures, fmt.Errorf("remove keys: %w", err))
	}
	return errors.Join(failures...)
}
