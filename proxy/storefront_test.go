package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/localstore"
)

// writeConfig returns the name of a configuration file with this text.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sealfront.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const testIdentity = `
identities:
- {name: app, access_key: AKIATEST, secret_key: testsecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
`

// startWith starts the program with a configuration file and the credentials in testIdentity.
func startWith(t *testing.T, text string, env ...string) *program {
	t.Helper()
	if !strings.Contains(text, "identities:") {
		text += testIdentity
	}
	p := startCommand(t, programCommand("serve", "--config", writeConfig(t, text)), env...)
	p.env["AWS_ACCESS_KEY_ID"], p.env["AWS_SECRET_ACCESS_KEY"], p.env["AWS_REGION"] = "AKIATEST", "testsecret", "us-west-2"
	if _, rest, ok := strings.Cut(text, "data: "); ok {
		dir, _, _ := strings.Cut(rest, "\n")
		p.env["AWS_CA_BUNDLE"] = filepath.Join(dir, "tls", "ca.pem")
	}
	return p
}

// sharedStore is an embedded store in a process of its own, for all tests: versitygw allows one a process, and changes
// that process's working directory.
var sharedStore = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sealfront-store-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SEALFRONT_TEST_STORE="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	stopSharedStore = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	return "http://" + strings.TrimSpace(address), err
})

var stopSharedStore = func() {}

// serveStore is the process of sharedStore.
func serveStore(dir string) error {
	s, err := localstore.Start(context.Background(), localstore.Options{Dir: dir, AccessKey: "storekey", SecretKey: "storesecret", Region: "us-east-1"})
	if err != nil {
		return err
	}
	fmt.Println(s.Address())
	select {} // until it is killed
}

// A storeFront stands between the program and the store and sees what crosses.
type storeFront struct {
	*http.Server
	url     string
	forward http.Handler // to the store

	mu       sync.Mutex
	requests []*http.Request
	answers  func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	alter    func(*http.Response)
}

var discardLog = log.New(io.Discard, "", 0)

// dialAbruptly is for what stands between the program and a store: what breaks off before it must break off behind it, too,
// with a reset, or the embedded store keeps half of a body. The program's probe refuses to start behind a front end that doesn't.
func dialAbruptly(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		err = c.(*net.TCPConn).SetLinger(0)
	}
	return c, err
}

func newStoreFront(t *testing.T) *storeFront {
	t.Helper()
	endpoint, err := sharedStore()
	if err != nil {
		t.Fatal(err)
	}
	return newFrontOf(t, endpoint)
}

// newFrontOf is newStoreFront before any store.
func newFrontOf(t *testing.T, endpoint string) *storeFront {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	f := &storeFront{}
	proxy := &httputil.ReverseProxy{
		ErrorLog: discardLog, Transport: &http.Transport{DisableCompression: true, DialContext: dialAbruptly},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host // it is signed
			for name := range r.Out.Header {
				if strings.HasPrefix(name, "X-Forwarded") {
					r.Out.Header.Del(name)
				}
			}
			if _, ok := r.Out.Header["User-Agent"]; !ok {
				r.Out.Header["User-Agent"] = nil
			}
		},
		ModifyResponse: func(r *http.Response) error {
			f.mu.Lock()
			alter := f.alter
			f.mu.Unlock()
			if alter != nil {
				alter(r)
			}
			return nil
		},
	}
	f.forward = proxy
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.url = "http://" + ln.Addr().String()
	f.Server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Clone(context.Background()))
		answers := f.answers
		f.mu.Unlock()
		if answers == nil || !answers(w, r) {
			proxy.ServeHTTP(w, r)
		}
	})}
	go func() { _ = f.Serve(ln) }()
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// seen returns and forgets what has crossed.
func (f *storeFront) seen() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.requests
	f.requests = nil
	return r
}

func (f *storeFront) set(answers func(http.ResponseWriter, *http.Request) bool, alter func(*http.Response)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers, f.alter = answers, alter
}

// startBehind starts the program before f, with a state bucket of its own.
func startBehind(t *testing.T, f *storeFront, more string) *program {
	t.Helper()
	prefix := fmt.Sprintf("t%d-", time.Now().UnixNano())
	return startWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: %s, state_bucket: %sstate}
kms: {kind: embedded}
data: %s
%s`, f.url, prefix, prefix, t.TempDir(), more))
}
