package instance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"sealfront/crypto/durable"
)

// An Authority is the certificate authority of an embedded program: made once and stored in the data directory.
type Authority struct {
	File        string // PEM of its certificate, for AWS_CA_BUNDLE
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

const (
	authorityLife   = 10 * 365 * 24 * time.Hour
	certificateLife = 365 * 24 * time.Hour
)

func openAuthority(d *Data) (*Authority, error) {
	if err := os.MkdirAll(d.Join("tls"), 0o755); err != nil {
		return nil, fmt.Errorf("make the certificate directory: %w", err)
	}
	file, keyFile := d.Join("tls", "ca.pem"), d.Join("tls", "ca.key")
	pair, err := tls.LoadX509KeyPair(file, keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeAuthority(file, keyFile); err == nil {
			pair, err = tls.LoadX509KeyPair(file, keyFile)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the certificate authority in %s: %w", d.Join("tls"), err)
	}
	// Programs of other users have to read the authority's certificate; its key is the owner's. Earlier releases made both
	// private.
	if err := errors.Join(setMode(d.Join("tls"), 0o755), setMode(file, 0o644), setMode(keyFile, 0o600)); err != nil {
		return nil, fmt.Errorf("make the certificate of the authority readable: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("open the certificate authority: %s holds no ECDSA key", keyFile)
	}
	return &Authority{File: file, certificate: pair.Leaf, key: key}, nil
}

func setMode(name string, mode fs.FileMode) error {
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() == mode {
		return err
	}
	return os.Chmod(name, mode)
}

func makeAuthority(file, keyFile string) error {
	a, err := newAuthority()
	if err != nil {
		return err
	}
	return writePair(file, keyFile, a.key, a.certificate.Raw)
}

// newAuthority makes an authority in memory only.
func newAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Sealfront local authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(authorityLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &Authority{certificate: certificate, key: key}, err
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return n
}

func writePair(file, keyFile string, key *ecdsa.PrivateKey, chain ...[]byte) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := durable.Replace(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return err
	}
	var text []byte
	for _, c := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
	}
	return durable.Replace(file, text)
}

// localNames are the names of every certificate that the program makes. Go accepts *.localhost; OpenSSL, GnuTLS and
// Node accept no wildcard right below a top-level name, so virtual-host style uses s3.localhost.
var localNames = []string{"localhost", "*.localhost", "s3.localhost", "*.s3.localhost"}

// issue makes a server certificate for localhost, s3.localhost, their subdomains, the loopback addresses, each of
// domains with its subdomains, and host, if it differs. It is made at each start: clients trust the
// authority.
func (a *Authority) issue(host string, domains ...string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: slices.Clone(localNames), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, name := range append([]string{host}, domains...) {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		ip := net.ParseIP(name)
		switch {
		case name == "" || ip != nil && (ip.IsUnspecified() || slices.ContainsFunc(template.IPAddresses, ip.Equal)):
		case ip != nil:
			template.IPAddresses = append(template.IPAddresses, ip)
		case !slices.Contains(template.DNSNames, name):
			template.DNSNames = append(template.DNSNames, name, "*."+name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key}, nil
}
