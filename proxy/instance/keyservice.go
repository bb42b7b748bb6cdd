package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"sealfront/crypto/awskms"
	"sealfront/crypto/keyring"
	"sealfront/crypto/keyservice"
	"sealfront/proxy/config"
	"sealfront/proxy/metrics"
)

// A KeyService is the KMS that the proxy calls, embedded or not: both are called over the wire.
type KeyService struct {
	Client     *KMSClient
	ServiceKey string // ARN, or what the configuration calls it
	Endpoint   string // of the embedded one; "" otherwise
	closers    closers
}

// OpenKeyService makes the client of the key service and starts the embedded one, whose keys are in d.
func OpenKeyService(ctx context.Context, c *config.Config, d *Data) (_ *KeyService, err error) {
	k := &KeyService{ServiceKey: c.KMS.ServiceKey}
	o := awskms.Options{
		Region: cmp.Or(c.KMS.Region, c.Region), Endpoint: c.KMS.Endpoint, AccessKey: c.KMS.AccessKey,
		SecretKey: c.KMS.SecretKey,
		CAFile:    c.KMS.CA, Timeout: c.KMS.Timeout,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.Close())
		}
	}()
	if c.KMS.Kind == "embedded" {
		service, err := k.serve(ctx, c, d)
		if err != nil {
			return nil, err
		}
		if err := makeKeys(ctx, service, d); err != nil {
			return nil, err
		}
		o = awskms.Options{
			Region: c.Region, Endpoint: k.Endpoint, AccessKey: d.AccessKey, SecretKey: d.SecretKey, Timeout: c.KMS.Timeout,
		}
		k.ServiceKey = cmp.Or(k.ServiceKey, d.ServiceKey)
	}
	client, err := awskms.New(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("make the KMS client: %w", err)
	}
	k.Client = newKMSClient(client, c.KMS.Timeout)
	return k, nil
}

// Close ends the embedded key service.
func (k *KeyService) Close() error { return k.closers.close() }

// ErrKeyState means that the service key can't be used as it is.
var ErrKeyState = errors.New("the service key can't be used")

// Reach describes the service key: an error means that the key service can't be reached, or doesn't allow it, or
// ErrKeyState.
func (k *KeyService) Reach(ctx context.Context) error {
	_, state, _, _, _, err := k.Client.DescribeKey(ctx, k.ServiceKey)
	if err == nil && state != "Enabled" {
		err = fmt.Errorf("%w: it is in state %s", ErrKeyState, state)
	}
	return err
}

// serve serves the embedded key service on a loopback port.
func (k *KeyService) serve(ctx context.Context, c *config.Config, d *Data) (*keyservice.Service, error) {
	service, err := keyservice.New(keyservice.Options{
		Dir: d.Join("kms"), Region: c.Region, Earlier: d.earlierRegions(c.Region), Account: c.Account,
		Callers: keyservice.Anyone(func(id string) (string, bool) { return d.SecretKey, id == d.AccessKey }),
	})
	if err != nil {
		return nil, fmt.Errorf("open the embedded key service: %w", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the embedded key service: %w", err)
	}
	k.Endpoint = "http://" + ln.Addr().String()
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- service.Serve(ctx, ln, 5*time.Second) }()
	k.closers.add(func() error {
		stop()
		return <-done
	})
	return service, nil
}

// makeKeys makes the service key and the demo bucket's key at the first start.
func makeKeys(ctx context.Context, service *keyservice.Service, d *Data) (err error) {
	if d.ServiceKey != "" && d.BucketKMSKey != "" {
		return nil
	}
	for _, k := range []struct {
		arn         *string
		description string
	}{{&d.ServiceKey, "Sealfront service key"}, {&d.BucketKMSKey, "Sealfront demo bucket"}} {
		if *k.arn == "" {
			if *k.arn, err = service.CreateKey(ctx, k.description); err != nil {
				return fmt.Errorf("make a key in the embedded key service: %w", err)
			}
		}
	}
	return d.save()
}

func keyringOptions(c *config.Config, m *metrics.Metrics) keyring.Options {
	b := c.KMS.BucketKey
	return keyring.Options{
		SealFor: b.SealFor, MaxUses: b.MaxUses, Lifetime: b.Lifetime, Entries: b.Entries, Timeout: c.KMS.Timeout,
		Observer: keyring.Observer{
			Hit: m.BucketKeyHit, Miss: m.BucketKeyMiss, Saved: m.Saved,
			Evicted: func(of keyring.Table) { m.BucketKeyEvicted(of.String()) },
			Call: func(call string, err error, took time.Duration) {
				outcome := "ok"
				var coded interface{ ErrorCode() string }
				switch {
				case errors.As(err, &coded):
					outcome = coded.ErrorCode()
				case err != nil:
					outcome = "unreachable"
				}
				m.KMS(call, outcome, took)
			},
		},
	}
}
