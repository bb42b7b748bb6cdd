package check

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sealfront/proxy/certificates"
	"sealfront/proxy/instance"
)

// certificates parses every certificate with its key, and checks their times and names.
func (k *checkup) certificates() {
	t := &k.c.TLS
	var served []*x509.Certificate
	pair := func(path, cert, key string) {
		leaf := k.pair(path, cert, key)
		if leaf == nil {
			return
		}
		for _, other := range served {
			if slices.Equal(other.DNSNames, leaf.DNSNames) && len(leaf.DNSNames) > 0 {
				k.warn(path, "%s has the same names as an earlier pair, %s, and is never chosen: remove one", cert,
					strings.Join(leaf.DNSNames, ", "))
			}
		}
		served = append(served, leaf)
	}
	if k.c.Listen.HTTPS != "" {
		if t.Cert != "" {
			pair("tls.cert", t.Cert, t.Key)
		}
		for i, c := range t.Certificates {
			pair(fmt.Sprintf("tls.certificates[%d]", i), c.Cert, c.Key)
		}
		if len(served) > 0 {
			k.names(served)
		}
	}
	if k.c.Admin.Cert != "" {
		k.pair("admin.cert", k.c.Admin.Cert, k.c.Admin.Key)
	}
	for _, ca := range []struct{ path, file string }{
		{"tls.client_ca", t.ClientCA}, {"admin.client_ca", k.c.Admin.ClientCA},
	} {
		if ca.file == "" {
			continue
		}
		if _, err := instance.ReadPool(ca.file); err != nil {
			k.fault(ca.path, "read the certificate authority of clients: %v; it must be a file of certificates in PEM", err)
		}
	}
	k.authorities()
}

// authorities checks the times of those that are trusted; those of the services are read where these are tried.
func (k *checkup) authorities() {
	list := instance.TrustedCertificates(k.c)
	if found, ok := certificates.Authorities("tls.client_ca", k.c.TLS.ClientCA); ok {
		list = append(list, found)
	}
	for _, c := range list {
		if c.Source == "admin.cert" {
			continue // see above
		}
		switch c.State(k.now) {
		case certificates.Expired:
			k.fault(c.Source, "all certificates of authorities in %s have expired, the last on %s: nobody's certificate is "+
				"accepted", c.File, day(c.NotAfter))
		case certificates.NotYet:
			k.fault(c.Source, "%s is not valid before %s: check this machine's clock, or wait", c.File, day(c.NotBefore))
		case certificates.Ending:
			k.warn(c.Source, "the authority in %s expires on %s: add the next one to the file", c.File, day(c.NotAfter))
		case certificates.Valid:
		}
	}
}

// pair checks one certificate with its key and returns it, or nil.
func (k *checkup) pair(path, cert, key string) *x509.Certificate {
	for _, file := range []string{cert, key} {
		if _, err := os.ReadFile(file); err != nil {
			k.fault(path, "%v; the program's user must be able to read it", err)
			return nil
		}
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		what := "both must be in PEM, the certificate first in its file and the key not encrypted"
		if strings.Contains(err.Error(), "does not match") {
			what = "the key belongs to another certificate: renew both, or swap back the one that wasn't renewed"
		}
		k.fault(path, "read the pair %s and %s: %v; %s", cert, key, err, what)
		return nil
	}
	leaf := pair.Leaf
	now := k.now
	switch left := leaf.NotAfter.Sub(now); {
	case left <= 0:
		k.fault(path, "%s has expired, on %s, and clients refuse it: renew it", cert, day(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		k.fault(path, "%s is not valid before %s: check this machine's clock, or wait", cert, day(leaf.NotBefore))
	case left < certificates.Warning:
		k.warn(path, "%s expires on %s: renew it; a replaced file is loaded automatically", cert, day(leaf.NotAfter))
	}
	if len(leaf.ExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) &&
		!slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		k.fault(path, "%s is not made for servers (extended key usage), and clients refuse it", cert)
	}
	if len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		k.fault(path, "%s has no subject alternative names, and clients refuse it: they ignore its common name", cert)
	}
	if len(pair.Certificate) == 1 && leaf.Issuer.String() != leaf.Subject.String() && len(leaf.IssuingCertificateURL) > 0 {
		k.warn(path,
			"%s holds no intermediate certificate: clients that don't know its issuer, %s, refuse it; append the chain", cert,
			leaf.Issuer)
	}
	return leaf
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// names checks that there is a certificate for each name that clients use: a domain, for path style, and a bucket in
// front of it.
func (k *checkup) names(served []*x509.Certificate) {
	for i, domain := range k.c.Domains {
		for _, call := range []struct{ host, style string }{
			{domain, "path style"}, {"bucket." + domain, "virtual-host style"},
		} {
			if !slices.ContainsFunc(served, func(c *x509.Certificate) bool { return c.VerifyHostname(call.host) == nil }) {
				k.warn(fmt.Sprintf("domains[%d]", i),
					"no certificate is for %s: clients of %s refuse the connection; get one for %s and *.%s", call.host, call.style,
					domain, domain)
			}
		}
	}
}
