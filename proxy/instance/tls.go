package instance

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"

	"sealfront/proxy/config"
)

// ServerTLS is the TLS configuration towards clients. a is nil unless a part is embedded, and is used when the
// configuration names no certificate.
func ServerTLS(c *config.Config, a *Authority) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if c.TLS.MinVersion == "1.3" {
		t.MinVersion = tls.VersionTLS13
	}
	var certificate tls.Certificate
	var err error
	if c.TLS.Cert != "" {
		certificate, err = tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key)
	} else {
		host, _, _ := net.SplitHostPort(c.Listen.HTTPS)
		certificate, err = a.issue(host, c.Domains...)
	}
	if err != nil {
		return nil, config.Faults{{Path: "tls.cert", Why: err.Error()}}
	}
	t.Certificates = []tls.Certificate{certificate} // the first is for clients that send no server name, or an unknown one
	for i, pair := range c.TLS.Certificates {
		if certificate, err = tls.LoadX509KeyPair(pair.Cert, pair.Key); err != nil {
			return nil, config.Faults{{Path: fmt.Sprintf("tls.certificates[%d]", i), Why: err.Error()}}
		}
		t.Certificates = append(t.Certificates, certificate)
	}
	if c.TLS.ClientCA != "" {
		if t.ClientCAs, err = ReadPool(c.TLS.ClientCA); err != nil {
			return nil, config.Faults{{Path: "tls.client_ca", Why: err.Error()}}
		}
		t.ClientAuth = tls.RequireAndVerifyClientCert
		if c.TLS.ClientCertificates == "optional" {
			t.ClientAuth = tls.VerifyClientCertIfGiven
		}
	}
	return t, nil
}

// ReadPool reads a file of certificates in PEM.
func ReadPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}
