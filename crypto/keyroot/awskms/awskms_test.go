package awskms_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/awskms"
	"sealfront/crypto/keyroot/roottest"
	"sealfront/crypto/keyservice"
)

const accessKey, secretKey = "AKIAKEYROOTTEST00001", "a secret of the tests"

// service is a key service over HTTP with two keys; fault is asked before each action.
func service(t *testing.T, fault func(action string) error) (config awskms.Config, other string, stop func()) {
	t.Helper()
	s, err := keyservice.New(keyservice.Options{
		Dir: t.TempDir(), Region: "us-west-2", Account: "123456789012", Fault: fault,
		Callers: keyservice.Anyone(func(id string) (string, bool) { return secretKey, id == accessKey }),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // it notes the last use of keys a little later
	var arns [2]string
	for i := range arns {
		if arns[i], err = s.CreateKey(t.Context(), "of a test"); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return awskms.Config{
		KeyARN: arns[0], Endpoint: server.URL, AccessKey: accessKey, SecretKey: keyroot.Secret{Value: secretKey},
	}, arns[1], server.Close
}

func open(t *testing.T, c awskms.Config) *awskms.Root {
	t.Helper()
	r, err := awskms.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestRootsOfAKeyService(t *testing.T) {
	c, arn, _ := service(t, nil)
	other := c
	other.KeyARN = arn
	roottest.Run(t, open(t, c), open(t, other), open(t, c))
}

func TestWhatAnOperatorCanMendIsNoDamage(t *testing.T) {
	var code atomic.Pointer[string]
	c, _, stop := service(t, func(string) error {
		if c := code.Load(); c != nil {
			return &keyservice.Error{Type: *c, Message: "as the test wants it"}
		}
		return nil
	})
	r := open(t, c)
	key := &[32]byte{1}
	wrapped, err := r.Wrap(t.Context(), "name", key)
	if err != nil {
		t.Fatal(err)
	}
	for fault, says := range map[string]string{
		"DisabledException": "enable the key", "KMSInvalidStateException": "cancel its deletion",
		"NotFoundException": "NotFoundException", "AccessDeniedException": "kms:Encrypt and kms:Decrypt",
		"ThrottlingException": "ThrottlingException", "KMSInternalException": "KMSInternalException",
		"DependencyTimeoutException": "DependencyTimeoutException",
	} {
		code.Store(&fault)
		var got [32]byte
		for what, err := range map[string]error{
			"Unwrap": r.Unwrap(t.Context(), "name", wrapped, &got), "Well": r.Well(t.Context()),
		} {
			if err == nil || errors.Is(err, keyroot.ErrWrong) || !strings.Contains(err.Error(), says) ||
				strings.Contains(err.Error(), secretKey) {
				t.Errorf("%s: %s: %v", fault, what, err)
			}
		}
	}
	code.Store(nil)
	if err := r.Well(t.Context()); err != nil {
		t.Errorf("well again: %v", err)
	}
	stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := r.Unwrap(ctx, "name", wrapped, new([32]byte)); err == nil || errors.Is(err, keyroot.ErrWrong) {
		t.Errorf("away: %v", err)
	}
}

func TestFaultsAreReportedAtOnce(t *testing.T) {
	good := awskms.Config{KeyARN: "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"}
	if f := good.Faults(); f != nil {
		t.Errorf("got %v", f)
	}
	for path, change := range map[string]func(*awskms.Config){
		"key":               func(c *awskms.Config) { c.KeyARN = "arn:aws:kms:us-west-2:123456789012:alias/root" },
		"key: \"\"":         func(c *awskms.Config) { c.KeyARN = "" },
		"key: is longer":    func(c *awskms.Config) { c.KeyARN += strings.Repeat("a", 200) },
		"endpoint":          func(c *awskms.Config) { c.Endpoint = "kms.example.com" },
		"sts_endpoint: mea": func(c *awskms.Config) { c.STSEndpoint = "https://sts.example.com" },
		"secret_key":        func(c *awskms.Config) { c.AccessKey = "AKIA" },
		"access_key":        func(c *awskms.Config) { c.SecretKey.Value = "s" },
		"role":              func(c *awskms.Config) { c.RoleARN = "admin" },
		"timeout":           func(c *awskms.Config) { c.Timeout = -1 },
	} {
		config := good
		change(&config)
		if f := config.Faults(); !strings.Contains(f.Error(), path) {
			t.Errorf("%s: %v", path, f)
		}
		r, err := awskms.Open(t.Context(), config)
		if _, ok := errors.AsType[keyroot.Faults](err); !ok || r != nil {
			t.Errorf("%s: Open: %v", path, err)
		}
	}
}
