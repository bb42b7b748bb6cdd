package keyservice_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"sealfront/crypto/keyservice"
)

const (
	region    = "us-west-2"
	account   = "123456789012"
	accessKey = "AKIALOCALKMSTEST0001"
	secretKey = "a secret of the tests"
)

// clock is a time that tests can move; it begins at the true time, since clients sign with theirs.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

func options(dir string) keyservice.Options {
	return keyservice.Options{
		Dir: dir, Region: region, Account: account,
		Callers: keyservice.Anyone(func(id string) (string, bool) { return secretKey, id == accessKey }),
	}
}

func open(t testing.TB, o keyservice.Options) *keyservice.Service {
	t.Helper()
	s, err := keyservice.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// serve answers for s on a loopback port until the test ends, and returns its URL.
func serve(t testing.TB, s *keyservice.Service) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln, 5*time.Second) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

// client is the SDK's, without retries.
func client(url, accessKey, secretKey string) *kms.Client {
	return kms.New(kms.Options{
		Region: region, BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
}

// code returns the name of a KMS error, "" for nil.
func code(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		t.Fatalf("no error of the service: %v", err)
	}
	return api.ErrorCode()
}

// shiftedSigner signs by the clock of the test.
type shiftedSigner struct{ now func() time.Time }

func (s shiftedSigner) SignHTTP(
	ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, _ time.Time,
	o ...func(*v4.SignerOptions),
) error {
	return v4.NewSigner().SignHTTP(ctx, c, r, hash, service, region, s.now(), o...)
}
