package transit_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/roottest"
	"sealfront/crypto/keyroot/transit"
)

// load unwraps with 50 goroutines, 1,000 times a second or as often as the machine can, until stop is closed. It
// returns how often that went well, and failed.
func load(t *testing.T, r keyroot.Root, wrapped []byte, stop chan struct{}) (well, failed *atomic.Int64, wait func()) {
	well, failed = new(atomic.Int64), new(atomic.Int64)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				if err := unwrap(t, r, wrapped); err != nil {
					if failed.Add(1) == 1 {
						t.Errorf("under load: %v", err)
					}
					continue
				}
				well.Add(1)
			}
		})
	}
	return well, failed, all.Wait
}

// until waits for something, for a minute at most.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for start := time.Now(); !happened(); time.Sleep(time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// Tokens of two seconds, which can be renewed to an age of five, under load.
func TestOneLoginAtATime(t *testing.T) {
	if testing.Short() {
		t.Skip("tokens of seconds need a machine that isn't slowed down")
	}
	c := startCluster(t)
	g := roottest.NewGate(t, c.Address, httptest.NewServer)
	config := c.config()
	config.Address, config.Token = g.URL, keyroot.Secret{}
	config.AppRole = c.appRole(`, "token_ttl": "2s", "token_max_ttl": "5s"`)
	r := open(t, config)
	wrapped, _ := wrapOne(t, r)
	stop := make(chan struct{})
	start := time.Now()
	well, failed, wait := load(t, r, wrapped, stop)
	time.Sleep(12 * time.Second)
	close(stop)
	wait()
	took := time.Since(start)
	t.Logf("%d unwraps in %v, %d failed; %d logins, %d renewals, %d look-ups, at most %d at once",
		well.Load(), took.Round(time.Millisecond), failed.Load(), g.Count("login"), g.Count("renew-self"),
		g.Count("lookup-self"), g.MostLogins())
	if g.MostLogins() != 1 {
		t.Errorf("%d logins at once", g.MostLogins())
	}
	// A token serves for a second at least, and three at least of its age of five.
	if n := g.Count("login"); n < 2 || n > int(took.Seconds())+2 {
		t.Errorf("%d logins in %v", n, took)
	}
	if g.Count("renew-self") == 0 {
		t.Error("no token was renewed")
	}
}

func TestARevokedTokenIsReplacedUnderLoad(t *testing.T) {
	c := startCluster(t)
	g := roottest.NewGate(t, c.Address, httptest.NewServer)
	config := c.config()
	config.Address, config.Token, config.AppRole = g.URL, keyroot.Secret{}, c.appRole("")
	r := open(t, config)
	wrapped, _ := wrapOne(t, r)
	stop := make(chan struct{})
	well, failed, wait := load(t, r, wrapped, stop)
	const revocations = 3
	for i := range revocations {
		before := well.Load()
		until(t, "200 unwraps", func() bool { return well.Load() >= before+200 })
		c.RevokeLogins(t)
		until(t, "another login", func() bool { return g.Count("login") >= i+2 })
	}
	before := well.Load()
	until(t, "200 unwraps more", func() bool { return well.Load() >= before+200 })
	close(stop)
	wait()
	t.Logf("%d unwraps, %d failed; %d logins, %d look-ups, at most %d at once", well.Load(), failed.Load(),
		g.Count("login"), g.Count("lookup-self"), g.MostLogins())
	if g.Count("login") != 1+revocations || g.MostLogins() != 1 {
		t.Errorf("%d logins, %d at once", g.Count("login"), g.MostLogins())
	}
}

func TestAWrongSecretIsLoud(t *testing.T) {
	c := startCluster(t)
	config := c.config()
	warned := make(chan string, 16)
	config.Token, config.AppRole, config.Warn = keyroot.Secret{}, c.appRole(""), func(text string) { warned <- text }
	config.AppRole.SecretID.Value = "none"
	err := open(t, config).Well(t.Context())
	if err == nil || !strings.Contains(err.Error(), "not logged in: log in at auth/approle/login: HTTP status 400") ||
		!strings.Contains(err.Error(), "tried again") {
		t.Errorf("got %v", err)
	}
	if text := <-warned; !strings.Contains(text, "the login failed") {
		t.Errorf("warned %q", text)
	}
}

// A token that a login gave ends with the root.
func TestCloseRevokesItsToken(t *testing.T) {
	c := startCluster(t)
	config := c.config()
	config.Token, config.AppRole = keyroot.Secret{}, c.appRole("")
	r := open(t, config)
	wrapOne(t, r)
	count := func() int {
		return len(at[[]any](t, c.do("LIST", "auth/token/accessors", ""), "data", "keys"))
	}
	before := count()
	if err := r.Close(); err != nil || count() != before-1 {
		t.Errorf("%d accessors, then %d; %v", before, count(), err)
	}
	if err := r.Well(t.Context()); err == nil {
		t.Error("a closed root is well")
	}
}

// Kubernetes' API server reviews the service account's token, which the pod's file holds.
func TestKubernetesLogin(t *testing.T) {
	c := startCluster(t)
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"iss": "kubernetes/serviceaccount", "sub":
		"system:serviceaccount:keys:kms", "kubernetes.io/serviceaccount/namespace": "keys",
		"kubernetes.io/serviceaccount/service-account.name": "kms", "kubernetes.io/serviceaccount/service-account.uid": "uid",
		"kubernetes.io/serviceaccount/secret.name": "s"}`))
	jwt := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + claims + "." +
		base64.RawURLEncoding.EncodeToString(make([]byte, 256))
	kubernetes := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Spec struct {
				Token string `json:"token"`
			} `json:"spec"`
		}
		_ = json.NewDecoder(r.Body).Decode(&review)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": map[string]any{
				"authenticated": review.Spec.Token == jwt,
				"user":          map[string]any{"username": "system:serviceaccount:keys:kms", "uid": "uid"},
			},
		})
	}))
	defer kubernetes.Close()
	c.do("POST", "sys/auth/clusters/east", `{"type": "kubernetes"}`)
	settings, _ := json.Marshal(map[string]any{
		"kubernetes_host": kubernetes.URL, "disable_local_ca_jwt": true, "disable_iss_validation": true,
		"token_reviewer_jwt": jwt,
		"kubernetes_ca_cert": string(pem.EncodeToMemory(
			&pem.Block{Type: "CERTIFICATE", Bytes: kubernetes.Certificate().Raw})),
	})
	c.do("POST", "auth/clusters/east/config", string(settings))
	c.do("POST", "auth/clusters/east/role/kms", `{"bound_service_account_names": "kms",
		"bound_service_account_namespaces": "keys", "token_policies": "kms"}`)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(jwt), 0o600); err != nil {
		t.Fatal(err)
	}
	config := c.config()
	config.Token = keyroot.Secret{}
	config.Kubernetes = &transit.Kubernetes{Mount: "clusters/east", Role: "kms", JWTFile: file}
	if err := open(t, config).Well(t.Context()); err != nil {
		t.Error(err)
	}
}

// Over TLS with an own authority, and a client certificate that the server requires.
func TestCertificatesAreCheckedBothWays(t *testing.T) {
	c := startCluster(t)
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kms"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	g := roottest.NewGate(t, c.Address, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
		s.StartTLS()
		return s
	})
	config := c.config()
	config.Address = g.URL
	config.CA = write("ca.pem", "CERTIFICATE", g.Certificate().Raw)
	if err := open(t, config).Well(t.Context()); err == nil {
		t.Error("without a client certificate it is well")
	}
	config.Cert, config.CertKey = write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER)
	if err := open(t, config).Well(t.Context()); err != nil {
		t.Error(err)
	}
	config.ServerName = "other.test"
	if err := open(t, config).Well(t.Context()); err == nil {
		t.Error("under another name it is well")
	}
	for what, change := range map[string]func(*transit.Config){
		"no such authority": func(c *transit.Config) { c.CA = filepath.Join(dir, "none") },
		"no certificate":    func(c *transit.Config) { c.CA = c.CertKey },
		"no such key":       func(c *transit.Config) { c.CertKey = filepath.Join(dir, "none") },
	} {
		config := config
		change(&config)
		if r, err := transit.Open(config); err == nil || r != nil {
			t.Errorf("%s: opened", what)
		}
	}
}

// A standby redirects to the active node; to another scheme nothing is sent.
func TestAStandbyRedirects(t *testing.T) {
	c := startCluster(t)
	target := c.Address
	standby := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer standby.Close()
	config := c.config()
	config.Address = standby.URL
	if err := open(t, config).Well(t.Context()); err != nil {
		t.Error(err)
	}
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, c.Address+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer secure.Close()
	config.Address, config.CA = secure.URL, filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(config.CA, block, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, config).Well(t.Context()); err == nil || !strings.Contains(err.Error(), "isn't followed") {
		t.Errorf("got %v", err)
	}
}
