package instance

import (
	"crypto/tls"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sealfront/proxy/certificates"
	"sealfront/proxy/config"
)

// Each certificate is known by the setting that names it, and a reload's own are those that it read.
func TestTheCertificatesOfAConfiguration(t *testing.T) {
	authority, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.issue("localhost")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &config.Config{
		TLS:   config.TLS{Cert: "one.pem", Certificates: []config.Certificate{{Cert: "two.pem"}}, ClientCA: file},
		Store: config.Store{CA: file}, KMS: config.KMS{CA: file + ".none"},
		Admin: config.Admin{Cert: file, ClientCA: file},
	}
	sources := func(list []certificates.Certificate) (all []string) {
		for _, one := range list {
			all = append(all, one.Source+" "+filepath.Base(one.File))
		}
		return all
	}
	served := sources(ServedCertificates(c, &tls.Config{Certificates: []tls.Certificate{pair, pair}}))
	if want := []string{"tls.cert one.pem", "tls.certificates[0] two.pem", "tls.client_ca ca.pem"}; !slices.Equal(served,
		want) {
		t.Errorf("served: %q", served)
	}
	if got := sources(ServedCertificates(c, nil)); got != nil {
		t.Errorf("without TLS: %q", got)
	}
	trusted := sources(TrustedCertificates(c))
	if want := []string{"admin.client_ca ca.pem", "store.ca ca.pem", "admin.cert ca.pem"}; !slices.Equal(trusted, want) {
		t.Errorf("trusted: %q", trusted)
	}
}
