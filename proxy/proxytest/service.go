package proxytest

import (
	"context"
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

	"sealfront/crypto/keyservice"
	"sealfront/proxy/socket"
)

// A Service is a store or key service that the program is configured with.
type Service struct{ Endpoint, AccessKey, SecretKey string }

// StartServer runs a server until the test ends and waits until it accepts connections.
func StartServer(t testing.TB, address string, env []string, path string, args ...string) {
	t.Helper()
	log := &Buffer{}
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
	deadline := time.After(3 * time.Minute)
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

// Loopback is an address for a server that can't choose a port, or that is started again at the same one.
func Loopback(t testing.TB) string {
	t.Helper()
	address, err := socket.UnusedAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// StartVersitygw starts versitygw over a temporary directory.
func StartVersitygw(t *testing.T) Service {
	t.Helper()
	path := ProgramPath(t, "versitygw")
	s := Service{Endpoint: "http://" + Loopback(t), AccessKey: "store", SecretKey: "store-secret"}
	address := strings.TrimPrefix(s.Endpoint, "http://")
	StartServer(t, address, nil, path, "--port", address, "--access", s.AccessKey, "--secret", s.SecretKey, "--quiet",
		"posix", t.TempDir())
	return s
}

// StartMinIO starts MinIO over a temporary directory.
func StartMinIO(t *testing.T) Service {
	t.Helper()
	path := ProgramPath(t, "minio")
	s := Service{Endpoint: "http://" + Loopback(t), AccessKey: "store", SecretKey: "store-secret"}
	address := strings.TrimPrefix(s.Endpoint, "http://")
	StartServer(t, address,
		[]string{"MINIO_ROOT_USER=" + s.AccessKey, "MINIO_ROOT_PASSWORD=" + s.SecretKey, "MINIO_BROWSER=off"},
		path, "server", "--quiet", "--address", address, t.TempDir())
	// It listens before it serves: until then it answers 503, which the client tries again.
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &s.Endpoint,
		Credentials:      credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
		RetryMaxAttempts: 20, UsePathStyle: true,
	})
	if _, err := client.ListBuckets(t.Context(), &s3.ListBucketsInput{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// StartMoto starts moto's server, for its KMS.
func StartMoto(t *testing.T) Service {
	t.Helper()
	python := ProgramPath(t, "python3")
	if err := exec.Command(python, "-c", "import moto.server").Run(); err != nil {
		MissingPython(t, "python3 has no moto with its server")
	}
	s := Service{Endpoint: "http://" + Loopback(t), AccessKey: "kms", SecretKey: "kms-secret"}
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(s.Endpoint, "http://"))
	StartServer(t, net.JoinHostPort(host, port), nil, python, "-m", "moto.server", "-H", host, "-p", port)
	return s
}

// StartLocalKMS serves package keyservice from this process.
func StartLocalKMS(t *testing.T) Service {
	t.Helper()
	s := Service{AccessKey: "kms", SecretKey: "kms-secret"}
	local, err := keyservice.New(keyservice.Options{
		Dir: t.TempDir(), Region: "us-west-2", Account: "123456789012",
		Callers: keyservice.Anyone(func(id string) (string, bool) { return s.SecretKey, id == s.AccessKey }),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = local.Close() }) // it notes the last use of keys a little later
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- local.Serve(ctx, ln, 5*time.Second) }()
	t.Cleanup(func() {
		stop()
		<-served
	})
	s.Endpoint = "http://" + ln.Addr().String()
	return s
}

// CreateKey makes a KMS key as its owner would.
func (s *Service) CreateKey(t testing.TB) string {
	t.Helper()
	client := kms.New(kms.Options{
		Region: "us-west-2", BaseEndpoint: &s.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
	out, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.KeyMetadata.Arn)
}

// StartOn starts the program with a configuration file, and adds to its environment what an operator would give to
// clients: credentials, the certificate authority, a KMS key.
func StartOn(t testing.TB, store, keys Service, options ...Option) *Program {
	t.Helper()
	dir := t.TempDir()
	ca := WriteCertificates(t, dir)
	serviceKey, bucketKey := keys.CreateKey(t), keys.CreateKey(t)
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
`, store.Endpoint, store.AccessKey, store.SecretKey, keys.Endpoint, keys.AccessKey, keys.SecretKey, serviceKey)
	file := filepath.Join(dir, "sealfront.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startCommand(t, options, "serve", "--config", file)
	for name, value := range map[string]string{
		"AWS_CA_BUNDLE": ca, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"AWS_REGION":            "us-west-2", "AWS_DEFAULT_REGION": "us-west-2", "SEALFRONT_KMS_KEY": bucketKey,
	} {
		p.Env[name] = value
	}
	return p
}

// Direct is a client of the store itself.
func (s Service) Direct() *s3.Client {
	return s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &s.Endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
}

// StartVersioningVersitygw starts versitygw over a temporary directory, with versions of objects.
func StartVersioningVersitygw(t *testing.T) Service {
	t.Helper()
	path := ProgramPath(t, "versitygw")
	s := Service{Endpoint: "http://" + Loopback(t), AccessKey: "store", SecretKey: "store-secret"}
	address := strings.TrimPrefix(s.Endpoint, "http://")
	StartServer(t, address, nil, path, "--port", address, "--access", s.AccessKey, "--secret", s.SecretKey, "--quiet",
		"posix", "--versioning-dir", t.TempDir(), t.TempDir())
	return s
}
