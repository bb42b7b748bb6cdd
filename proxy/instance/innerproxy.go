package instance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/conn"
	"sealfront/proxy/gateway"
	"sealfront/proxy/store"
)

// OpenInnerProxy serves a proxy of the tool's own, on a loopback port under TLS, to one client with random credentials,
// which may do everything that the bucket's own policy doesn't deny. What a tool writes through it goes the way of
// every other request: there is no second code that decides, seals and describes objects. bucket is what the client is
// for.
func (i *Instance) OpenInnerProxy(bucket string) (*store.Client, error) {
	c := i.Config
	accessKey, secretKey := newCredentials()
	everything, err := policy.Compile(allowEverything)
	if err != nil {
		return nil, err
	}
	ids, err := access.NewIdentities([]*access.Identity{{
		Name: "sealfront-tool", AccessKeyID: accessKey, SecretAccessKey: secretKey,
		ARN: "arn:aws:iam::" + c.Account + ":user/sealfront-tool", Policy: everything,
	}})
	if err != nil {
		return nil, err
	}
	authority, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("make a certificate authority: %w", err)
	}
	certificate, err := authority.issue("")
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	options := i.gatewayOptions()
	options.AcceptS3Scope, options.ChecksumOnGet, options.StrictSessionKey = true, true, false
	options.FailedLogins = access.FailedLogins{}
	server := conn.NewServer(gateway.New(options, ids), i.Log, conn.Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the tool's own proxy: %w", err)
	}
	served := make(chan error, 1)
	encryption := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"},
	}
	go func() { served <- server.Serve(ln, func() *tls.Config { return encryption }) }()
	roots := x509.NewCertPool()
	roots.AddCert(authority.certificate)
	client, err := store.New(store.Options{
		Endpoint: "https://" + ln.Addr().String(), Region: c.Region, Directory: policy.KindOf(bucket) == policy.Directory,
		Credentials: store.Static(accessKey, secretKey), TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13},
		Now: i.options.Now,
	})
	i.closers.add(func() error {
		if client != nil {
			client.Close()
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			i.Log.Debug("the tool's own proxy had requests under way", zap.Error(err))
		}
		return errors.Join(ln.Close(), <-served)
	})
	return client, err
}
