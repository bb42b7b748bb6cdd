package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/crypto/localkms"
)

// An installation is the program over a store and a key service. start skips the test when a program is missing.
type installation struct {
	name  string
	start func(t *testing.T) *program
}

var installations = []installation{
	{"everything embedded", func(t *testing.T) *program { return startEmbedded(t, t.TempDir()) }},
	{"versitygw and KMS of moto", func(t *testing.T) *program { return startOn(t, startVersitygw(t), startMoto(t)) }},
	{"MinIO and localkms", func(t *testing.T) *program { return startOn(t, startMinIO(t), startLocalKMS(t)) }},
}

// A service is a store or key service that the program is configured with.
type service struct{ endpoint, accessKey, secretKey string }

// enough is, of programs whose old versions, such as Debian's, don't know directory buckets or AWS_CA_BUNDLE, how to ask
// for the version, and for each major version the minor one that will do.
var enough = map[string]struct {
	arg   string
	minor map[int]int
}{
	"rclone": {"version", map[int]int{1: 68}},
	"aws":    {"--version", map[int]int{1: 36, 2: 23}},
}

// programPath finds a program in PATH or below $SEALFRONT_TOOLS. Where it is missing, or too old, the test is skipped, or
// fails when SEALFRONT_E2E=require.
func programPath(t testing.TB, name string) string {
	t.Helper()
	if tools := os.Getenv("SEALFRONT_TOOLS"); tools != "" {
		if path, err := exec.LookPath(filepath.Join(tools, "bin", name)); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	what := name + " is neither in PATH nor in $SEALFRONT_TOOLS/bin"
	if e, ok := enough[name]; err == nil && ok {
		out, versionErr := exec.Command(path, e.arg).CombinedOutput()
		major, minor, found := versionIn(string(out))
		if least, known := e.minor[major]; versionErr != nil || !found || !known || minor < least {
			line, _, _ := strings.Cut(string(out), "\n")
			what = fmt.Sprintf("%s in PATH is %q, which is too old, and none is in $SEALFRONT_TOOLS/bin", name, line)
			err = errors.New(what)
		}
	}
	if err == nil {
		return path
	}
	if name == "aws" || name == "python3" {
		missingPython(t, what)
	}
	missing(t, what)
	return ""
}

// versionIn finds the first number like 1.60 in text.
func versionIn(text string) (major, minor int, found bool) {
	for i := range text {
		if (i == 0 || text[i-1] < '0' || text[i-1] > '9') && text[i] >= '0' && text[i] <= '9' {
			if n, _ := fmt.Sscanf(text[i:], "%d.%d", &major, &minor); n == 2 {
				return major, minor, true
			}
		}
	}
	return 0, 0, false
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("SEALFRONT_E2E") == "require" {
		t.Fatal(what)
	}
	t.Skip(what + "; .ci/run installs it")
}

// missingPython is missing for Python's clients, which .ci/run takes where the machine has them: it says so when neither
// the machine nor an installation has any.
func missingPython(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("SEALFRONT_E2E_PYTHON") == "absent" {
		t.Skip(what + ", and it could not be installed")
	}
	missing(t, what)
}

// startServer runs a server until the test ends and waits until it accepts connections.
func startServer(t *testing.T, address string, env []string, path string, args ...string) {
	t.Helper()
	log := &lockedBuffer{}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = t.TempDir()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", filepath.Base(path), log)
		case <-deadline:
			t.Fatalf("%s did not listen on %s in time:\n%s", filepath.Base(path), address, log)
		case <-tick.C:
		}
	}
}

// loopback finds a free port; the servers can't be told to choose one.
func loopback(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

func startVersitygw(t *testing.T) service {
	t.Helper()
	path := programPath(t, "versitygw")
	s := service{"http://" + loopback(t), "store", "store-secret"}
	address := strings.TrimPrefix(s.endpoint, "http://")
	startServer(t, address, nil, path, "--port", address, "--access", s.accessKey, "--secret", s.secretKey, "--quiet", "posix", t.TempDir())
	return s
}

func startMinIO(t *testing.T) service {
	t.Helper()
	path := programPath(t, "minio")
	s := service{"http://" + loopback(t), "store", "store-secret"}
	address := strings.TrimPrefix(s.endpoint, "http://")
	startServer(t, address, []string{"MINIO_ROOT_USER=" + s.accessKey, "MINIO_ROOT_PASSWORD=" + s.secretKey, "MINIO_BROWSER=off"},
		path, "server", "--quiet", "--address", address, t.TempDir())
	// It listens before it serves: until then it answers 503, which the client tries again.
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &s.endpoint, Credentials: credentials.NewStaticCredentialsProvider(s.accessKey, s.secretKey, ""),
		RetryMaxAttempts: 20, UsePathStyle: true,
	})
	if _, err := client.ListBuckets(t.Context(), &s3.ListBucketsInput{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func startMoto(t *testing.T) service {
	t.Helper()
	python := programPath(t, "python3")
	if err := exec.Command(python, "-c", "import moto.server").Run(); err != nil {
		missingPython(t, "python3 has no moto with its server")
	}
	s := service{"http://" + loopback(t), "kms", "kms-secret"}
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(s.endpoint, "http://"))
	startServer(t, net.JoinHostPort(host, port), nil, python, "-m", "moto.server", "-H", host, "-p", port)
	return s
}

func startLocalKMS(t *testing.T) service {
	t.Helper()
	s := service{accessKey: "kms", secretKey: "kms-secret"}
	local, err := localkms.New(localkms.Options{
		Dir: t.TempDir(), Region: "us-west-2", Account: "123456789012",
		Credentials: func(id string) (string, bool) { return s.secretKey, id == s.accessKey },
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- local.Serve(ctx, ln) }()
	t.Cleanup(func() { stop(); <-served })
	s.endpoint = "http://" + ln.Addr().String()
	return s
}

// createKey makes a KMS key as its owner would.
func (s *service) createKey(t *testing.T) string {
	t.Helper()
	client := kms.New(kms.Options{
		Region: "us-west-2", BaseEndpoint: &s.endpoint, Credentials: credentials.NewStaticCredentialsProvider(s.accessKey, s.secretKey, ""),
	})
	out, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.KeyMetadata.Arn)
}

// startOn starts the program with a configuration file, and adds to its environment what an operator would hand to
// clients: credentials, the certificate authority, a KMS key.
func startOn(t *testing.T, store, keys service) *program {
	t.Helper()
	dir := t.TempDir()
	ca := writeCertificates(t, dir)
	serviceKey, bucketKey := keys.createKey(t), keys.createKey(t)
	text := fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
tls: {cert: server.pem, key: server.key}
domains: [localhost]
store: {endpoint: %q, access_key: %q, secret_key: %q}
kms: {endpoint: %q, access_key: %q, secret_key: %q, service_key: %q}
identities:
  - name: app
    access_key: AKIAIOSFODNN7EXAMPLE
    secret_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
    policy: [{effect: Allow, action: ["s3express:*", "s3:*", "kms:*"], resource: ["*"]}]
`, store.endpoint, store.accessKey, store.secretKey, keys.endpoint, keys.accessKey, keys.secretKey, serviceKey)
	file := filepath.Join(dir, "sealfront.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProgram(t, "serve", "--config", file)
	for name, value := range map[string]string{
		"AWS_CA_BUNDLE": ca, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2", "SEALFRONT_KMS_KEY": bucketKey,
	} {
		p.env[name] = value
	}
	return p
}

// writeCertificates makes server.pem and server.key in dir, and returns the file of the authority that signed them.
func writeCertificates(t *testing.T, dir string) string {
	t.Helper()
	ca, err := openAuthority(&dataDir{path: dir})
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.issue("")
	if err != nil {
		t.Fatal(err)
	}
	if err := writePair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"), asECDSA(t, certificate.PrivateKey), certificate.Certificate...); err != nil {
		t.Fatal(err)
	}
	return ca.file
}
