package conformance

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/sigv4"
)

var (
	endpointFlag = flag.String("endpoint", "",
		"URL of the endpoint under test; without it the program is built and started")
	controlFlag = flag.String("control-endpoint", "",
		"URL for regional operations, in path style; default: as -endpoint")
	httpFlag = flag.String("http-endpoint", "",
		"URL of the endpoint without TLS; rows that need it are skipped otherwise")
	kmsFlag        = flag.String("kms-endpoint", "", "URL of the key service; rows on key states are skipped otherwise")
	adminFlag      = flag.String("admin", "", "URL of the program's admin address, to drop cached keys")
	addressingFlag = flag.String("addressing", "path", "path or virtual")
	bucketFlag     = flag.String("bucket", "",
		"BASE--ZONE--x-s3: the zone, and the beginning of the names of the buckets made")
	keyFlag   = flag.String("kms-key", "", "ARN of the customer managed key that buckets are bound to")
	otherFlag = flag.String("kms-key-other", "",
		"ARN of another customer managed key of the same account; default: one is made")
	foreignFlag   = flag.String("kms-key-foreign", "", "ARN of a key of another account that its policy lets be used")
	forbiddenFlag = flag.String("kms-key-forbidden", "",
		"ARN of a key of another account that its policy doesn't let be used")
	regionFlag = flag.String("region", "", "region of signatures; default $AWS_REGION, else that of -kms-key")
	caFlag     = flag.String("ca", "", "PEM file of the endpoint's certificate authority; default the system's")
	settleFlag = flag.Duration("settle", 0, "how long to wait after a bucket's encryption was changed")
	slowFlag   = flag.Bool("slow", false, "wait until a session has expired, and a cached key's life has ended")
	storeFlag  = flag.String("store", "embedded", "of the program that is started: embedded, versitygw, minio")
	lacksFlag  = flag.String("lacks", "",
		"conditional-delete: the store behind the endpoint has none, so it must be refused")
	keysFlag = flag.String("kms", "embedded", "of the program that is started: embedded, moto, sealfront (the command kms)")
)

// A target is the endpoint under test and what is known about it.
type target struct {
	zonal, control, plain *url.URL // control and plain may be nil
	virtual               bool
	lacks                 string
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

// settings say where a target is.
type settings struct {
	endpoint, control, plain, kms, admin, addressing, bucket string
	key, other, foreign, forbidden                           string
	region, ca                                               string
	settle                                                   time.Duration
	long                                                     sigv4.Credentials
	limited                                                  map[string]*credential
	// the key service enforces states and usage; is the program's own
	keyStates, embeddedKeys bool
	lacks                   string
}

// givenSettings are those of the command line and the environment.
func givenSettings() settings {
	s := settings{
		endpoint: *endpointFlag, control: *controlFlag, plain: *httpFlag, kms: *kmsFlag, admin: *adminFlag,
		addressing: *addressingFlag,
		bucket:     *bucketFlag, key: *keyFlag, other: *otherFlag, foreign: *foreignFlag, forbidden: *forbiddenFlag,
		region: *regionFlag,
		ca:     *caFlag, settle: *settleFlag, lacks: *lacksFlag, limited: make(map[string]*credential), keyStates: true,
		long: sigv4.Credentials{
			AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
			SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
		},
	}
	if s.region == "" {
		s.region = os.Getenv("AWS_REGION")
	}
	for _, name := range []string{"reader", "nokms", "nobody"} {
		prefix := "CONFORMANCE_" + strings.ToUpper(name)
		if id := os.Getenv(prefix + "_ACCESS_KEY_ID"); id != "" {
			s.limited[name] = &credential{Credentials: sigv4.Credentials{
				AccessKeyID: id, SecretAccessKey: os.Getenv(prefix + "_SECRET_ACCESS_KEY"),
				SessionToken: os.Getenv(prefix + "_SESSION_TOKEN"),
			}}
		}
	}
	return s
}

func newTarget(s settings) (*target, error) {
	x := &target{
		admin: s.admin, lacks: s.lacks, region: s.region, settle: s.settle, long: &credential{Credentials: s.long},
		limited: s.limited,
		buckets: make(map[string]string), sessions: make(map[string]*leased),
	}
	base, rest, ok := cutLast(strings.TrimSuffix(s.bucket, "--x-s3"), "--")
	if !ok || !strings.HasSuffix(s.bucket, "--x-s3") {
		return nil, fmt.Errorf("-bucket %q is not of the form BASE--ZONE--x-s3", s.bucket)
	}
	x.base, x.zone = base, rest
	arn := strings.SplitN(s.key, ":", 6)
	if len(arn) != 6 || arn[2] != "kms" {
		return nil, fmt.Errorf("-kms-key %q is not a key's ARN", s.key)
	}
	x.partition, x.account = arn[1], arn[4]
	if x.region == "" {
		x.region = arn[3]
	}
	if s.long.AccessKeyID == "" || s.long.SecretAccessKey == "" {
		return nil, errors.New("the environment has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	for _, u := range []struct {
		flag, value string
		result      **url.URL
	}{
		{"endpoint", s.endpoint, &x.zonal},
		{"control-endpoint", s.control, &x.control},
		{"http-endpoint", s.plain, &x.plain},
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
	if s.addressing != "path" && s.addressing != "virtual" {
		return nil, fmt.Errorf("-addressing %q is neither path nor virtual", s.addressing)
	}
	x.virtual = s.addressing == "virtual"
	var pool *x509.CertPool
	if s.ca != "" {
		text, err := os.ReadFile(s.ca)
		if err != nil {
			return nil, fmt.Errorf("read -ca: %w", err)
		}
		if pool, err = x509.SystemCertPool(); err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("-ca %s holds no certificate", s.ca)
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
func (x *target) remove(t *testing.T) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute)
	defer stop()
	x.mu.Lock()
	made := x.made
	x.made = nil
	x.mu.Unlock()
	for _, bucket := range made {
		if err := x.removeBucket(ctx, bucket); err != nil {
			t.Errorf("remove the bucket %s: %v", bucket, err)
		}
	}
	if err := x.keys.remove(ctx); err != nil {
		t.Errorf("remove keys: %v", err)
	}
}
