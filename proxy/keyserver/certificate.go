package keyserver

import (
	"crypto/tls"

	"sealfront/proxy/certificates"
	"sealfront/proxy/config"
)

// serverTLS is how clients of listen.https connect. Its error is a config.Faults.
func serverTLS(c *config.KeyTLS) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, config.Faults{{Path: "tls.cert", Why: err.Error()}}
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, Certificates: []tls.Certificate{pair}}
	if c.MinVersion == "1.3" {
		t.MinVersion = tls.VersionTLS13
	}
	if c.ClientCA != "" {
		pool, err := readPool(c.ClientCA)
		if err != nil {
			return nil, config.Faults{{Path: "tls.client_ca", Why: err.Error()}}
		}
		t.ClientCAs, t.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return t, nil
}

// serve shows new connections the certificate of t, which was made of c, from now on; nil is no listen.https.
func (s *Site) serve(t *tls.Config, c *config.KeyTLS) {
	if t == nil {
		s.certificates.Serve(nil)
		return
	}
	s.encryption.Store(t)
	var served []certificates.Certificate
	if found, ok := certificates.OfChain("tls.cert", c.Cert, t.Certificates[0].Certificate); ok {
		served = append(served, found)
	}
	if found, ok := certificates.Authorities("tls.client_ca", c.ClientCA); ok {
		served = append(served, found)
	}
	s.certificates.Serve(served)
}

// listenerTLS is that of the listener, which asks for each connection how it is encrypted.
func (s *Site) listenerTLS() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.encryption.Load(), nil },
	}
}

// trustedCertificates are the authorities that c names for what the service calls, and what it shows there.
func trustedCertificates(c *config.KeyService) (list []certificates.Certificate) {
	add := func(found certificates.Certificate, ok bool) {
		if ok {
			list = append(list, found)
		}
	}
	add(certificates.Authorities("records.store.ca", c.Records.Store.CA))
	for i := range c.Roots {
		r := &c.Roots[i]
		at := "roots." + r.Name
		add(certificates.Authorities(at+".transit.ca", r.Transit.CA))
		add(certificates.Read(at+".transit.cert", r.Transit.Cert))
		add(certificates.Authorities(at+".awskms.ca", r.AWSKMS.CA))
	}
	return list
}
