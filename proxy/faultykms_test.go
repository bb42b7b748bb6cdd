package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/crypto/localkms"
)

// A faultyKMS is a key service of the test's own that fails as the test wants, for each KMS key by itself.
type faultyKMS struct {
	*kms.Client // its operator, who is spared the faults
	url         string
	serviceKey  string
	service     *localkms.Service

	mu     sync.Mutex
	faults map[string]kmsFault // by the key's ARN; "": all keys
	calls  map[string]int      // by action and key's ARN, "Decrypt arn:…"
}

// A kmsFault answers instead of serve, or lets it answer.
type kmsFault func(w http.ResponseWriter, r *http.Request, action string, serve http.HandlerFunc)

const kmsAccessKey, kmsSecretKey = "AKIAOFTHEKEYSERVICE", "secret of the key service"

func newFaultyKMS(t testing.TB) *faultyKMS {
	t.Helper()
	service, err := localkms.New(localkms.Options{
		Dir: t.TempDir(), Region: "us-west-2", Account: "123456789012",
		Credentials: func(id string) (string, bool) { return kmsSecretKey, id == kmsAccessKey },
	})
	if err != nil {
		t.Fatal(err)
	}
	k := &faultyKMS{service: service, faults: make(map[string]kmsFault), calls: make(map[string]int)}
	front, back := httptest.NewServer(k), httptest.NewServer(service)
	t.Cleanup(func() {
		front.CloseClientConnections() // those that hang
		front.Close()
		back.Close()
	})
	k.url = front.URL
	k.Client = kms.New(kms.Options{
		Region: "us-west-2", BaseEndpoint: aws.String(back.URL),
		Credentials: credentials.NewStaticCredentialsProvider(kmsAccessKey, kmsSecretKey, ""),
	})
	k.serviceKey = k.newKey(t)
	return k
}

func (k *faultyKMS) newKey(t testing.TB) string {
	t.Helper()
	arn, err := k.service.CreateKey(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

func (k *faultyKMS) set(key string, fault kmsFault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults[key] = fault
}

// count returns how many requests of an action the program has sent about a key, retries included.
func (k *faultyKMS) count(action, key string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls[action+" "+key]
}

// all is count for every action.
func (k *faultyKMS) all(key string) int {
	return k.count("GenerateDataKey", key) + k.count("Decrypt", key) + k.count("DescribeKey", key)
}

func (k *faultyKMS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var in struct{ KeyId string }
	_ = json.Unmarshal(body, &in)
	action := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	k.mu.Lock()
	k.calls[action+" "+in.KeyId]++
	fault := k.faults[in.KeyId]
	if fault == nil {
		fault = k.faults[""]
	}
	k.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	if fault == nil {
		k.service.ServeHTTP(w, r)
		return
	}
	fault(w, r, action, k.service.ServeHTTP)
}

// startWithKMS starts the program before k, with an embedded store under dir.
func (k *faultyKMS) start(t testing.TB, dir, settings string) *program {
	t.Helper()
	return startWith(t.(*testing.T), k.config(dir, settings))
}

func (k *faultyKMS) config(dir, settings string) string {
	return fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
data: %s
kms: {kind: aws, endpoint: %q, access_key: %s, secret_key: %q, service_key: %q, %s}
`, dir, k.url, kmsAccessKey, kmsSecretKey, k.serviceKey, settings)
}

// kmsSays answers with KMS's name of an error.
func kmsSays(name string, status int, message string) kmsFault {
	return func(w http.ResponseWriter, _ *http.Request, _ string, _ http.HandlerFunc) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":%q,"message":%q}`, name, message)
	}
}

// onDecrypt makes a fault that concerns Decrypt alone.
func onDecrypt(fault kmsFault) kmsFault {
	return func(w http.ResponseWriter, r *http.Request, action string, serve http.HandlerFunc) {
		if action != "Decrypt" {
			serve(w, r)
			return
		}
		fault(w, r, action, serve)
	}
}

func kmsHangs(_ http.ResponseWriter, r *http.Request, _ string, _ http.HandlerFunc) {
	<-r.Context().Done()
}

// kmsIsSlow answers rightly, after a while.
func kmsIsSlow(latency time.Duration) kmsFault {
	return func(w http.ResponseWriter, r *http.Request, _ string, serve http.HandlerFunc) {
		select {
		case <-time.After(latency):
			serve(w, r)
		case <-r.Context().Done():
		}
	}
}

func kmsResets(w http.ResponseWriter, _ *http.Request, _ string, _ http.HandlerFunc) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

func kmsAnswers(status int, body string) kmsFault {
	return func(w http.ResponseWriter, _ *http.Request, _ string, _ http.HandlerFunc) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// kmsAlters lets alter change the true answer's JSON.
func kmsAlters(alter func([]byte) []byte) kmsFault {
	return func(w http.ResponseWriter, r *http.Request, _ string, serve http.HandlerFunc) {
		answer := httptest.NewRecorder()
		serve(answer, r)
		body := answer.Body.Bytes()
		if answer.Code == http.StatusOK {
			body = alter(body)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body)
	}
}

// kmsBreaksOff sends half of what it declares.
func kmsBreaksOff(w http.ResponseWriter, r *http.Request, _ string, serve http.HandlerFunc) {
	answer := httptest.NewRecorder()
	serve(answer, r)
	w.Header().Set("Content-Length", fmt.Sprint(answer.Body.Len()))
	_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	panic(http.ErrAbortHandler)
}

// withPlaintext puts another plaintext into an answer that has one.
func withPlaintext(plaintext []byte) func([]byte) []byte {
	return func(body []byte) []byte {
		var m map[string]any
		if json.Unmarshal(body, &m) != nil || m["Plaintext"] == nil {
			return body
		}
		m["Plaintext"] = base64.StdEncoding.EncodeToString(plaintext)
		out, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		return out
	}
}
