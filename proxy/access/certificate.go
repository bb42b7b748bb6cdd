package access

import (
	"crypto/x509"
	"errors"
	"slices"

	"sealfront/proxy/s3"
)

// errCertificate is for the log.
var errCertificate = errors.New("the request came without the client certificate that its identity needs")

// checkCertificate holds an identity's requests to its client certificate, in addition to their signature: a stolen secret
// alone is of no use then. Who asks through a trusted proxy shows no certificate here and is refused.
func (x *Grant) checkCertificate(id *Identity) error {
	if len(id.Certificates) == 0 {
		return nil
	}
	if state := x.Peer.TLSConnectionState(); state != nil && len(state.VerifiedChains) > 0 {
		for _, name := range certificateNames(state.PeerCertificates[0]) {
			if slices.Contains(id.Certificates, name) {
				return nil
			}
		}
	}
	e := s3.AccessDenied()
	e.Cause = errCertificate
	return e
}

// certificateNames are the names in a certificate as Identity.Certificates has them: the subject's common name, the whole
// subject as RFC 2253 writes it, and the alternative names.
func certificateNames(c *x509.Certificate) []string {
	names := []string{"cn:" + c.Subject.CommonName, "subject:" + c.Subject.String()}
	for _, n := range c.DNSNames {
		names = append(names, "dns:"+n)
	}
	for _, n := range c.EmailAddresses {
		names = append(names, "email:"+n)
	}
	for _, n := range c.URIs {
		names = append(names, "uri:"+n.String())
	}
	return names
}
