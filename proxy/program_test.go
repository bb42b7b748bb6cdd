package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/sigv4"
)

// The tests of this package run the real program: the test binary, started again as main.
func TestMain(m *testing.M) {
	if os.Getenv("SEALFRONT_TEST_PROGRAM") != "" {
		if ahead, err := time.ParseDuration(os.Getenv("SEALFRONT_TEST_CLOCK")); err == nil {
			clock = func() time.Time { return time.Now().Add(ahead) }
		}
		recordLife, _ = time.ParseDuration(os.Getenv(recordLifeVariable))
		claimAge, _ = time.ParseDuration(os.Getenv(claimAgeVariable))
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(exitStatus(err, os.Stderr))
	}
	if dir := os.Getenv("SEALFRONT_TEST_STORE"); dir != "" {
		fmt.Fprintln(os.Stderr, serveStore(dir))
		os.Exit(statusError)
	}
	if os.Getenv(goClientVariable) != "" {
		os.Exit(exitStatus(goClient(context.Background()), os.Stderr))
	}
	for _, name := range []string{"AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_PROFILE", "AWS_ENDPOINT_URL"} {
		_ = os.Unsetenv(name)
	}
	runMoreAtOnce()
	status := m.Run()
	stopSharedStore()
	os.Exit(status)
}

// runMoreAtOnce sets -parallel where it isn't given: most of a test's time is waiting for the programs that it has started, so
// more of them run at once than there are processors. Under the race detector it isn't waiting any more.
func runMoreAtOnce() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given && !raceEnabled {
		_ = flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0)))
	}
}

// program is the proxy as a process.
type program struct {
	t      testing.TB
	cmd    *exec.Cmd
	env    map[string]string // what it exported
	stderr *lockedBuffer
	ended  chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startEmbedded starts the program with everything embedded under dir.
func startEmbedded(t testing.TB, dir string) *program {
	t.Helper()
	return startProgram(t, "--data", dir, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0")
}

// startCounting is startEmbedded of a program that reads no record of a bucket or an upload again because 5 seconds are
// over: tests that count requests to the store would else, on a slow machine, count those.
func startCounting(t testing.TB, dir string) *program {
	t.Helper()
	return startCommand(t, programCommand("--data", dir, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"), recordLifeVariable+"=1h")
}

const (
	recordLifeVariable = "SEALFRONT_TEST_RECORD_LIFE"
	claimAgeVariable   = "SEALFRONT_TEST_CLAIM_AGE"
)

// startProgram starts the program and waits until it is ready. It ends with the test.
func startProgram(t testing.TB, args ...string) *program {
	t.Helper()
	return startCommand(t, programCommand(args...))
}

func startCommand(t testing.TB, cmd *exec.Cmd, env ...string) *program {
	t.Helper()
	p := &program{t: t, env: make(map[string]string), stderr: &lockedBuffer{}, ended: make(chan error, 1), cmd: cmd}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stderr = p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			line := lines.Text()
			if line == "# ready" {
				ready <- true
				continue
			}
			name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
			if !ok {
				p.stderr.Write([]byte("unexpected on stdout: " + line + "\n"))
			}
			p.env[name] = strings.Trim(value, "'")
		}
		p.ended <- p.cmd.Wait()
		close(ready)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			log := p.stderr.String()
			t.Logf("the program's log:\n%s", log[max(0, len(log)-8000):])
		}
	})
	select {
	case ok := <-ready:
		if !ok {
			t.Fatalf("the program ended before it was ready:\n%s", p.stderr.String())
		}
	case <-time.After(60 * time.Second):
		t.Fatalf("the program was not ready in time:\n%s", p.stderr.String())
	}
	return p
}

// programCommand is the program, not started.
func programCommand(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "SEALFRONT_TEST_PROGRAM=1", "GORACE=halt_on_error=1",
		"TZ=Asia/Kolkata") // what is told and signed must be UTC wherever it runs
	return cmd
}

// stop ends the program as an operator would and returns its exit status.
func (p *program) stop() int {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	return p.wait()
}

func (p *program) wait() int {
	select {
	case err := <-p.ended:
		p.ended <- err
	case <-time.After(60 * time.Second):
		_ = p.cmd.Process.Kill()
		p.t.Errorf("the program did not end in time")
	}
	return p.cmd.ProcessState.ExitCode()
}

// httpClient trusts the program's own authority.
func (p *program) httpClient(t testing.TB) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	if file := p.env["AWS_CA_BUNDLE"]; file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pool.AppendCertsFromPEM(text)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 64, DisableCompression: true,
		ExpectContinueTimeout: 10 * time.Second,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// client is an unmodified S3 client with the exported settings.
func (p *program) client(t testing.TB, options ...func(*s3.Options)) *s3.Client {
	t.Helper()
	return s3.New(s3.Options{}, append([]func(*s3.Options){func(o *s3.Options) {
		o.Region = p.env["AWS_REGION"]
		o.BaseEndpoint = aws.String(p.env["AWS_ENDPOINT_URL"])
		o.Credentials = credentials.NewStaticCredentialsProvider(p.env["AWS_ACCESS_KEY_ID"], p.env["AWS_SECRET_ACCESS_KEY"], "")
		o.HTTPClient = p.httpClient(t)
		o.UsePathStyle = true
		o.RetryMaxAttempts = 1
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported // as config.LoadDefaultConfig does
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
	}}, options...)...)
}

// A rawRequest is a request written byte by byte, for what no S3 client sends.
type rawRequest struct {
	method, path, query string // path is escaped
	header              []sigv4.Field
	hash                string // x-amz-content-sha256; default UNSIGNED-PAYLOAD
	body                string
	declared            int  // Content-Length when it is not the body's length
	chunked             bool // no Content-Length: Transfer-Encoding: chunked; body is framed by the test
	plain               bool // over HTTP
	credentials         *sigv4.Credentials
	service             string // default s3
	region              string // signed for; default the program's
	time                time.Time
	host                string // of the Host header; default the endpoint's
}

func field(name, value string) sigv4.Field {
	return sigv4.Field{Name: []byte(name), Value: []byte(value)}
}

func hexSum(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// head writes and signs the request's head.
func (p *program) head(r *rawRequest) (host string, head []byte) {
	p.t.Helper()
	endpoint := p.env["AWS_ENDPOINT_URL"]
	if r.plain {
		endpoint = p.env["SEALFRONT_HTTP_URL"]
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		p.t.Fatal(err)
	}
	c := r.credentials
	if c == nil {
		c = &sigv4.Credentials{AccessKeyID: p.env["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.env["AWS_SECRET_ACCESS_KEY"]}
	}
	now := r.time
	if now.IsZero() {
		now = time.Now()
	}
	hash := r.hash
	if hash == "" {
		hash = sigv4.UnsignedPayload
	}
	name := r.host
	if name == "" {
		name = u.Host
	}
	m := &sigv4.Message{Method: []byte(r.method), Path: []byte(r.path), Query: []byte(r.query)}
	m.Header = append(m.Header, field("Host", name), field("X-Amz-Date", now.UTC().Format("20060102T150405Z")), field("X-Amz-Content-Sha256", hash))
	if c.SessionToken != "" {
		m.Header = append(m.Header, field("X-Amz-S3session-Token", c.SessionToken))
	}
	m.Header = append(m.Header, r.header...)
	service := r.service
	if service == "" {
		service = "s3"
	}
	authorization := sigv4.NewSigner(cmp.Or(r.region, p.env["AWS_REGION"]), service).AppendAuthorization(nil, m, c, now)
	var b bytes.Buffer
	target := r.path
	if r.query != "" {
		target += "?" + r.query
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.method, target)
	for _, f := range m.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	fmt.Fprintf(&b, "Authorization: %s\r\n", authorization)
	switch {
	case r.chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n")
	case r.declared > 0 || r.body != "" || r.method == "PUT":
		fmt.Fprintf(&b, "Content-Length: %d\r\n", max(r.declared, len(r.body)))
	}
	b.WriteString("\r\n")
	return u.Host, b.Bytes()
}

// dial opens a connection to the program.
func (p *program) dial(r *rawRequest, host string) net.Conn {
	p.t.Helper()
	var c net.Conn
	var err error
	if r.plain {
		c, err = net.Dial("tcp", host)
	} else {
		transport := p.httpClient(p.t).Transport.(*http.Transport)
		c, err = tls.Dial("tcp", host, transport.TLSClientConfig)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// An answer is what came back, with its body read until its end or the error that ended it.
type answer struct {
	*http.Response
	body    string
	bodyErr error
}

// code returns the S3 error code in the body.
func (a *answer) code() string {
	_, rest, _ := strings.Cut(a.body, "<Code>")
	code, _, _ := strings.Cut(rest, "</Code>")
	return code
}

// do sends a raw request and reads the answer.
func (p *program) do(r *rawRequest) *answer {
	p.t.Helper()
	host, head := p.head(r)
	c := p.dial(r, host)
	if _, err := c.Write(append(head, r.body...)); err != nil {
		p.t.Logf("write: %v", err)
	}
	return p.read(c, r.method)
}

func (p *program) read(c net.Conn, method string) *answer {
	p.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil { // the connection was broken before an answer
		return &answer{Response: &http.Response{Header: make(http.Header)}, bodyErr: err}
	}
	a := &answer{Response: resp}
	body, err := io.ReadAll(resp.Body)
	a.body, a.bodyErr = string(body), err
	_ = c.Close()
	return a
}

// mustNotExist asserts that there is no object.
func (p *program) mustNotExist(bucket, key string) {
	p.t.Helper()
	if a := p.do(&rawRequest{method: "HEAD", path: "/" + bucket + "/" + key}); a.StatusCode != http.StatusNotFound {
		p.t.Errorf("HEAD of %s/%s: %d, want 404", bucket, key, a.StatusCode)
	}
}

// storedFile is where the embedded store keeps an object.
func storedFile(dir, bucket, key string) string {
	return filepath.Join(dir, "store", "objects", bucket, key)
}
