package proxytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority is a certificate authority of a test's own.
type Authority struct {
	certificate *x509.Certificate
	File        string // of the certificate, in PEM
	key         *ecdsa.PrivateKey
	dir         string // where it writes what it issues
}

// NewAuthority makes an authority that writes to a temporary directory.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	return newAuthorityIn(t, t.TempDir())
}

func newAuthorityIn(t testing.TB, dir string) *Authority {
	t.Helper()
	certificate, key := makeAuthority(t)
	a := &Authority{certificate: certificate, key: key, dir: dir, File: filepath.Join(dir, "tls", "ca.pem")}
	if err := os.MkdirAll(filepath.Dir(a.File), 0o755); err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.File, "CERTIFICATE", certificate.Raw)
	return a
}

// WriteAuthority makes an authority and writes its certificate and its key, both readable by their owner only.
func WriteAuthority(t testing.TB, file, keyFile string) {
	t.Helper()
	certificate, key := makeAuthority(t)
	writeKey(t, keyFile, key)
	writePEM(t, file, "CERTIFICATE", certificate.Raw)
}

func makeAuthority(t testing.TB) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serialNumber(), Subject: pkix.Name{CommonName: "authority of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
		MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

func serialNumber() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return n
}

// writePEM replaces a file in one step: a program may be watching it.
func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	err := os.WriteFile(file+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func writeKey(t testing.TB, file string, key *ecdsa.PrivateKey) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, file, "PRIVATE KEY", der)
}

// Pool holds the authority's certificate.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// IssueTo writes NAME.crt and NAME.key as the template says, by default valid for an hour from now on.
func (a *Authority) IssueTo(t testing.TB, name string, template *x509.Certificate) tls.Certificate {
	t.Helper()
	return a.issueAs(t, name, a.Path(name+".crt"), a.Path(name+".key"), template)
}

func (a *Authority) issueAs(t testing.TB, name, file, keyFile string, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = serialNumber()
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
	// The key comes first: a program that watches the certificate needs its key.
	writeKey(t, keyFile, key)
	writePEM(t, file, "CERTIFICATE", der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Path is where the authority writes a file of this name.
func (a *Authority) Path(name string) string { return filepath.Join(a.dir, name) }

// Server writes a server's certificate for 127.0.0.1 and these hosts.
func (a *Authority) Server(t testing.TB, name string, hosts ...string) {
	t.Helper()
	a.IssueTo(t, name, &x509.Certificate{
		DNSNames: hosts, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// Lasting writes a server's certificate for s3.example.com, valid for these times from now.
func (a *Authority) Lasting(t testing.TB, name string, from, until time.Duration) {
	t.Helper()
	a.IssueTo(t, name, &x509.Certificate{
		DNSNames:    []string{"s3.example.com", "*.s3.example.com"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore:   time.Now().Add(from), NotAfter: time.Now().Add(until),
	})
}

// WriteCertificates makes server.pem and server.key in dir, valid for localhost, s3.localhost, their subdomains and the
// loopback addresses, and returns the file of the authority that signed them.
func WriteCertificates(t testing.TB, dir string) string {
	t.Helper()
	a := newAuthorityIn(t, dir)
	a.issueAs(t, "localhost", filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"), &x509.Certificate{
		DNSNames:    []string{"localhost", "*.localhost", "s3.localhost", "*.s3.localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return a.File
}
