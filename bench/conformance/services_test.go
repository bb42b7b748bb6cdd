package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// startStore starts a store and returns its part of the configuration.
func startStore(t *testing.T, name string) string {
	t.Helper()
	path, address := programPath(t, name), proxytest.Loopback(t)
	var cmd *exec.Cmd
	switch name {
	case "versitygw":
		cmd = exec.Command(path, "--port", address, "--access", "store", "--secret", "store-secret", "--quiet",
			"posix", t.TempDir())
	case "minio":
		cmd = exec.Command(path, "server", "--quiet", "--address", address, t.TempDir())
		cmd.Env = []string{"MINIO_ROOT_USER=store", "MINIO_ROOT_PASSWORD=store-secret", "MINIO_BROWSER=off"}
	}
	probe := "/"
	if name == "minio" {
		probe = "/minio/health/ready"
	}
	startServer(t, cmd, "http://"+address+probe)
	return fmt.Sprintf(`{endpoint: "http://%s", access_key: store, secret_key: store-secret}`, address)
}

// startMoto starts moto's key service and returns its URL.
func startMoto(t *testing.T) string {
	t.Helper()
	python := programPath(t, "python3")
	if err := exec.Command(python, "-c", "import moto.server").Run(); err != nil {
		absent(t, "python3 has no moto with its server", true)
	}
	address := proxytest.Loopback(t)
	host, port, _ := net.SplitHostPort(address)
	startServer(t, exec.Command(python, "-m", "moto.server", "-H", host, "-p", port), "http://"+address+"/")
	return "http://" + address
}

// programPath finds a program below $SEALFRONT_TOOLS or in PATH. Where it is missing the test is skipped, or fails when
// SEALFRONT_E2E=require.
func programPath(t *testing.T, name string) string {
	t.Helper()
	if tools := os.Getenv("SEALFRONT_TOOLS"); tools != "" {
		if path, err := exec.LookPath(filepath.Join(tools, "bin", name)); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		absent(t, name+" is neither in PATH nor in $SEALFRONT_TOOLS/bin", name == "python3")
	}
	return path
}

func absent(t *testing.T, what string, python bool) {
	t.Helper()
	if os.Getenv("SEALFRONT_E2E") == "require" && (!python || os.Getenv("SEALFRONT_E2E_PYTHON") != "absent") {
		t.Fatal(what)
	}
	t.Skip(what + "; .ci/run installs it")
}

// startServer runs a server until the test ends, and waits until probe answers less than 500.
func startServer(t *testing.T, cmd *exec.Cmd, probe string) {
	t.Helper()
	log := &lockedBuffer{}
	cmd.Env = append(cleanEnvironment(), cmd.Env...)
	cmd.Dir = t.TempDir()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := http.Get(probe); err == nil { //nolint:noctx // bounded by the deadline of the test
			_ = resp.Body.Close()
			if resp.StatusCode < 500 {
				return
			}
		}
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", filepath.Base(cmd.Path), log)
		case <-deadline:
			t.Fatalf("%s did not answer in time:\n%s", filepath.Base(cmd.Path), log)
		case <-tick.C:
		}
	}
}

// writeCertificate makes a certificate for this machine that is its own authority.
func writeCertificate(t *testing.T, file, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "conformance"},
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames: []string{"localhost", "*.localhost"},
		IsCA:     true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name  string
		block pem.Block
	}{
		{file, pem.Block{Type: "CERTIFICATE", Bytes: certificate}}, {
			keyFile, pem.Block{Type: "PRIVATE KEY", Bytes: private},
		},
	} {
		if err := os.WriteFile(f.name, pem.EncodeToMemory(&f.block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
