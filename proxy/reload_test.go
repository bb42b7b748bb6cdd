package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sealfront/sigv4"
)

// A testAuthority issues certificates for tests.
type testAuthority struct {
	*authority
	dir string
}

func newTestAuthority(t *testing.T) *testAuthority {
	t.Helper()
	a, err := openAuthority(&dataDir{path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return &testAuthority{a, t.TempDir()}
}

func (a *testAuthority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// issueTo writes NAME.crt and NAME.key for host names, or for a client when there are none.
func (a *testAuthority) issueTo(t *testing.T, name string, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = serial()
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	if template.Subject.CommonName == "" {
		template.Subject = pkix.Name{CommonName: name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := writePair(a.path(name+".crt"), a.path(name+".key"), key, der); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *testAuthority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *testAuthority) server(t *testing.T, name string, hosts ...string) {
	t.Helper()
	a.issueTo(t, name, &x509.Certificate{
		DNSNames: hosts, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// lasting writes a server's certificate for these times from now.
func (a *testAuthority) lasting(t *testing.T, name string, from, until time.Duration) {
	t.Helper()
	a.issueTo(t, name, &x509.Certificate{
		DNSNames: []string{"s3.example.com", "*.s3.example.com"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until),
	})
}

// A load is clients that put and get without a pause until they are told to stop.
type load struct {
	done     atomic.Int64
	stop     chan struct{}
	wait     sync.WaitGroup
	mu       sync.Mutex
	failures []string
}

func (l *load) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, fmt.Sprintf(format, args...))
}

// startLoad runs clients against p. gone says which errors of a request mean that nobody took it up.
func startLoad(p *program, client *http.Client, clients int, credentials func() *sigv4.Credentials, gone func(error) bool) *load {
	l := &load{stop: make(chan struct{})}
	for i := range clients {
		l.wait.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.stop:
					return
				default:
				}
				body := strings.Repeat("x", 1+(n*7919)%300_000)
				key := fmt.Sprintf("load/%d", i)
				for _, method := range []string{"PUT", "GET"} {
					got, status, err := p.send(client, &rawRequest{method: method, path: demoPath + key, credentials: credentials()}, body)
					switch {
					case err != nil && gone != nil && gone(err):
						return
					case err != nil || status != 200:
						l.fail("%s: %d %v %.200s", method, status, err, got)
					case method == "GET" && got != body:
						l.fail("GET: %d bytes, want %d", len(got), len(body))
					}
					l.done.Add(1)
				}
			}
		})
	}
	return l
}

func (l *load) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.wait.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.failures[:min(5, len(l.failures))] {
		t.Error(f)
	}
	if len(l.failures) > 0 || l.done.Load() == 0 {
		t.Errorf("%d of %d requests failed", len(l.failures), l.done.Load())
	}
}

// errNotTaken is a request on a connection that couldn't be made: one for the next replica.
var errNotTaken = errors.New("no connection")

// send sends a signed request by an HTTP client with pooled connections, and again what met a connection that the
// server had closed.
func (p *program) send(client *http.Client, r *rawRequest, body string) (string, int, error) {
	for {
		got, status, closed, err := p.sendOnce(client, r, body)
		if !closed {
			return got, status, err
		}
	}
}

// sendOnce is send without the repetition of a body that met a closed connection. net/http repeats an idempotent request
// whose answer is the connection's end, but not one where writing its body told so first, as SDKs do; closed is such a one.
func (p *program) sendOnce(client *http.Client, r *rawRequest, body string) (got string, status int, closed bool, err error) {
	u, err := url.Parse(p.env["AWS_ENDPOINT_URL"])
	if err != nil {
		return "", 0, false, err
	}
	now := time.Now()
	m := &sigv4.Message{Method: []byte(r.method), Path: []byte(r.path)}
	m.Header = append(m.Header, field("Host", u.Host), field("X-Amz-Date", now.UTC().Format("20060102T150405Z")), field("X-Amz-Content-Sha256", sigv4.UnsignedPayload))
	authorization := sigv4.NewSigner(p.env["AWS_REGION"], "s3").AppendAuthorization(nil, m, r.credentials, now)
	if r.method != "PUT" {
		body = ""
	}
	request, err := http.NewRequest(r.method, p.env["AWS_ENDPOINT_URL"]+r.path, strings.NewReader(body))
	if err != nil {
		return "", 0, false, err
	}
	for _, f := range m.Header[1:] {
		request.Header.Set(string(f.Name), string(f.Value))
	}
	request.Header.Set("Authorization", string(authorization))
	request.Header["X-Idempotency-Key"] = nil // a PUT of an object is idempotent, and the client may send it again
	var shaken, reused atomic.Bool
	shaken.Store(true) // of a connection that was used before
	request = request.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GetConn:          func(string) { shaken.Store(true) },
		GotConn:          func(info httptrace.GotConnInfo) { reused.Store(info.Reused) },
		ConnectStart:     func(string, string) { shaken.Store(false) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) { shaken.Store(err == nil) },
	}))
	resp, err := client.Do(request)
	if err != nil && !shaken.Load() {
		err = errors.Join(errNotTaken, err)
	}
	if err != nil {
		ended := errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
		return "", 0, ended && reused.Load() && !errors.Is(err, errNotTaken), err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return string(text), resp.StatusCode, false, err
}

const reloadIdentity = "- {name: %s, access_key: %s, secret_key: %s, policy: [{effect: Allow, action: \"*\", resource: \"*\"}]}\n"

// Certificates, identities and limits change under load, by SIGHUP and by themselves, and no request fails.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	ca := newTestAuthority(t)
	ca.server(t, "one", "localhost")
	dir := t.TempDir()
	file, ids := filepath.Join(dir, "sealfront.yaml"), filepath.Join(dir, "identities.yaml")
	write := func(name, text string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(name+".new", []byte(text), 0o600), os.Rename(name+".new", name)); err != nil {
			t.Fatal(err)
		}
	}
	text := `
listen: {https: "127.0.0.1:0", admin: "127.0.0.1:0"}
tls: {cert: ` + ca.path("one.crt") + `, key: ` + ca.path("one.key") + `}
store: {kind: embedded}
kms: {kind: embedded}
identities_file: identities.yaml
reload_every: 20ms
data: ` + filepath.Join(dir, "data") + "\n"
	app := fmt.Sprintf(reloadIdentity, "app", "AKIATEST", "testsecret")
	write(file, text)
	write(ids, "identities:\n"+app)
	p := startProgram(t, "serve", "--config", file)
	p.env["AWS_REGION"] = "us-west-2"
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool()}, MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	l := startLoad(p, &http.Client{Transport: transport}, 4, func() *sigv4.Credentials {
		return &sigv4.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "testsecret"}
	}, nil)
	eventually(t, "the load", func() bool { return l.done.Load() > 20 })
	reloaded := func(outcome string) int { return p.metric("sealfront_reloads_total", `outcome="`+outcome+`"`) }

	// Identities, by themselves.
	second := &sigv4.Credentials{AccessKeyID: "AKIASECOND", SecretAccessKey: "second"}
	status := func(c *sigv4.Credentials) int {
		t.Helper()
		_, status, err := p.send(&http.Client{Transport: transport}, &rawRequest{method: "GET", path: demoPath + "x", credentials: c}, "")
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	if s := status(second); s != 403 {
		t.Fatalf("an identity that isn't there: %d", s)
	}
	write(ids, "identities:\n"+app+fmt.Sprintf(reloadIdentity, "second", "AKIASECOND", "second"))
	eventually(t, "the second identity", func() bool { return status(second) == 404 })

	// A configuration with a fault changes nothing, and says why.
	before := reloaded("refused")
	write(ids, "identities:\n- {name: second}\n")
	eventually(t, "the refusal", func() bool { return reloaded("refused") > before })
	if s := status(second); s != 404 {
		t.Errorf("after a bad reload the identity is gone: %d", s)
	}
	eventually(t, "the log's word of what is wrong", func() bool {
		return strings.Contains(p.stderr.String(), "identities[0].access_key: must be set")
	})
	write(ids, "identities:\n"+app)
	eventually(t, "the end of the second identity", func() bool { return status(second) == 403 })

	// The certificate, by SIGHUP; the pair is never whole while it is written.
	serial := func() string {
		c, err := tls.Dial("tcp", strings.TrimPrefix(p.env["AWS_ENDPOINT_URL"], "https://"), &tls.Config{RootCAs: ca.pool()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	ca.server(t, "one", "localhost")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second certificate", func() bool { return serial() != first })

	// Limits and the log's level.
	write(file, strings.Replace(text, "data:", "limits: {requests: 1000}\nlog: {level: error}\nregion: eu-west-1\ndata:", 1))
	eventually(t, "the limit", func() bool { return p.metric("sealfront_active_requests_limit") == 1000 })
	eventually(t, "the log's word that the region waits for the next start", func() bool {
		return strings.Contains(p.stderr.String(), `"settings":["region"]`)
	})
	done := l.done.Load()
	eventually(t, "requests after all that", func() bool { return l.done.Load() > done+20 })
	eventually(t, "more of them, without a word at log level error", func() bool { // what was said before takes its time in the pipe
		length, done := len(p.stderr.String()), l.done.Load()
		eventually(t, "more requests", func() bool { return l.done.Load() > done+20 })
		return !strings.Contains(p.stderr.String()[length:], `"level":"info"`)
	})
	l.end(t)
}

// SIGTERM under load: every request that was taken up is answered, and the program ends in time.
func TestSIGTERMUnderLoad(t *testing.T) {
	t.Parallel()
	p := startEmbedded(t, t.TempDir())
	client := p.httpClient(t)
	var ending atomic.Bool
	l := startLoad(p, client, 6, func() *sigv4.Credentials {
		return &sigv4.Credentials{AccessKeyID: p.env["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.env["AWS_SECRET_ACCESS_KEY"]}
	}, func(err error) bool { return ending.Load() && errors.Is(err, errNotTaken) })
	eventually(t, "the load", func() bool { return l.done.Load() > 50 })
	// One that is in the middle of its body when the signal comes is answered, too.
	host, head := p.head(&rawRequest{method: "PUT", path: demoPath + "late", declared: 5})
	late := p.dial(&rawRequest{}, host)
	if _, err := late.Write(append(head, "hel"...)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the upload", func() bool { return p.metric("sealfront_active_requests") > 0 })
	ending.Store(true)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the listener's end", func() bool {
		c, err := net.Dial("tcp", host)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if _, err := late.Write([]byte("lo")); err != nil {
		t.Fatal(err)
	}
	if a := p.read(late, "PUT"); a.StatusCode != 200 {
		t.Errorf("an upload that was under way: %d %v", a.StatusCode, a.bodyErr)
	}
	l.end(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case err := <-p.ended:
		p.ended <- err
		if err != nil {
			t.Errorf("the program ended with %v", err)
		}
	case <-ctx.Done():
		t.Error("the program didn't drain in time")
	}
	// What was taken up and dropped would be sent again by the clients, unseen.
	statuses := regexp.MustCompile(`"status": ?(\d+)`).FindAllStringSubmatch(p.stderr.String(), -1)
	if len(statuses) == 0 {
		t.Error("the log has no requests")
	}
	for _, s := range statuses {
		if s[1] != "200" {
			t.Errorf("a request that was taken up ended with %s", s[1])
		}
	}
}
