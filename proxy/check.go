package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"sealfront/crypto/awskms"
	"sealfront/proxy/audit"
	"sealfront/proxy/config"
	"sealfront/proxy/metrics"
)

// A checkup tries what a configuration names and changes nothing but what the store's probe puts and removes. Each finding says
// what was tried, how it went and what to do. A fault would keep the program from starting, or its clients from being served;
// a warning would not, or not yet.
type checkup struct {
	c        *config.Config
	faults   config.Faults
	warnings []config.Fault
}

func (k *checkup) fault(path, format string, args ...any) {
	k.faults = append(k.faults, config.Fault{Path: path, Why: fmt.Sprintf(format, args...)})
}

func (k *checkup) warn(path, format string, args ...any) {
	k.warnings = append(k.warnings, config.Fault{Path: path, Why: fmt.Sprintf(format, args...)})
}

// check tries all of it. Faults are its error; warnings are lines on stderr.
func check(ctx context.Context, c *config.Config, stderr io.Writer) error {
	k := &checkup{c: c}
	k.listeners()
	k.certificates()
	k.secretFiles()
	if c.Log.Audit.File != "" {
		if err := audit.Check(c.Log.Audit.File); err != nil {
			k.fault("log.audit.file", "%v: the program's user needs to write there; with log.audit.on_failure: refuse no request is answered without", err)
		}
	}
	if c.KeepsData() {
		k.dataDirectory()
	}
	k.collector(ctx)
	abilities := k.storeAndKMS(ctx)
	for _, w := range k.warnings {
		fmt.Fprintln(stderr, "warning:", w)
	}
	if len(k.faults) > 0 {
		return k.faults
	}
	if abilities == "" {
		_, err := fmt.Fprintln(stderr, "the configuration is right; the embedded store and key service are made at the start")
		return err
	}
	_, err := fmt.Fprintln(stderr, "the configuration is right; the store:", abilities)
	return err
}

// listeners listens on each address for a moment.
func (k *checkup) listeners() {
	for _, l := range []struct{ path, address string }{{"listen.https", k.c.Listen.HTTPS}, {"listen.http", k.c.Listen.HTTP}, {"listen.admin", k.c.Listen.Admin}} {
		if l.address == "" {
			continue
		}
		ln, err := net.Listen("tcp", l.address)
		switch {
		case err == nil:
			_ = ln.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			k.warn(l.path, "tried to listen on %s, and something does already: right if that is the program that this configuration is for", l.address)
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			k.fault(l.path, "tried to listen on %s: this machine doesn't have the address; 0.0.0.0 stands for all it has", l.address)
		case errors.Is(err, syscall.EACCES):
			k.fault(l.path, "tried to listen on %s: %v; choose a port from 1024 on, or give the program CAP_NET_BIND_SERVICE", l.address, err)
		default:
			k.fault(l.path, "tried to listen on %s: %v", l.address, err)
		}
	}
}

// secretFiles looks at who may read what nobody else should.
func (k *checkup) secretFiles() {
	c := k.c
	files := []struct{ path, name string }{
		{"tls.key", c.TLS.Key},
		{"admin.key", c.Admin.Key},
		{"admin.token_file", c.Admin.TokenFile},
		{"store.secret_key_file", c.Store.SecretKeyFile},
		{"kms.secret_key_file", c.KMS.SecretKeyFile},
		{"identities_file", c.IdentitiesFile},
	}
	for i, pair := range c.TLS.Certificates {
		files = append(files, struct{ path, name string }{fmt.Sprintf("tls.certificates[%d].key", i), pair.Key})
	}
	for i := range c.Identities {
		files = append(files, struct{ path, name string }{fmt.Sprintf("identities[%d].secret_key_file", i), c.Identities[i].SecretKeyFile})
	}
	for _, f := range files {
		if f.name == "" {
			continue
		}
		if info, err := os.Stat(f.name); err == nil && info.Mode()&0o006 != 0 {
			k.warn(f.path, "every user of the machine may read %s, whose mode is %v: chmod o-rwx, or defaultMode: 0440 of a Kubernetes volume", f.name, info.Mode().Perm())
		}
	}
}

// dataDirectory looks whether embedded parts can keep their data.
func (k *checkup) dataDirectory() {
	dir := k.c.Data
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		// It is made at the start, in the nearest directory that is there.
		above := filepath.Dir(dir)
		for {
			if info, err = os.Stat(above); !errors.Is(err, fs.ErrNotExist) || above == filepath.Dir(above) {
				break
			}
			above = filepath.Dir(above)
		}
		dir = above
	}
	switch {
	case err != nil:
		k.fault("data", "looked for %s: %v", dir, err)
		return
	case !info.IsDir():
		k.fault("data", "%s isn't a directory", dir)
		return
	}
	f, err := os.CreateTemp(dir, ".sealfront-check-")
	if err != nil {
		k.fault("data", "tried to make a file in %s: %v; the program's user needs to write there", dir, err)
		return
	}
	_, _ = f.Close(), os.Remove(f.Name())
	if dir != k.c.Data {
		return
	}
	if info.Mode()&0o077 != 0 {
		k.warn("data", "%s holds keys, and others may enter it, its mode being %v: chmod 700", dir, info.Mode().Perm())
	}
	if _, err := shareData(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.fault("data", "%v; restore it from a backup: the keys that it names open the objects", err)
	}
}

// How long the collector has to take a connection.
const collectorPatience = 3 * time.Second

// collector connects to the collector of traces. Without it requests are served all the same.
func (k *checkup) collector(ctx context.Context) {
	t := &k.c.Tracing
	if t.Endpoint == "" {
		return
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pool, err := readPool(t.CA)
		if err != nil {
			k.fault("tracing.ca", "read the certificate authority: %v; it must be a file of certificates in PEM", err)
			return
		}
		config.RootCAs = pool
	}
	u, err := url.Parse(t.Endpoint) // validated
	if err != nil {
		return
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	ctx, cancel := context.WithTimeout(ctx, collectorPatience)
	defer cancel()
	var conn net.Conn
	if u.Scheme == "https" {
		conn, err = (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", host)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", host)
	}
	if err != nil {
		k.warn("tracing.endpoint", "tried to connect to %s: %v; traces are lost until it answers, requests are not", host, err)
		return
	}
	_ = conn.Close()
}

// storeAndKMS asks those that aren't embedded, and returns what the store can do.
func (k *checkup) storeAndKMS(ctx context.Context) (abilities string) {
	c := k.c
	p := &parts{log: zap.NewNop(), metrics: metrics.New()}
	defer func() { _ = p.close() }()
	if c.Store.Kind == "s3" || c.Store.Kind == "directory" {
		client, err := p.openStore(ctx, c)
		if err == nil {
			if err = p.probe(ctx, c, client); err == nil {
				abilities = p.abilities.String()
			}
		}
		var faults config.Faults
		switch {
		case errors.As(err, &faults):
			k.faults = append(k.faults, faults...)
		case err != nil:
			k.fault("store", "tried %s: %v%s", c.Store.Endpoint, err, advice(err))
		}
	}
	if c.KMS.Kind == "aws" {
		if path, err := tryKMS(ctx, p, c); err != nil {
			k.fault(path, "tried %s: %v%s", or(c.KMS.Endpoint, "AWS KMS in "+or(c.KMS.Region, c.Region)), err, advice(err))
		}
	}
	return abilities
}

// tryKMS does with the service key what a start does: asks about it, gets a data key and opens it again.
func tryKMS(ctx context.Context, p *parts, c *config.Config) (path string, err error) {
	if c.KMS.CA != "" {
		if _, err := readPool(c.KMS.CA); err != nil {
			return "kms.ca", err
		}
	}
	kms, key, err := p.openKMS(ctx, c)
	if err != nil {
		return "kms", err
	}
	if _, state, _, _, _, err := kms.DescribeKey(ctx, key); err != nil {
		return "kms.service_key", fmt.Errorf("kms:DescribeKey: %w", err)
	} else if state != "Enabled" {
		return "kms.service_key", fmt.Errorf("the key is in state %s: enable it, or cancel its deletion", state)
	}
	return "kms.service_key", tryKey(ctx, kms, key)
}

func tryKey(ctx context.Context, kms *awskms.Client, key string) error {
	about := map[string]string{"sealfront": "config check"}
	plaintext, blob, err := kms.GenerateDataKey(ctx, key, about)
	clear(plaintext)
	if err != nil {
		return fmt.Errorf("kms:GenerateDataKey: %w", err)
	}
	if plaintext, err = kms.Decrypt(ctx, key, blob, about); err != nil {
		return fmt.Errorf("kms:Decrypt: %w", err)
	}
	clear(plaintext)
	return nil
}

// advice says what to do about an error of store or key service, where its kind tells.
func advice(err error) string {
	var unknown *net.DNSError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	text := err.Error()
	switch {
	case errors.As(err, &unknown):
		return "; the endpoint's name isn't known here: look at it, and at DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "; nothing listens there: is it running, and is the port right?"
	case errors.As(err, &authority), strings.Contains(text, "certificate signed by unknown authority"):
		return "; its certificate is by an authority that isn't known: name its file by ca"
	case errors.As(err, &name):
		return "; its certificate is for another name: use that in the endpoint"
	case strings.Contains(text, "SignatureDoesNotMatch"), strings.Contains(text, "InvalidAccessKeyId"), strings.Contains(text, "InvalidSignatureException"),
		strings.Contains(text, "UnrecognizedClientException"), strings.Contains(text, "InvalidClientTokenId"):
		return "; the credentials are not those it knows: look at access_key and the secret, and at region"
	case strings.Contains(text, "AccessDenied"):
		return "; the credentials are right but not allowed to: give them the permissions of OPERATING.md, \"Before the first start\""
	case strings.Contains(text, "RequestTimeTooSkewed"):
		return "; this machine's clock is wrong, or its own is"
	case strings.Contains(text, "NotFoundException"):
		return "; there is no such key: look at the ARN's Region and account"
	case errors.Is(err, context.DeadlineExceeded):
		return "; it doesn't answer: look at firewalls"
	}
	return ""
}
