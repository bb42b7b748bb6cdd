package keyserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"sealfront/crypto/awskms"
	"sealfront/crypto/keyservice"
	"sealfront/crypto/keyservice/folder"
	"sealfront/proxy/config"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// openedRecords are the records with what belongs to them.
type openedRecords struct {
	keyservice.Records
	reach func(ctx context.Context) error // reports whether they can be read now
	close func()
}

// openRecords opens the folder, or probes the store and opens the bucket. observe may be nil.
func openRecords(
	ctx context.Context, c *config.KeyService, observe func(operation, code string),
) (*openedRecords, error) {
	if c.Records.Dir != "" {
		f, err := folder.Open(c.Records.Dir)
		if err != nil {
			return nil, config.Faults{{Path: "records.dir", Why: err.Error()}}
		}
		return &openedRecords{Records: f, close: func() {}, reach: func(ctx context.Context) error {
			return f.List(ctx, "aliases/", func(string, string) {})
		}}, nil
	}
	client, err := storeClient(ctx, c, observe)
	if err != nil {
		return nil, err
	}
	objects := client.Objects(c.Records.Bucket)
	if err := Probe(ctx, objects); err != nil {
		client.Close()
		var condition *ConditionError
		passing := !errors.As(err, &condition)
		return nil, config.Faults{{Path: "records.store", Why: err.Error(), Passing: passing}}
	}
	return &openedRecords{Records: NewBucket(objects), close: client.Close, reach: func(ctx context.Context) error {
		_, err := objects.List(ctx, "probe-", "", func(string, string, int64, time.Time) {})
		return err
	}}, nil
}

func storeClient(
	ctx context.Context, c *config.KeyService, observe func(operation, code string),
) (*store.Client, error) {
	s := &c.Records.Store
	o := store.Options{
		Endpoint: s.Endpoint, Region: s.Region, VirtualHost: s.Addressing == "virtual", Timeout: s.Timeout,
		ConnectTimeout: s.ConnectTimeout, SignPayload: true,
		Observe: func(operation string, status int, _ error, _ time.Duration) {
			if observe != nil {
				observe(operation, strconv.Itoa(status))
			}
		},
	}
	if s.AccessKey != "" {
		o.Credentials = store.Static(s.AccessKey, s.SecretKey)
	} else {
		chain, err := awskms.Credentials(ctx, s.Region)
		if err != nil {
			return nil, fmt.Errorf("find credentials for the store: %w", err)
		}
		o.Credentials = func(ctx context.Context) (sigv4.Credentials, error) {
			id, secret, token, err := chain(ctx)
			return sigv4.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, err
		}
	}
	if s.CA != "" {
		pool, err := readPool(s.CA)
		if err != nil {
			return nil, config.Faults{{Path: "records.store.ca", Why: err.Error()}}
		}
		o.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	client, err := store.New(o)
	if err != nil {
		return nil, config.Faults{{Path: "records.store.endpoint", Why: err.Error()}}
	}
	return client, nil
}

func readPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}
