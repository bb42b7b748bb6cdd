package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"sealfront/crypto/awskms"
	"sealfront/crypto/keyring"
	"sealfront/crypto/localkms"
	"sealfront/proxy/config"
	"sealfront/proxy/metrics"
)

// openKMS returns the client of the key service, embedded or not: both are spoken to over the wire.
func (p *parts) openKMS(ctx context.Context, c *config.Config) (*awskms.Client, string, error) {
	o := awskms.Options{
		Region: or(c.KMS.Region, c.Region), Endpoint: c.KMS.Endpoint, AccessKey: c.KMS.AccessKey, SecretKey: c.KMS.SecretKey,
		CAFile: c.KMS.CA, Timeout: c.KMS.Timeout,
	}
	serviceKey := c.KMS.ServiceKey
	if c.KMS.Kind == "embedded" {
		service, err := p.startKMS(ctx, c)
		if err != nil {
			return nil, "", err
		}
		if err := p.makeKeys(ctx, service); err != nil {
			return nil, "", err
		}
		o = awskms.Options{Region: c.Region, Endpoint: p.kmsEndpoint, AccessKey: p.data.AccessKey, SecretKey: p.data.SecretKey, Timeout: c.KMS.Timeout}
		serviceKey = or(serviceKey, p.data.ServiceKey)
	}
	client, err := awskms.New(ctx, o)
	if err != nil {
		return nil, "", fmt.Errorf("make the KMS client: %w", err)
	}
	return client, serviceKey, nil
}

// startKMS serves the embedded key service on a loopback port.
func (p *parts) startKMS(ctx context.Context, c *config.Config) (*localkms.Service, error) {
	service, err := localkms.New(localkms.Options{
		Dir: p.data.join("kms"), Region: c.Region, Earlier: p.data.earlierRegions(c.Region), Account: c.Account,
		Credentials: func(id string) (string, bool) { return p.data.SecretKey, id == p.data.AccessKey },
	})
	if err != nil {
		return nil, fmt.Errorf("open the embedded key service: %w", err)
	}
	address := "127.0.0.1:0"
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for the embedded key service: %w", err)
	}
	p.kmsEndpoint = "http://" + ln.Addr().String()
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- service.Serve(ctx, ln) }()
	p.closers = append(p.closers, func() error { stop(); return <-done })
	return service, nil
}

// makeKeys makes the service key and the demo bucket's key at the first start.
func (p *parts) makeKeys(ctx context.Context, service *localkms.Service) (err error) {
	if p.data.ServiceKey != "" && p.data.BucketKMSKey != "" {
		return nil
	}
	for _, k := range []struct {
		arn         *string
		description string
	}{{&p.data.ServiceKey, "Sealfront service key"}, {&p.data.BucketKMSKey, "Sealfront demo bucket"}} {
		if *k.arn == "" {
			if *k.arn, err = service.CreateKey(ctx, k.description); err != nil {
				return fmt.Errorf("make a key in the embedded key service: %w", err)
			}
		}
	}
	return p.data.save()
}

func keyringOptions(c *config.Config, m *metrics.Metrics) keyring.Options {
	b := c.KMS.BucketKey
	return keyring.Options{
		SealFor: b.SealFor, MaxUses: b.MaxUses, Lifetime: b.Lifetime, Entries: b.Entries, Timeout: c.KMS.Timeout,
		Observer: keyring.Observer{Hit: m.BucketKeyHit, Miss: m.BucketKeyMiss, Saved: m.Saved, Call: func(call string, err error, took time.Duration) {
			outcome := "ok"
			var coded interface{ ErrorCode() string }
			switch {
			case errors.As(err, &coded):
				outcome = coded.ErrorCode()
			case err != nil:
				outcome = "unreachable"
			}
			m.KMS(call, outcome, took)
		}},
	}
}
