package keyserver_test

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"go.uber.org/zap"

	"sealfront/proxy/audit"
	"sealfront/proxy/config"
	"sealfront/proxy/keyserver"
)

// careless is a store that keeps some conditions on PUT.
type careless struct {
	mu           sync.Mutex
	objects      map[string][]byte
	none, absent bool // If-None-Match: *; If-Match on an object that doesn't exist
	other, old   bool // If-Match with an ETag that never was, and with that of an earlier state
	puts         map[string]bool
}

func (s *careless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tag := func(data []byte) string { return fmt.Sprintf("\"%x\"", md5.Sum(data)) }
	now, there := s.objects[r.URL.Path]
	switch r.Method {
	case http.MethodGet:
		if !there {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Etag", tag(now))
		_, _ = w.Write(now)
	case http.MethodDelete:
		delete(s.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPut:
		data, _ := io.ReadAll(r.Body)
		match := r.Header.Get("If-Match")
		keeps := s.other
		if s.puts[match] {
			keeps = s.old
		}
		if r.Header.Get("If-None-Match") == "*" && there && s.none || match != "" && !there && s.absent ||
			match != "" && there && match != tag(now) && keeps {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		s.objects[r.URL.Path], s.puts[tag(data)] = data, true
		w.Header().Set("Etag", tag(data))
	}
}

func TestAStoreWithoutConditionsIsRefused(t *testing.T) {
	for want, s := range map[string]*careless{
		"":                                     {none: true, absent: true, other: true, old: true},
		"If-None-Match: * on an object":        {absent: true, other: true, old: true},
		"If-Match on an object that":           {none: true, other: true, old: true},
		"If-Match with another ETag":           {none: true, absent: true, old: true},
		"If-Match with the ETag of an earlier": {none: true, absent: true, other: true},
	} {
		s.objects, s.puts = make(map[string][]byte), make(map[string]bool)
		server := httptest.NewServer(s)
		site, err := keyserver.Open(t.Context(), overStore(t, server.URL, rootFile(t)), zap.NewNop())
		if want == "" {
			if err != nil {
				t.Errorf("a store that keeps all: %v", err)
			} else if err := site.Close(); err != nil {
				t.Error(err)
			}
		} else if faults, ok := errors.AsType[config.Faults](err); !ok || faults[0].Path != "records.store" ||
			faults.Passing() || !strings.Contains(err.Error(), "doesn't keep "+want) {
			t.Errorf("without %s: %v", want, err)
		}
		server.Close()
	}
}

func TestAMissingRootIsNeverMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	c := overStore(t, "http://"+memory(t).Address(), path)
	_, err := keyserver.Open(t.Context(), c, zap.NewNop())
	var faults config.Faults
	if !errors.As(err, &faults) || faults[0].Path != "roots[0].file" ||
		!strings.Contains(err.Error(), "sealfront kms root") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it was made")
	}
}

func TestTheAuditLogOfAKeyService(t *testing.T) {
	c := overStore(t, "http://"+memory(t).Address(), rootFile(t))
	c.Log.Audit = filepath.Join(t.TempDir(), "audit.log")
	r := start(t, c)
	made, err := r.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{
		KeyId: made.KeyMetadata.KeyId, NumberOfBytes: aws.Int32(32), EncryptionContext: map[string]string{"for": "a test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/none")}); err == nil {
		t.Error("there is no such alias")
	}
	r.stop()
	if err := <-r.done; err != nil {
		t.Fatal(err)
	}
	r.done <- nil
	text, err := os.ReadFile(c.Log.Audit)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"operation":"GenerateDataKey"`, `"kmsKey":"` + *made.KeyMetadata.Arn + `"`, `"context":"{\"for\":\"a test\"}"`,
		`"principal":"arn:aws:iam::123456789012:user/admin"`, `"code":"NotFoundException"`, `"kmsKey":"alias/none"`,
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if bytes.Contains(text, out.Plaintext) || bytes.Contains(text, []byte(secretKey)) {
		t.Error("it holds a secret")
	}
	if _, err := audit.Verify("", c.Log.Audit); err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(text)
}

func TestTheAdminAddressOfAKeyService(t *testing.T) {
	c := overStore(t, "http://"+memory(t).Address(), rootFile(t))
	c.Admin.Token = "an admin's token"
	r := start(t, c)
	if _, err := r.ListKeys(t.Context(), &kms.ListKeysInput{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		path, token, text string
		code              int
	}{
		{"/livez", "", "ok", 200},
		{"/readyz?verbose", "", "root main well", 200},
		{"/metrics", "", "token", 401},
		{"/metrics", c.Admin.Token, `sealfront_keyservice_requests_total{action="ListKeys",code="OK"} 1`, 200},
		{"/status", "wrong", "token", 401},
		{"/status", c.Admin.Token, `"wraps": true`, 200},
	} {
		if code, text := get(t, r.admin+want.path, want.token); code != want.code || !strings.Contains(text, want.text) {
			t.Errorf("%s: %d %s", want.path, code, text)
		}
	}
}

// At the end the service is no longer ready first, and answers for a while; what is in flight then ends.
func TestAKeyServiceDrains(t *testing.T) {
	c := overStore(t, "http://"+memory(t).Address(), rootFile(t))
	c.Limits.DrainDelay = 2 * time.Second
	r := start(t, c)
	if code, text := get(t, r.admin+"/readyz", ""); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	r.stop()
	for {
		if code, _ := get(t, r.admin+"/readyz", ""); code == http.StatusServiceUnavailable {
			break
		}
	}
	if _, err := r.CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
		t.Errorf("while it drains: %v", err)
	}
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	r.done <- nil
}

// The page says first what is wrong, holds what clients send as text, and runs nothing; no foreign web page reads it.
func TestTheStatusPageOfAKeyService(t *testing.T) {
	r := start(t, overStore(t, "http://"+memory(t).Address(), rootFile(t)))
	const evil = `<script>alert("x")</script>`
	if _, err := r.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(evil)}); err == nil {
		t.Error("there is no such key")
	}
	ask := func(host string) (*http.Response, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.admin+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Host = host
		a, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Body.Close() }()
		text, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a, string(text)
	}
	a, text := ask("")
	for _, want := range []string{
		"Sealfront key service", "All is well", "root main", "DescribeKey", "NotFoundException", "&lt;script&gt;",
		"bucket " + bucket, "Root main",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it doesn't say %q", want)
		}
	}
	if strings.Contains(text, evil) || strings.Contains(text, secretKey) {
		t.Error("it holds a client's HTML, or a secret")
	}
	if policy := a.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy,
		"default-src 'none'; style-src 'nonce-") ||
		strings.Contains(policy, "script") {
		t.Errorf("Content-Security-Policy: %s", policy)
	}
	if a, _ := ask("evil.example.com"); a.StatusCode != http.StatusForbidden {
		t.Errorf("under a foreign name: %d", a.StatusCode)
	}
}
