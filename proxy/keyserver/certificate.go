package keyserver

import (
	"crypto/tls"
	"sync/atomic"

	"sealfront/proxy/config"
)

// A Certificate is what clients are shown; a reload replaces it.
type Certificate struct {
	file, key string
	now       atomic.Pointer[tls.Certificate]
}

// Load reads the files again. A pair that can't be used is an error, a config.Faults, and changes nothing.
func (c *Certificate) Load() error {
	pair, err := tls.LoadX509KeyPair(c.file, c.key)
	if err != nil {
		return config.Faults{{Path: "tls.cert", Why: err.Error()}}
	}
	c.now.Store(&pair)
	return nil
}

// ServerTLS is how clients connect, with a certificate that can be loaded again.
func ServerTLS(c *config.KeyService) (*tls.Config, *Certificate, error) {
	certificate := &Certificate{file: c.TLS.Cert, key: c.TLS.Key}
	if err := certificate.Load(); err != nil {
		return nil, nil, err
	}
	t := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate.now.Load(), nil },
	}
	if c.TLS.MinVersion == "1.3" {
		t.MinVersion = tls.VersionTLS13
	}
	if c.TLS.ClientCA != "" {
		pool, err := readPool(c.TLS.ClientCA)
		if err != nil {
			return nil, nil, config.Faults{{Path: "tls.client_ca", Why: err.Error()}}
		}
		t.ClientCAs, t.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return t, certificate, nil
}
