package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"time"
)

// Warning is how long before a certificate's end there are warnings: renewals usually come at a third of its life.
const Warning = 14 * 24 * time.Hour

// A Certificate is one that the program shows to clients, or an authority that it trusts.
type Certificate struct {
	Source    string    // the setting that names it: tls.cert, tls.certificates[0], store.ca
	File      string    // "" for one that the program has made
	Names     []string  // that it is for; none of an authority
	NotBefore time.Time // of its chain the latest
	NotAfter  time.Time // of its chain the earliest; of the authorities in a file the latest
}

// A State is a certificate's state at some time.
type State string

// The states.
const (
	Valid   State = "valid"
	Ending  State = "ending"  // within Warning
	Expired State = "expired" // connections are refused
	NotYet  State = "not yet valid"
)

// State is the certificate's at a time.
func (c *Certificate) State(now time.Time) State {
	switch left := c.NotAfter.Sub(now); {
	case left <= 0:
		return Expired
	case now.Before(c.NotBefore):
		return NotYet
	case left < Warning:
		return Ending
	}
	return Valid
}

// OfChain is a certificate with those that certify it, in DER, the certificate first: it is good while all are. It
// reports false where none can be read.
func OfChain(source, file string, chain [][]byte) (Certificate, bool) {
	c := Certificate{Source: source, File: file}
	ok := false
	for i, der := range chain {
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			continue
		}
		if i == 0 {
			c.Names = parsed.DNSNames
		}
		if !ok || parsed.NotAfter.Before(c.NotAfter) {
			c.NotAfter = parsed.NotAfter
		}
		if !ok || parsed.NotBefore.After(c.NotBefore) {
			c.NotBefore = parsed.NotBefore
		}
		ok = true
	}
	return c, ok
}

// Read is the certificate in a file in PEM, with those that certify it. It reports false where there is none, or it
// can't be read, which is reported where it is used.
func Read(source, file string) (Certificate, bool) { return OfChain(source, file, readPEM(file)) }

// Authorities are those in a file in PEM: some are good while one is. It reports false as Read does.
func Authorities(source, file string) (Certificate, bool) {
	c := Certificate{Source: source, File: file}
	ok := false
	for _, der := range readPEM(file) {
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			continue
		}
		if !ok || parsed.NotAfter.After(c.NotAfter) {
			c.NotBefore, c.NotAfter = parsed.NotBefore, parsed.NotAfter
		}
		ok = true
	}
	return c, ok
}

// readPEM are the certificates of a file, in DER; none where it can't be read.
func readPEM(file string) (chain [][]byte) {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return chain
		}
		if block.Type == "CERTIFICATE" {
			chain = append(chain, block.Bytes)
		}
	}
}
