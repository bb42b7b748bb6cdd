package awskms_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/crypto/awskms"
	"sealfront/crypto/keyservice"
)

const accessKey, secretKey = "AKIAAWSKMSTEST000001", "a secret of the tests"

// service is a key service with one key; fault is asked before each action.
func service(t *testing.T, fault func(action string) error) (handler http.Handler, arn string) {
	t.Helper()
	s, err := keyservice.New(keyservice.Options{
		Dir: t.TempDir(), Region: "us-west-2", Account: "123456789012", Fault: fault,
		Callers: keyservice.Anyone(func(id string) (string, bool) { return secretKey, id == accessKey }),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // it notes the last use of keys a little later
	if arn, err = s.CreateKey(t.Context(), "of a test"); err != nil {
		t.Fatal(err)
	}
	return s, arn
}

func options(url string) awskms.Options {
	return awskms.Options{Region: "us-west-2", Endpoint: url, AccessKey: accessKey, SecretKey: secretKey}
}

func client(t *testing.T, o awskms.Options) *awskms.Client {
	t.Helper()
	c, err := awskms.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// coded is what callers look for in errors.
type coded interface {
	error
	ErrorCode() string
	ErrorMessage() string
}

func TestKeysGoThereAndBack(t *testing.T) {
	handler, arn := service(t, nil)
	server := httptest.NewServer(handler)
	defer server.Close()
	c := client(t, options(server.URL))
	pairs := map[string]string{"a": "b"}
	plain, blob, err := c.GenerateDataKey(t.Context(), arn, pairs)
	if err != nil || len(plain) != 32 {
		t.Fatalf("%d bytes, %v", len(plain), err)
	}
	if again, err := c.Decrypt(t.Context(), arn, blob, pairs); err != nil || !bytes.Equal(again, plain) {
		t.Errorf("got %v", err)
	}
	got, state, manager, spec, usage, err := c.DescribeKey(t.Context(), arn)
	if err != nil || got != arn || state != "Enabled" || manager != "CUSTOMER" || spec != "SYMMETRIC_DEFAULT" ||
		usage != "ENCRYPT_DECRYPT" {
		t.Errorf("%s %s %s %s %s %v", got, state, manager, spec, usage, err)
	}
}

func TestErrorsKeepTheirNames(t *testing.T) {
	handler, arn := service(t, func(action string) error {
		if action == "GenerateDataKey" {
			return &keyservice.Error{Type: "DisabledException", Message: "it is disabled."}
		}
		return nil
	})
	server := httptest.NewServer(handler)
	defer server.Close()
	c := client(t, options(server.URL))
	_, _, err := c.GenerateDataKey(t.Context(), arn, nil)
	if e, ok := errors.AsType[coded](err); !ok || e.ErrorCode() != "DisabledException" ||
		e.ErrorMessage() != "it is disabled." {
		t.Errorf("got %v", err)
	}
	_, _, _, _, _, err = c.DescribeKey(t.Context(), "alias/none")
	if e, ok := errors.AsType[coded](err); !ok || e.ErrorCode() != "NotFoundException" {
		t.Errorf("got %v", err)
	}
	plain, err := c.Decrypt(t.Context(), arn, []byte("no blob"), nil)
	if e, ok := errors.AsType[coded](err); !ok || e.ErrorCode() != "InvalidCiphertextException" || plain != nil {
		t.Errorf("got %v", err)
	}
}

func TestABrokenNetworkHasNoName(t *testing.T) {
	t.Parallel() // retries wait
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, _, err := client(t, options(server.URL)).GenerateDataKey(t.Context(), "key", nil)
	if _, named := errors.AsType[coded](err); err == nil || named {
		t.Errorf("got %v", err)
	}
}

func TestRetriesAreBounded(t *testing.T) {
	t.Parallel() // retries wait
	for name, failures := range map[string]int32{"two throttled calls": 2, "nothing but throttling": 1000} {
		var calls atomic.Int32
		handler, arn := service(t, func(string) error {
			if calls.Add(1) <= failures {
				return &keyservice.Error{Type: "ThrottlingException", Message: "Rate exceeded"}
			}
			return nil
		})
		server := httptest.NewServer(handler)
		_, _, err := client(t, options(server.URL)).GenerateDataKey(t.Context(), arn, nil)
		server.Close()
		e, _ := errors.AsType[coded](err)
		if calls.Load() != 3 || (err == nil) != (failures == 2) ||
			err != nil && (e == nil || e.ErrorCode() != "ThrottlingException") {
			t.Errorf("%s: %d calls, %v", name, calls.Load(), err)
		}
	}
}

// A call whose time is over before KMS may be asked again fails by what KMS said.
func TestThrottlingIsToldInTime(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	handler, arn := service(t, func(string) error {
		calls.Add(1)
		return &keyservice.Error{Type: "ThrottlingException", Message: "Rate exceeded"}
	})
	server := httptest.NewServer(handler)
	defer server.Close()
	o := options(server.URL)
	o.Timeout = time.Minute
	o.SetBackoff(2 * o.Timeout)
	_, _, err := client(t, o).GenerateDataKey(t.Context(), arn, nil)
	if e, _ := errors.AsType[coded](err); e == nil || e.ErrorCode() != "ThrottlingException" || calls.Load() != 1 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
}

func TestCallsEndInTime(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	o := options(server.URL)
	o.Timeout = 50 * time.Millisecond
	start := time.Now()
	_, _, err := client(t, o).GenerateDataKey(t.Context(), "key", nil)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 10*time.Second {
		t.Errorf("by its own timeout: %v after %v", err, time.Since(start))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, options(server.URL)).Decrypt(ctx, "key", []byte{1}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with its context: %v", err)
	}
}

func TestTheEnvironmentDoesNotMoveKMS(t *testing.T) {
	handler, arn := service(t, nil)
	server := httptest.NewServer(handler)
	defer server.Close()
	elsewhere := httptest.NewServer(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { t.Error("asked elsewhere") }))
	defer elsewhere.Close()
	t.Setenv("AWS_ENDPOINT_URL", elsewhere.URL)
	t.Setenv("AWS_ENDPOINT_URL_KMS", elsewhere.URL)
	t.Setenv("AWS_CA_BUNDLE", filepath.Join(t.TempDir(), "none.pem"))
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE0001")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another secret")
	if _, _, _, _, _, err := client(t, options(server.URL)).DescribeKey(t.Context(), arn); err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_CA_BUNDLE", "")
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey) // the default chain's, when the options name none
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	o := options(server.URL)
	o.AccessKey, o.SecretKey = "", ""
	if _, _, _, _, _, err := client(t, o).DescribeKey(t.Context(), arn); err != nil {
		t.Errorf("by the default chain: %v", err)
	}
	chain, err := awskms.Credentials(t.Context(), "us-west-2")
	if err != nil {
		t.Fatal(err)
	}
	if id, secret, token, err := chain(t.Context()); id != accessKey || secret != secretKey ||
		token != "" || err != nil {
		t.Errorf("Credentials: %s, %v", id, err)
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	t.Parallel() // retries wait
	handler, arn := service(t, nil)
	server := httptest.NewTLSServer(handler)
	defer server.Close()
	server.Config.ErrorLog = nil
	if _, _, _, _, _, err := client(t, options(server.URL)).DescribeKey(t.Context(), arn); err == nil {
		t.Error("a certificate of nobody's was accepted")
	}
	dir := t.TempDir()
	o := options(server.URL)
	o.CAFile = filepath.Join(dir, "ca.pem")
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(o.CAFile, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, _, _, err := client(t, o).DescribeKey(t.Context(), arn); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(o.CAFile, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := awskms.New(t.Context(), o); err == nil || c != nil {
		t.Error("a file without certificates was accepted")
	}
	o.CAFile = filepath.Join(dir, "none.pem")
	if c, err := awskms.New(t.Context(), o); err == nil || c != nil {
		t.Error("a missing file was accepted")
	}
}

// An answer without a key, or with a shorter one than asked for, is no key.
func TestAnswersMustHoldAKey(t *testing.T) {
	for _, answer := range []string{
		`{}`, `{"Plaintext":"AAAA","CiphertextBlob":"AAAA","KeyId":"k"}`, `{"Plaintext":"` +
			strings.Repeat("AAAA", 11) + `","CiphertextBlob":"AAAA"}`,
		`{"Plaintext":"` + base64.StdEncoding.EncodeToString(make([]byte, 32)) + `"}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		c := client(t, options(server.URL))
		plain, blob, err := c.GenerateDataKey(t.Context(), "key", nil)
		if _, named := errors.AsType[coded](err); err == nil || named || plain != nil || blob != nil {
			t.Errorf("GenerateDataKey answered %s: %v", answer, err)
		}
		if plain, err := c.Decrypt(t.Context(), "key", []byte{1}, nil); answer == "{}" && (err == nil || plain != nil) {
			t.Errorf("Decrypt answered %s: %v", answer, err)
		}
		if _, _, _, _, _, err := c.DescribeKey(t.Context(), "key"); err == nil {
			t.Errorf("DescribeKey answered %s", answer)
		}
		server.Close()
	}
}
