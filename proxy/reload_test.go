package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

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
func startLoad(
	p *proxytest.Program, client *http.Client, clients int, credentials func() *sigv4.Credentials, gone func(error) bool,
) *load {
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
					got, status, err := p.SendPooled(client,
						&proxytest.Request{Method: method, Path: proxytest.DemoPath + key, Credentials: credentials()}, body)
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

const reloadIdentity = "- {name: %s, access_key: %s, secret_key: %s, policy: [{effect: Allow, action: \"*\", " +
	"resource: \"*\"}]}\n"

// Certificates, identities and limits change under load, by SIGHUP and by themselves, and no request fails.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	ca := proxytest.NewAuthority(t)
	ca.Server(t, "one", "localhost")
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
tls: {cert: ` + ca.Path("one.crt") + `, key: ` + ca.Path("one.key") + `}
store: {kind: embedded}
kms: {kind: embedded}
identities_file: identities.yaml
reload_every: 20ms
data: ` + filepath.Join(dir, "data") + "\n"
	app := fmt.Sprintf(reloadIdentity, "app", "AKIATEST", "testsecret")
	write(file, text)
	write(ids, "identities:\n"+app)
	p := proxytest.Start(t, "serve", "--config", file)
	p.Env["AWS_REGION"] = "us-west-2"
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}, MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	l := startLoad(p, &http.Client{Transport: transport}, 4, func() *sigv4.Credentials {
		return &sigv4.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "testsecret"}
	}, nil)
	proxytest.Eventually(t, "the load", func() bool { return l.done.Load() > 20 })
	reloaded := func(outcome string) int { return p.Metric("sealfront_reloads_total", `outcome="`+outcome+`"`) }

	// Identities, by themselves.
	second := &sigv4.Credentials{AccessKeyID: "AKIASECOND", SecretAccessKey: "second"}
	status := func(c *sigv4.Credentials) int {
		t.Helper()
		_, status, err := p.SendPooled(&http.Client{Transport: transport},
			&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "x", Credentials: c}, "")
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	if s := status(second); s != 403 {
		t.Fatalf("an identity that isn't there: %d", s)
	}
	write(ids, "identities:\n"+app+fmt.Sprintf(reloadIdentity, "second", "AKIASECOND", "second"))
	proxytest.Eventually(t, "the second identity", func() bool { return status(second) == 404 })

	// A configuration with a fault changes nothing, and says why.
	before := reloaded("refused")
	write(ids, "identities:\n- {name: second}\n")
	proxytest.Eventually(t, "the refusal", func() bool { return reloaded("refused") > before })
	if s := status(second); s != 404 {
		t.Errorf("after a bad reload the identity is gone: %d", s)
	}
	proxytest.Eventually(t, "the log's word of what is wrong", func() bool {
		return strings.Contains(p.Stderr.String(), "identities[0].access_key: must be set")
	})
	write(ids, "identities:\n"+app)
	proxytest.Eventually(t, "the end of the second identity", func() bool { return status(second) == 403 })

	// The certificate, by SIGHUP; the pair is never whole while it is written.
	serial := func() string {
		c, err := tls.Dial("tcp", strings.TrimPrefix(p.Env["AWS_ENDPOINT_URL"], "https://"), &tls.Config{RootCAs: ca.Pool()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	ca.Server(t, "one", "localhost")
	p.HangUp()
	proxytest.Eventually(t, "the second certificate", func() bool { return serial() != first })

	// Limits and the log's level.
	write(file,
		strings.Replace(text, "data:", "limits: {requests: 1000}\nlog: {level: error}\nregion: eu-west-1\ndata:", 1))
	proxytest.Eventually(t, "the limit", func() bool { return p.Metric("sealfront_active_requests_limit") == 1000 })
	proxytest.Eventually(t, "the log's word that the region waits for the next start", func() bool {
		return strings.Contains(p.Stderr.String(), `"settings":["region"]`)
	})
	done := l.done.Load()
	proxytest.Eventually(t, "requests after all that", func() bool { return l.done.Load() > done+20 })
	// what was said before takes its time in the pipe
	proxytest.Eventually(t, "more of them, without a word at log level error", func() bool {
		length, done := len(p.Stderr.String()), l.done.Load()
		proxytest.Eventually(t, "more requests", func() bool { return l.done.Load() > done+20 })
		return !strings.Contains(p.Stderr.String()[length:], `"level":"info"`)
	})
	l.end(t)
}

// SIGTERM under load: every request that was taken up is answered, and the program ends in time.
func TestSIGTERMUnderLoad(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.HTTPClient(t)
	var ending atomic.Bool
	l := startLoad(p, client, 6, func() *sigv4.Credentials {
		return &sigv4.Credentials{AccessKeyID: p.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.Env["AWS_SECRET_ACCESS_KEY"]}
	}, func(err error) bool { return ending.Load() && errors.Is(err, proxytest.ErrNotTaken) })
	proxytest.Eventually(t, "the load", func() bool { return l.done.Load() > 50 })
	// One that is in the middle of its body when the signal comes is answered, too.
	host, head := p.Head(&proxytest.Request{Method: "PUT", Path: proxytest.DemoPath + "late", Declared: 5})
	late := p.Dial(&proxytest.Request{}, host)
	if _, err := late.Write(append(head, "hel"...)); err != nil {
		t.Fatal(err)
	}
	proxytest.Eventually(t, "the upload", func() bool { return p.Metric("sealfront_active_requests") > 0 })
	ending.Store(true)
	p.Terminate()
	proxytest.Eventually(t, "the listener's end", func() bool {
		c, err := net.Dial("tcp", host)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if _, err := late.Write([]byte("lo")); err != nil {
		t.Fatal(err)
	}
	if a := p.Read(late, "PUT"); a.StatusCode != 200 {
		t.Errorf("an upload that was in flight: %d %v", a.StatusCode, a.Err)
	}
	l.end(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case <-p.Ended:
		if status := p.Wait(); status != command.StatusOK {
			t.Errorf("the program ended with %d", status)
		}
	case <-ctx.Done():
		t.Error("the program didn't drain in time")
	}
	// What was taken up and dropped would be sent again by the clients, unseen.
	statuses := regexp.MustCompile(`"status": ?(\d+)`).FindAllStringSubmatch(p.Stderr.String(), -1)
	if len(statuses) == 0 {
		t.Error("the log has no requests")
	}
	for _, s := range statuses {
		if s[1] != "200" {
			t.Errorf("a request that was taken up ended with %s", s[1])
		}
	}
}
