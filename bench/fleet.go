package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sealfront/proxy/socket"
)

// A fleet is replicas of one installation: one store, one key service, and one certificate and identities that change
// while they serve.
type fleet struct {
	*lab
	program  string
	replicas []*replica
	kms      map[string]string // what the key service's program exported

	authority *x509.Certificate
	signer    *ecdsa.PrivateKey
	ca        string // PEM file of the authority, which stays
	serial    *big.Int
}

// A replica listens on an address that it keeps when it is started again.
type replica struct {
	*process
	address  string
	file     string // configuration
	starts   int
	every    time.Duration // reload_every: 0 for SIGHUP only
	exported map[string]string
}

// replicaOptions are what differs between replicas.
type replicaOptions struct {
	every     time.Duration // reload_every
	grace     time.Duration // limits.drain_timeout
	kms       string        // endpoint of the key service
	bucketKey string        // of kms, YAML; "" for the defaults
}

// startFleet starts store and key service, and makes what replicas share.
func (l *lab) startFleet(ctx context.Context) (*fleet, error) {
	f := &fleet{lab: l, kms: map[string]string{}}
	var err error
	if f.program, err = l.build(ctx, "sealfront/proxy"); err != nil {
		return nil, err
	}
	if err := l.startStore(ctx, 4<<30); err != nil {
		return nil, err
	}
	data := filepath.Join(l.dir, "kms")
	if _, err = l.start(ctx, "kms", "", exports(f.kms), nil, f.program, "serve", "--data", data, "--listen",
		"127.0.0.1:0", "--admin", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if err := errors.Join(f.makeAuthority(), f.writeIdentities()); err != nil {
		return nil, err
	}
	return f, f.renew()
}

// addReplica starts one more replica.
func (f *fleet) addReplica(ctx context.Context, o replicaOptions) error {
	address, err := socket.UnusedAddress()
	if err != nil {
		return err
	}
	r := &replica{
		address: address, file: filepath.Join(f.dir, fmt.Sprintf("replica-%d.yaml", len(f.replicas))), every: o.every,
	}
	text := fmt.Sprintf(`listen: {https: %q, admin: "127.0.0.1:0"}
tls: {cert: tls.crt, key: tls.key}
region: %s
store: {kind: s3, endpoint: "http://%s", region: %s, access_key: %q, secret_key: %q, connections: 4096}
kms: {kind: aws, endpoint: %q, region: %s, access_key: %q, secret_key: %q, service_key: %q, bucket_key: {%s}}
log: {level: warn}
limits: {drain_timeout: %s}
reload_every: %s
identities_file: identities.yaml
`, address, proxyRegion, f.storeAddress, storeRegion, f.access, f.secret,
		o.kms, f.kms["AWS_REGION"], f.kms["AWS_ACCESS_KEY_ID"], f.kms["AWS_SECRET_ACCESS_KEY"],
		f.kms["SEALFRONT_KMS_KEY"], o.bucketKey, o.grace, o.every)
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		return err
	}
	if err := f.startReplica(ctx, r); err != nil {
		return err
	}
	f.replicas = append(f.replicas, r)
	return nil
}

// target is a replica as a client sees it; the bucket is the same at all of them.
func (f *fleet) target(name string, r *replica) (*target, error) {
	return newTarget(options{
		name: name, endpoint: "https://" + r.address, bucket: "bench--local-az1--x-s3", accessKey: f.access,
		secretKey: f.secret, region: proxyRegion, ca: f.ca,
		session: true, admin: r.exported["SEALFRONT_ADMIN"], processes: []int{r.Process.Pid},
	})
}

// exports keeps what a program exports, and reports when it is ready.
func exports(values map[string]string) func(string) bool {
	return func(line string) bool {
		key, value, _ := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		values[key] = strings.Trim(value, "'")
		return line == "# ready"
	}
}

func (f *fleet) startReplica(ctx context.Context, r *replica) (err error) {
	r.starts++
	name := fmt.Sprintf("%s-%d", strings.TrimSuffix(filepath.Base(r.file), ".yaml"), r.starts)
	r.exported = map[string]string{}
	r.process, err = f.start(ctx, name, "", exports(r.exported), nil, f.program, "serve", "--config", r.file)
	return err
}

// hangUp sends SIGHUP to the replicas that don't look for themselves.
func (f *fleet) hangUp() (err error) {
	for _, r := range f.replicas {
		if r.every == 0 {
			err = errors.Join(err, r.Process.Signal(syscall.SIGHUP))
		}
	}
	return err
}

// end sends SIGTERM and waits for the replica's end.
func (r *replica) end(most time.Duration) (took time.Duration, status int, err error) {
	began := time.Now()
	if err := r.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, 0, err
	}
	select {
	case <-r.ended:
		return time.Since(began), r.ProcessState.ExitCode(), nil
	case <-time.After(most):
		return time.Since(began), -1, fmt.Errorf("%s had not ended %s after SIGTERM", r.name, most)
	}
}

// replace writes a file by renaming, as whoever renews certificates does.
func (f *fleet) replace(name string, text []byte) error {
	file := filepath.Join(f.dir, name)
	return errors.Join(os.WriteFile(file+".new", text, 0o600), os.Rename(file+".new", file))
}

// writeIdentities writes the identity of the load, and more of them by name, which is their access key and secret key,
// too.
func (f *fleet) writeIdentities(more ...string) error {
	var b bytes.Buffer
	b.WriteString("identities:\n")
	add := func(name, access, secret string) {
		fmt.Fprintf(
			&b, "- {name: %q, access_key: %q, secret_key: %q, policy: [{effect: Allow, action: [\"*\"], resource: "+
				"[\"*\"]}]}\n", name, access, secret)
	}
	add("load", f.access, f.secret)
	for _, name := range more {
		add(name, name, name)
	}
	return f.replace("identities.yaml", b.Bytes())
}

func (f *fleet) makeAuthority() (err error) {
	if f.signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sealfront bench authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &f.signer.PublicKey, f.signer)
	if err != nil {
		return err
	}
	if f.authority, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	f.ca = filepath.Join(f.dir, "authority.crt")
	return os.WriteFile(f.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}

// renew writes a new certificate with a new key: the pair isn't whole between the two writes.
func (f *fleet) renew() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	f.serial = big.NewInt(time.Now().UnixNano())
	t := &x509.Certificate{
		SerialNumber: f.serial, Subject: pkix.Name{CommonName: "sealfront bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(12 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, f.authority, &key.PublicKey, f.signer)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		f.replace("tls.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		f.replace("tls.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}

// shows reports whether a replica shows the newest certificate to a new connection.
func (f *fleet) shows(ctx context.Context, r *replica, config *tls.Config) (bool, error) {
	d := tls.Dialer{Config: config}
	c, err := d.DialContext(ctx, "tcp", r.address)
	if err != nil {
		return false, err
	}
	defer func() { _ = c.Close() }()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Cmp(f.serial) == 0, nil
}
