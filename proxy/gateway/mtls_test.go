package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Certificates are chosen by the name that the client asks for, and an identity's requests come with its own.
func TestCertificatesOfBothSides(t *testing.T) {
	t.Parallel()
	ca := proxytest.NewAuthority(t)
	ca.Server(t, "first", "localhost")
	ca.Server(t, "second", "s3.example.com", "*.s3.example.com")
	spiffe, err := url.Parse("spiffe://example.com/app")
	if err != nil {
		t.Fatal(err)
	}
	clientUse := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	byURI := ca.IssueTo(t, "uri", &x509.Certificate{
		Subject: pkix.Name{CommonName: "x"}, URIs: []*url.URL{spiffe},
		ExtKeyUsage: clientUse,
	})
	byName := ca.IssueTo(t, "cn", &x509.Certificate{
		Subject:     pkix.Name{CommonName: "app-client"},
		ExtKeyUsage: clientUse,
	})
	stranger := proxytest.NewAuthority(t).IssueTo(t, "cn",
		&x509.Certificate{Subject: pkix.Name{CommonName: "app-client"}, ExtKeyUsage: clientUse})
	config := func(mode string) string {
		text := proxytest.EmbeddedWith(t,
			fmt.Sprintf("tls: {cert: %s, key: %s, certificates: [{cert: %s, key: %s}], client_ca: %s, client_certificates: "+
				"%s, min_version: \"1.3\"}",
				ca.Path("first.crt"), ca.Path("first.key"), ca.Path("second.crt"), ca.Path("second.key"), ca.File, mode))
		return strings.Replace(text, "secret_key: testsecret,",
			"secret_key: testsecret, client_certificate: [\"uri:spiffe://example.com/app\", \"cn:app-client\"],", 1)
	}
	p := proxytest.StartWith(t, config("optional"))
	app := &sigv4.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "testsecret"}
	get := func(c *sigv4.Credentials, t *tls.Config) (string, int, error) {
		t.RootCAs = ca.Pool()
		transport := &http.Transport{TLSClientConfig: t, DisableKeepAlives: true}
		return p.SendPooled(&http.Client{Transport: transport},
			&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "x", Credentials: c}, "")
	}
	for name, c := range map[string]struct {
		credentials *sigv4.Credentials
		certificate []tls.Certificate
		status      int
	}{
		"its certificate by URI":                {app, []tls.Certificate{byURI}, 404},
		"its certificate by common name":        {app, []tls.Certificate{byName}, 404},
		"a stolen secret without a certificate": {app, nil, 403},
		"another identity without one":          {proxytest.OtherCredentials, nil, 404},
		"its certificate, a wrong secret": {
			&sigv4.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "wrong"},
			[]tls.Certificate{byURI},
			403,
		},
		"a certificate of another authority": {app, []tls.Certificate{stranger}, 0},
	} {
		body, status, err := get(c.credentials, &tls.Config{Certificates: c.certificate})
		if status != c.status || (err != nil) != (c.status == 0) {
			// A client may leave out a certificate that the server's authorities don't cover: then it has none.
			if !(c.status == 0 && status == 403 && strings.Contains(body, "AccessDenied")) {
				t.Errorf("%s: %d %v %s, want %d", name, status, err, body, c.status)
			}
		}
	}
	host := strings.TrimPrefix(p.Env["AWS_ENDPOINT_URL"], "https://")
	for name, want := range map[string]string{
		"localhost": "first", "s3.example.com": "second",
		"bucket.s3.example.com": "second", "": "first",
	} {
		c, err := tls.Dial("tcp", host,
			&tls.Config{RootCAs: ca.Pool(), ServerName: name, InsecureSkipVerify: name == ""})
		if err != nil {
			t.Errorf("for %q: %v", name, err)
			continue
		}
		if got := c.ConnectionState().PeerCertificates[0].Subject.CommonName; got != want {
			t.Errorf("for %q: certificate %s, want %s", name, got, want)
		}
		_ = c.Close()
	}
	if c, err := tls.Dial("tcp", host, &tls.Config{RootCAs: ca.Pool(), MaxVersion: tls.VersionTLS12}); err == nil {
		_ = c.Close()
		t.Error("TLS 1.2 with tls.min_version 1.3")
	}
	required := proxytest.StartWith(t, config("required"))
	p = required
	if _, _, err := get(proxytest.OtherCredentials, &tls.Config{}); err == nil {
		t.Error("without a certificate, where every client must show one")
	}
	if _, status, err := get(proxytest.OtherCredentials,
		&tls.Config{Certificates: []tls.Certificate{byURI}}); status != 404 {
		t.Errorf("with one: %d %v", status, err)
	}
}

// Rows T-1 and T-4, and TLS that ended at a trusted terminator.
func TestTRowsBehindATrustedTerminator(t *testing.T) {
	t.Parallel()
	forwarded := []sigv4.Field{proxytest.Field("X-Forwarded-Proto", "https")}
	for name, c := range map[string]struct {
		more   string
		header []sigv4.Field
		status int
		code   string
	}{
		"nobody is trusted": {"tls: {trusted_proxies: []}", forwarded, 400, "InvalidArgument"},
		"another network is": {
			"tls: {trusted_proxies: [10.0.0.0/8, \"fd00::/8\"]}", forwarded, 400,
			"InvalidArgument",
		},
		"ours is": {"tls: {trusted_proxies: [127.0.0.0/8]}", forwarded, 200, ""},
		"ours is, but the client came by HTTP": {
			"tls: {trusted_proxies: [127.0.0.0/8]}",
			[]sigv4.Field{proxytest.Field("X-Forwarded-Proto", "http")},
			400, "InvalidArgument",
		},
		"ours is, and says nothing": {"tls: {trusted_proxies: [127.0.0.0/8]}", nil, 400, "InvalidArgument"},
		"all requests need TLS": {
			"tls: {trusted_proxies: [127.0.0.0/8], require: all}", forwarded, 200,
			"",
		},
		"all need it, and this has none": {"tls: {require: all}", nil, 400, "InvalidRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, c.more))
			a := p.Do(&proxytest.Request{
				Method: "PUT", Path: proxytest.DemoPath + "x", Body: "hello", Plain: true,
				Header: c.header,
			})
			if a.StatusCode != c.status || a.Code() != c.code {
				t.Errorf("T-1: %d %s, want %d %s", a.StatusCode, a.Text, c.status, c.code)
			}
			if a := p.Do(&proxytest.Request{
				Method: "PUT", Path: proxytest.DemoPath + "x",
				Body: "hello",
			}); a.StatusCode != 200 {
				t.Errorf("over TLS: %d %s", a.StatusCode, a.Text)
			}
			resp, err := p.HTTPClient(t).Get(p.Env["AWS_ENDPOINT_URL"] + proxytest.DemoPath + "x")
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != 403 {
				t.Errorf("T-4: %d", resp.StatusCode)
			}
		})
	}
}
