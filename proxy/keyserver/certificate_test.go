package keyserver_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// The certificate's end is in the metrics, on the page, in the log and in readiness; a renewed one, and another
// authority of clients' certificates, hold for the next connection, without a start.
func TestAKeyServicesCertificates(t *testing.T) {
	servers, clients, others := proxytest.NewAuthority(t), proxytest.NewAuthority(t), proxytest.NewAuthority(t)
	servers.Lasting(t, "served", -2*time.Hour, -time.Hour)
	text := strings.Replace(proxytest.KeyServerConfig(t, "", "reload_every: 20ms\n"),
		`https: "", http: "127.0.0.1:0"`, `https: "127.0.0.1:0"`, 1)
	servedIn := servers.Path("")
	text += fmt.Sprintf("tls: {cert: %q, key: %q, client_ca: %q}\n", servers.Path("served.crt"),
		servers.Path("served.key"),
		clients.File)
	p := proxytest.StartKeyServer(t, text)
	wants := func(path string, texts ...string) {
		t.Helper()
		page := p.AdminText(path)
		for _, text := range texts {
			if !strings.Contains(page, text) {
				t.Errorf("%s doesn't say %q:\n%s", path, text, page)
			}
		}
	}
	wants("/readyz", "not ready: certificates: refusing: tls.cert is expired")
	wants("/status", `"tls.cert, expired, until `, `"tls.client_ca, ending, until `)
	wants("/metrics", `sealfront_certificate_not_after_timestamp_seconds{source="tls.cert"} `,
		`sealfront_certificate_not_after_timestamp_seconds{source="tls.client_ca"} `, `sealfront_build_info{fips=`,
		`sealfront_health{dependency="certificates",state="refusing"} 1`)
	if log := p.Stderr.String(); !strings.Contains(log, "a certificate has expired, and connections are refused") {
		t.Errorf("the log says nothing: %s", log)
	}

	dial := func(by *proxytest.Authority) error {
		mine := by.IssueTo(t, "client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		c, err := tls.Dial("tcp", strings.TrimPrefix(p.Env["SEALFRONT_KMS_ENDPOINT"], "https://"), &tls.Config{
			RootCAs: servers.Pool(), ServerName: "s3.example.com", Certificates: []tls.Certificate{mine},
		})
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		// With TLS 1.3 a client learns by reading that it isn't admitted.
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: s3.example.com\r\nConnection: close\r\n\r\n")); err != nil {
			return err
		}
		_, err = c.Read(make([]byte, 1))
		return err
	}
	if err := dial(clients); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("a client that looks: %v", err)
	}
	servers.Lasting(t, "served", -time.Hour, 40*24*time.Hour)
	proxytest.Eventually(t, "the renewed certificate is shown", func() bool { return dial(clients) == nil })
	wants("/readyz", "ok")
	if err := dial(others); err == nil {
		t.Error("another authority's client is admitted")
	}
	authority, err := os.ReadFile(others.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(clients.File, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	proxytest.Eventually(t, "the other authority's client is admitted", func() bool { return dial(others) == nil })
	if err := dial(clients); err == nil {
		t.Error("the former authority's client is still admitted")
	}
	// Other files, of another authority.
	servers = proxytest.NewAuthority(t)
	servers.Lasting(t, "other", -time.Hour, 40*24*time.Hour)
	text = strings.Replace(strings.ReplaceAll(text, "served.", "other."), servedIn, servers.Path(""), 2)
	if err := os.WriteFile(p.ConfigFile(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	proxytest.Eventually(t, "the other certificate is shown", func() bool { return dial(others) == nil })
	for line := range strings.Lines(p.Stderr.String()) {
		if !strings.HasPrefix(line, "{") {
			t.Errorf("not a line of the log: %s", line)
		}
	}
}
