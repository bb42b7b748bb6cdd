package instance

import (
	"crypto/tls"
	"fmt"

	"sealfront/proxy/certificates"
	"sealfront/proxy/config"
)

// ServedCertificates are those that clients of the S3 listener are shown by t, which was made of c, and the authorities
// of clients' own; none without t.
func ServedCertificates(c *config.Config, t *tls.Config) (list []certificates.Certificate) {
	if t == nil {
		return nil
	}
	for i := range t.Certificates {
		source, file := "tls.cert", c.TLS.Cert
		if i > 0 {
			source, file = fmt.Sprintf("tls.certificates[%d]", i-1), c.TLS.Certificates[i-1].Cert
		}
		if found, ok := certificates.OfChain(source, file, t.Certificates[i].Certificate); ok {
			list = append(list, found)
		}
	}
	if found, ok := certificates.Authorities("tls.client_ca", c.TLS.ClientCA); ok {
		list = append(list, found)
	}
	return list
}

// TrustedCertificates are the authorities that c names, which a reload leaves alone, and the admin address's
// certificate.
func TrustedCertificates(c *config.Config) (list []certificates.Certificate) {
	for _, ca := range []struct{ source, file string }{
		{"admin.client_ca", c.Admin.ClientCA},
		{"store.ca", c.Store.CA},
		{"kms.ca", c.KMS.CA},
		{"tracing.ca", c.Tracing.CA},
		{"log.audit.ca", c.Log.Audit.CA},
	} {
		if found, ok := certificates.Authorities(ca.source, ca.file); ok {
			list = append(list, found)
		}
	}
	if found, ok := certificates.Read("admin.cert", c.Admin.Cert); ok {
		list = append(list, found)
	}
	return list
}
