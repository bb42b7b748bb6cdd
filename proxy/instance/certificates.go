package instance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/proxy/metrics"
)

// CertificateWarning is how long before a certificate's end there are warnings: renewals usually come at a third of its
// life.
const CertificateWarning = 14 * 24 * time.Hour

// How often certificates are looked at, and how often the log repeats what is wrong with one.
const (
	certificatesEvery    = time.Hour
	certificatesRepeated = 24 * time.Hour
)

// A Certificate is one that the program shows to clients, or an authority that it trusts.
type Certificate struct {
	Source    string    // the setting that names it: tls.cert, tls.certificates[0], store.ca
	File      string    // "" for one that the program has made
	Names     []string  // that it is for; none of an authority
	NotBefore time.Time // of its chain the latest
	NotAfter  time.Time // of its chain the earliest; of the authorities in a file the latest
}

// A CertificateState is a certificate's state at some time.
type CertificateState string

// The states.
const (
	CertificateValid   CertificateState = "valid"
	CertificateEnding  CertificateState = "ending"  // within CertificateWarning
	CertificateExpired CertificateState = "expired" // connections are refused
	CertificateNotYet  CertificateState = "not yet valid"
)

// State is the certificate's at a time.
func (c *Certificate) State(now time.Time) CertificateState {
	switch left := c.NotAfter.Sub(now); {
	case left <= 0:
		return CertificateExpired
	case now.Before(c.NotBefore):
		return CertificateNotYet
	case left < CertificateWarning:
		return CertificateEnding
	}
	return CertificateValid
}

// servedCertificates are those that clients of the S3 listener are shown by t, which was made of c.
func servedCertificates(c *config.Config, t *tls.Config) (list []Certificate) {
	if t == nil {
		return nil
	}
	for i := range t.Certificates {
		source, file := "tls.cert", c.TLS.Cert
		if i > 0 {
			source, file = fmt.Sprintf("tls.certificates[%d]", i-1), c.TLS.Certificates[i-1].Cert
		}
		if found, ok := ofChain(t.Certificates[i].Certificate); ok {
			found.Source, found.File = source, file
			list = append(list, found)
		}
	}
	return list
}

// TrustedCertificates are the authorities that c names, and the admin address's certificate.
func TrustedCertificates(c *config.Config) (list []Certificate) {
	for _, ca := range []struct{ source, file string }{
		{"tls.client_ca", c.TLS.ClientCA},
		{"admin.client_ca", c.Admin.ClientCA},
		{"store.ca", c.Store.CA},
		{"kms.ca", c.KMS.CA},
		{"tracing.ca", c.Tracing.CA},
		{"log.audit.ca", c.Log.Audit.CA},
	} {
		if found, ok := ofAuthorities(readChain(ca.file)); ok {
			found.Source, found.File = ca.source, ca.file
			list = append(list, found)
		}
	}
	if found, ok := ofChain(readChain(c.Admin.Cert)); ok {
		found.Source, found.File = "admin.cert", c.Admin.Cert
		list = append(list, found)
	}
	return list
}

// readChain are the certificates of a file in PEM; none where it can't be read, which is reported where it is used.
func readChain(file string) (chain [][]byte) {
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

// ofChain is a certificate with those that certify it: it is good while all are.
func ofChain(chain [][]byte) (c Certificate, ok bool) {
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

// ofAuthorities are authorities: some are good while one is.
func ofAuthorities(list [][]byte) (c Certificate, ok bool) {
	for _, der := range list {
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

// Certificates are those of a running program. They are safe for concurrent use.
type Certificates struct {
	log     *zap.Logger
	metrics *metrics.Metrics
	now     func() time.Time

	mu     sync.Mutex
	served []Certificate // changed by a reload
	others []Certificate // as at the start: a reload doesn't change them
	said   map[string]saidCertificate
}

// saidCertificate is what the log has said about a source, and when.
type saidCertificate struct {
	state CertificateState
	until time.Time
	at    time.Time
}

func newCertificates(c *config.Config, log *zap.Logger, m *metrics.Metrics, now func() time.Time) *Certificates {
	if now == nil {
		now = time.Now
	}
	return &Certificates{
		log: log, metrics: m, now: now, others: TrustedCertificates(c), said: make(map[string]saidCertificate),
	}
}

// Serve notes the certificates of t, which was made of c and is shown to clients from now on, and looks at all.
func (k *Certificates) Serve(c *config.Config, t *tls.Config) {
	k.mu.Lock()
	k.served = servedCertificates(c, t)
	clear(k.said) // a reload says again what is wrong
	ends := make(map[string]time.Time)
	for _, one := range k.all() {
		ends[one.Source] = one.NotAfter
	}
	k.metrics.Certificates(ends)
	k.mu.Unlock()
	k.Check()
}

func (k *Certificates) all() []Certificate {
	return append(append([]Certificate(nil), k.served...), k.others...)
}

// List returns all certificates.
func (k *Certificates) List() []Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all()
}

// Check logs which certificates have expired, or will soon: at the first time, when that changes, and daily.
func (k *Certificates) Check() {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	for _, c := range k.all() {
		state := c.State(now)
		last, ok := k.said[c.Source]
		if ok && last.state == state && last.until.Equal(c.NotAfter) && now.Sub(last.at) < certificatesRepeated {
			continue
		}
		k.said[c.Source] = saidCertificate{state, c.NotAfter, now}
		fields := []zap.Field{
			zap.String("setting", c.Source), zap.String("file", c.File), zap.Time("not_before", c.NotBefore),
			zap.Time("not_after", c.NotAfter), zap.Int("days_left", int(c.NotAfter.Sub(now).Hours()/24)),
			zap.String("cure", c.cure()),
		}
		switch state {
		case CertificateExpired:
			k.log.Error("a certificate has expired, and connections are refused", fields...)
		case CertificateNotYet:
			k.log.Error("a certificate is not valid yet, and connections are refused", fields...)
		case CertificateEnding:
			k.log.Warn("a certificate expires soon", fields...)
		case CertificateValid:
		}
	}
}

// cure is how a certificate is renewed.
func (c *Certificate) cure() string {
	switch {
	case c.File == "":
		return "start the program again: it makes a new one"
	case c.NotBefore.After(time.Now()):
		return "check this machine's clock, or wait"
	case strings.HasPrefix(c.Source, "tls."):
		return "renew the file: it is loaded within reload_every, or at SIGHUP"
	}
	return "renew the file, and start the program again"
}

// Watch looks at the certificates until ctx ends.
func (k *Certificates) Watch(ctx context.Context) {
	tick := time.NewTicker(certificatesEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.Check()
		case <-ctx.Done():
			return
		}
	}
}
