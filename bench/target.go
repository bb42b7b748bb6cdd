package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"

	"sealfront/sigv4"
)

// options say where a target is and who calls it.
type options struct {
	name, endpoint, bucket, accessKey, secretKey, region, ca string
	session                                                  bool // CreateSession, as for directory buckets
	// header fields of every request that makes an object
	put   [][2]string
	admin string // URL of /metrics; "" for none
	// whose CPU and memory, with their children, are the target's
	processes []int
	sealed    func(ctx context.Context, key string) ([]byte, error)
}

// A target is one S3 endpoint with a bucket. It is safe for concurrent use.
type target struct {
	options
	url         *url.URL
	tls         *tls.Config
	signer      *sigv4.Signer
	credentials sigv4.Credentials
	sessions    *sessions // nil: requests are signed with the long-term key
}

func newTarget(o options) (*target, error) {
	for _, f := range []struct{ name, value string }{
		{"endpoint", o.endpoint}, {"bucket", o.bucket}, {"access key", o.accessKey}, {"secret key", o.secretKey},
	} {
		if f.value == "" {
			return nil, fmt.Errorf("no %s: evaluate the lines that sealfront prints, or set AWS_ENDPOINT_URL, "+
				"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and SEALFRONT_BUCKET", f.name)
		}
	}
	u, err := url.Parse(o.endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not a URL such as https://127.0.0.1:8443", o.endpoint)
	}
	t := &target{
		options: o, url: u, signer: sigv4.NewSigner(o.region, "s3"),
		credentials: sigv4.Credentials{AccessKeyID: o.accessKey, SecretAccessKey: o.secretKey},
	}
	if u.Port() == "" {
		u.Host += map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	}
	if u.Scheme == "https" {
		// Sessions of TLS are kept, as SDKs do, but a benchmark's connections live long.
		t.tls = &tls.Config{
			ServerName: u.Hostname(), MinVersion: tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(64),
		}
		if o.ca != "" {
			text, err := os.ReadFile(o.ca)
			if err != nil {
				return nil, fmt.Errorf("read the certificate authority: %w", err)
			}
			t.tls.RootCAs = x509.NewCertPool()
			if !t.tls.RootCAs.AppendCertsFromPEM(text) {
				return nil, fmt.Errorf("%s holds no certificate", o.ca)
			}
		}
	}
	if o.session {
		t.sessions = &sessions{signer: sigv4.NewSigner(o.region, "s3express")}
	}
	return t, nil
}
