package admin

import (
	"crypto/tls"
	"crypto/x509"

	"sealfront/proxy/config"
)

// TLS is the TLS configuration of the admin address; nil for HTTP. readPool reads a file of certificates in PEM.
func TLS(c *config.Config, readPool func(file string) (*x509.CertPool, error)) (*tls.Config, error) {
	if c.Admin.Cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Admin.Cert, c.Admin.Key)
	if err != nil {
		return nil, config.Faults{{Path: "admin.cert", Why: err.Error()}}
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if c.Admin.ClientCA != "" {
		if t.ClientCAs, err = readPool(c.Admin.ClientCA); err != nil {
			return nil, config.Faults{{Path: "admin.client_ca", Why: err.Error()}}
		}
		t.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return t, nil
}
