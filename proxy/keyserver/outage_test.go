package keyserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/crypto/keyroot/roottest"
	"sealfront/proxy/proxytest"
)

// A site is a proxy before a key service before a root, each a process of its own.
type site struct {
	t         *testing.T
	config    string // of the key service
	service   *proxytest.Program
	keys      *kms.Client
	proxy     *proxytest.Program
	bucket    *proxytest.KMSBucket
	key, cold string // the second key has been used by nobody since its making, in this process of the key service
	blobs     map[string][]byte
}

// lifetime is that of the key service's keys, and of the proxy's bucket keys.
const lifetime = 4 * time.Second

func newSite(t *testing.T, root string) *site {
	t.Helper()
	s := &site{t: t, blobs: make(map[string][]byte)}
	s.config = proxytest.Fixed(t,
		proxytest.KeyServerConfig(t, root, fmt.Sprintf("key: {lifetime: %s, root_timeout: 3s}", lifetime)))
	s.service = proxytest.StartKeyServer(t, s.config, proxytest.As(proxytest.Processes))
	endpoint := s.service.Env["SEALFRONT_KMS_ENDPOINT"]
	s.keys = kmsClient(endpoint)
	key := func() string {
		out, err := s.keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		arn := *out.KeyMetadata.Arn
		sealed, err := s.keys.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("plain")})
		if err != nil {
			t.Fatal(err)
		}
		s.blobs[arn] = sealed.CiphertextBlob
		return arn
	}
	s.key, s.cold = key(), key()
	s.proxy = proxytest.StartWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
data: %s
kms: {kind: aws, endpoint: %q, access_key: %s, secret_key: %q, service_key: %q, timeout: 9s, bucket_key: {lifetime: %s}}
`, t.TempDir(), endpoint, proxytest.KMSAccessKey, proxytest.KMSSecretKey, s.key, lifetime),
		proxytest.As(proxytest.Processes))
	s.bucket = proxytest.NewKMSBucket(s.proxy, "outage--local-az1--x-s3", s.key)
	s.bucket.Must(&proxytest.Request{Method: "PUT", Path: s.bucket.Path("object"), Body: "body"})
	return s
}

func kmsClient(endpoint string) *kms.Client {
	return kms.New(kms.Options{
		Region: region, BaseEndpoint: aws.String(endpoint), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(proxytest.KMSAccessKey, proxytest.KMSSecretKey, ""),
	})
}

// opens decrypts what was sealed by a key, and returns the name of the error.
func (s *site) opens(key string) string {
	s.t.Helper()
	out, err := s.keys.Decrypt(s.t.Context(), &kms.DecryptInput{CiphertextBlob: s.blobs[key]})
	if err == nil && string(out.Plaintext) != "plain" {
		s.t.Errorf("opened to %q", out.Plaintext)
	}
	return code(err)
}

// reads reads the object through the proxy, and returns the status.
func (s *site) reads() int {
	s.t.Helper()
	a := s.proxy.Do(&proxytest.Request{Method: "GET", Path: s.bucket.Path("object")})
	if a.StatusCode == http.StatusOK && a.Text != "body" {
		s.t.Errorf("read %q", a.Text)
	}
	return a.StatusCode
}

// retried reports whether SDKs try a call again that had this error, as KMS's own when its key store is away.
func retried(code string) bool {
	return code == "KMSInternalException" || code == "DependencyTimeoutException"
}

// warm uses everything until the root has been called for the key, and returns a time shortly before that.
func (s *site) warm() (called time.Time) {
	s.t.Helper()
	unwrapped := func() string {
		_, text := get(s.t, s.service.Env["SEALFRONT_ADMIN"]+"/metrics", "")
		_, count, _ := strings.Cut(text, `sealfront_root_calls_total{call="unwrap",outcome="ok",root="main"} `)
		count, _, _ = strings.Cut(count, "\n")
		return count
	}
	before := unwrapped()
	proxytest.Eventually(s.t, "the key is unwrapped again", func() bool {
		called = time.Now()
		if code := s.opens(s.key); code != "" {
			s.t.Fatal(code)
		}
		if status := s.reads(); status != http.StatusOK {
			s.t.Fatal(status)
		}
		return unwrapped() != before
	})
	return called.Add(-time.Second)
}

// outlive has the root away from a moment on, and follows what is warm to its end.
func (s *site) outlive(takeAway func()) {
	s.t.Helper()
	called := s.warm()
	takeAway()
	away := time.Now()
	worked, read := 0, 0
	calling, reading := true, true
	for deadline := away.Add(3*lifetime + time.Minute); calling || reading; time.Sleep(20 * time.Millisecond) {
		now := time.Now()
		if now.After(deadline) {
			s.t.Fatalf("a minute after every life ended: calls go on: %t, reads go on: %t", calling, reading)
		}
		if calling {
			switch code := s.opens(s.key); {
			case code == "" && now.Sub(away) > lifetime:
				s.t.Fatalf("the key opens %s after the root went", now.Sub(away))
			case code == "":
				worked++
			case retried(code) && time.Since(called) >= lifetime:
				calling = false
			default:
				s.t.Fatalf("%q, %s after its root was called", code, time.Since(called))
			}
		}
		if reading {
			switch status := s.reads(); {
			case status == http.StatusOK && now.Sub(away) > 2*lifetime:
				s.t.Fatalf("the object is read %s after the root went", now.Sub(away))
			case status == http.StatusOK:
				read++
			case status == http.StatusServiceUnavailable && (!calling || s.opens(s.key) != ""):
				reading = false
			default:
				s.t.Fatalf("%d while the key service opens the key", status)
			}
		}
	}
	if worked == 0 || read == 0 {
		s.t.Errorf("%d calls and %d reads while the keys were warm", worked, read)
	}
	s.nothingOpens("at the end of their life")
}

func (s *site) nothingOpens(when string) {
	s.t.Helper()
	for _, key := range []string{s.key, s.cold} {
		if code := s.opens(key); !retried(code) {
			s.t.Errorf("%s: %q", when, code)
		}
	}
	if _, err := s.keys.GenerateDataKey(s.t.Context(), &kms.GenerateDataKeyInput{
		KeyId: &s.key, KeySpec: "AES_256",
	}); !retried(code(err)) {
		s.t.Errorf("%s: GenerateDataKey: %v", when, err)
	}
	if _, err := s.keys.CreateKey(s.t.Context(), &kms.CreateKeyInput{}); !retried(code(err)) {
		s.t.Errorf("%s: CreateKey: %v", when, err)
	}
	if status := s.reads(); status != http.StatusServiceUnavailable {
		s.t.Errorf("%s: a read through the proxy: %d", when, status)
	}
}

// isLoud checks that an operator hears of it: health, metrics, and log.
func (s *site) isLoud() {
	s.t.Helper()
	admin := s.service.Env["SEALFRONT_ADMIN"]
	proxytest.Eventually(s.t, "/readyz says that the root isn't well", func() bool {
		code, text := get(s.t, admin+"/readyz?verbose", "")
		return code == http.StatusOK && !strings.Contains(text, "root main well") && strings.Contains(text, "meanwhile: ")
	})
	if _, text := get(s.t, admin+"/status", ""); !strings.Contains(text, `"name": "root main"`) ||
		!strings.Contains(text, `"works": "keys in memory, for 4s after their root was called last"`) {
		s.t.Errorf("/status says %s", text)
	}
	_, text := get(s.t, admin+"/metrics", "")
	if strings.Contains(text, `sealfront_health{dependency="root main",state="well"} 1`) ||
		!strings.Contains(text, `sealfront_root_calls_total{call="unwrap",outcome="failed",root="main"}`) {
		s.t.Errorf("/metrics don't say it:\n%.4000s", text)
	}
	if log := s.service.Stderr.String(); !strings.Contains(log, "a root could not be used") ||
		!strings.Contains(log, "a request failed by the records or a root") {
		s.t.Errorf("the log doesn't say it:\n%s", log)
	}
}

// restart restarts the key service at the same address.
func (s *site) restart() {
	s.t.Helper()
	if status := s.service.Stop(); status != 0 {
		s.t.Errorf("the key service ended with %d", status)
	}
	s.service = proxytest.StartKeyServer(s.t, s.config, proxytest.As(proxytest.Processes))
}

// worksAgain waits until everything works, of processes that weren't told anything.
func (s *site) worksAgain() {
	s.t.Helper()
	proxytest.Eventually(s.t, "all works again", func() bool {
		return s.opens(s.key) == "" && s.opens(s.cold) == "" && s.reads() == http.StatusOK
	})
	proxytest.Eventually(s.t, "the root is well again", func() bool {
		_, text := get(s.t, s.service.Env["SEALFRONT_ADMIN"]+"/readyz?verbose", "")
		return strings.Contains(text, "root main well")
	})
}

// A root that goes: what is warm works to its end, also through the proxy, and everything else fails with an error that
// SDKs try again; after a restart nothing opens; when the root is back all works, by itself.
func TestARootThatGoesAndComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for keys to end")
	}
	t.Run("hanging", func(t *testing.T) {
		t.Parallel()
		vault := roottest.StartVault(t)
		token := vault.Transit(t)
		s := newSite(t, fmt.Sprintf(`{kind: transit, transit: {address: %q, key: %s, token: %q, timeout: 3s}}`,
			vault.Address, vault.NewKey(t), token))
		s.outlive(func() {
			if err := vault.Hang(); err != nil {
				t.Fatal(err)
			}
		})
		s.isLoud()
		s.restart()
		s.nothingOpens("after a restart")
		s.isLoud()
		if err := vault.Resume(); err != nil {
			t.Fatal(err)
		}
		s.worksAgain()
	})
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		config := proxytest.Fixed(t, proxytest.KeyServerConfig(t, "", ""))
		start := func() *proxytest.Program {
			return proxytest.StartKeyServer(t, config, proxytest.As(proxytest.Processes))
		}
		root := start()
		endpoint := root.Env["SEALFRONT_KMS_ENDPOINT"]
		made, err := kmsClient(endpoint).CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		s := newSite(t, fmt.Sprintf(
			`{kind: awskms, awskms: {key: %q, endpoint: %q, access_key: %s, secret_key: %q, timeout: 3s}}`,
			*made.KeyMetadata.Arn, endpoint, proxytest.KMSAccessKey, proxytest.KMSSecretKey))
		s.outlive(func() {
			root.Kill()
			root.Wait()
		})
		s.isLoud()
		s.restart()
		s.nothingOpens("after a restart")
		start()
		s.worksAgain()
	})
}
