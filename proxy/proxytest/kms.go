package proxytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/crypto/keyservice"
)

// A FaultyKMS is a key service of the test's own that fails as the test wants, for each KMS key by itself.
type FaultyKMS struct {
	*kms.Client // its operator, to whom the faults don't apply
	URL         string
	ServiceKey  string
	service     http.Handler

	mu     sync.Mutex
	faults map[string]KMSFault // by the key's ARN; "": all keys
	calls  map[string]int      // by action and key's ARN, "Decrypt arn:…"
}

const KMSAccessKey, KMSSecretKey = "AKIAOFTHEKEYSERVICE", "secret of the key service"

// NewFaultyKMS starts a key service with one KMS key, the service key, and without faults.
func NewFaultyKMS(t testing.TB) *FaultyKMS {
	t.Helper()
	service, err := keyservice.New(keyservice.Options{
		Dir: t.TempDir(), Region: "us-west-2", Account: "123456789012",
		Callers: keyservice.Anyone(func(id string) (string, bool) { return KMSSecretKey, id == KMSAccessKey }),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close() }) // it notes the last use of keys a little later
	back := httptest.NewServer(service)
	t.Cleanup(back.Close)
	return newFaultyKMS(t, service, back.URL)
}

// NewFaultyKeyServer is NewFaultyKMS before "sealfront kms", started as the package's programs are.
func NewFaultyKeyServer(t testing.TB) *FaultyKMS {
	t.Helper()
	back := StartKeyServer(t, KeyServerConfig(t, "", ""))
	target, err := url.Parse(back.Env["SEALFRONT_KMS_ENDPOINT"])
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
	}
	return newFaultyKMS(t, forward, target.String())
}

func newFaultyKMS(t testing.TB, service http.Handler, operated string) *FaultyKMS {
	t.Helper()
	k := &FaultyKMS{service: service, faults: make(map[string]KMSFault), calls: make(map[string]int)}
	front := httptest.NewServer(k)
	t.Cleanup(func() {
		front.CloseClientConnections() // those that hang
		front.Close()
	})
	k.URL = front.URL
	k.Client = kms.New(kms.Options{
		Region: "us-west-2", BaseEndpoint: &operated,
		Credentials: credentials.NewStaticCredentialsProvider(KMSAccessKey, KMSSecretKey, ""),
	})
	k.ServiceKey = k.MakeKey(t)
	return k
}

// MakeKey makes a KMS key and returns its ARN.
func (k *FaultyKMS) MakeKey(t testing.TB) string {
	t.Helper()
	return k.MakeKeyAs(t, &kms.CreateKeyInput{})
}

// Set makes every request about a KMS key, by its ARN, or about all with "", hit a fault from now on; nil ends it.
func (k *FaultyKMS) Set(key string, fault KMSFault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults[key] = fault
}

// Count returns how many requests of an action the program has sent about a key, retries included.
func (k *FaultyKMS) Count(action, key string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls[action+" "+key]
}

// All is Count for every action.
func (k *FaultyKMS) All(key string) int {
	return k.Count("GenerateDataKey", key) + k.Count("Decrypt", key) + k.Count("DescribeKey", key)
}

func (k *FaultyKMS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

// Start starts the program before k, with an embedded store under dir.
func (k *FaultyKMS) Start(t testing.TB, dir, settings string) *Program {
	t.Helper()
	return StartWith(t, k.Config(dir, settings))
}

// Config is a configuration with this key service and an embedded store under dir. settings are further lines of its
// section kms.
func (k *FaultyKMS) Config(dir, settings string) string {
	return fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
data: %s
kms: {kind: aws, endpoint: %q, access_key: %s, secret_key: %q, service_key: %q, %s}
`, dir, k.URL, KMSAccessKey, KMSSecretKey, k.ServiceKey, settings)
}

// MakeKeyAs makes a key of any kind and returns its ARN.
func (k *FaultyKMS) MakeKeyAs(t testing.TB, in *kms.CreateKeyInput) string {
	t.Helper()
	out, err := k.CreateKey(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}
