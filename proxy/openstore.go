package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sealfront/crypto/awskms"
	"sealfront/proxy/config"
	"sealfront/proxy/localstore"
	"sealfront/proxy/memstore"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// openStore returns the client of the store and starts the embedded one.
func (p *parts) openStore(ctx context.Context, c *config.Config) (*store.Client, error) {
	o := store.Options{
		Endpoint: c.Store.Endpoint, Region: c.Store.Region, VirtualHost: c.Store.Addressing == "virtual",
		Directory: c.Store.Kind == "directory", ControlEndpoint: c.Store.ControlEndpoint, SignPayload: c.Store.SignPayload, Connections: c.Store.Connections, Observe: p.metrics.Store,
		ClockSkew: p.clockSkew(), Now: clock, Dial: storeDial,
	}
	switch {
	case c.Store.Kind == "embedded":
		dir := p.data.join("store")
		s, err := localstore.Start(ctx, localstore.Options{Dir: dir, AccessKey: p.data.StoreAccessKey, SecretKey: p.data.StoreSecretKey, Region: c.Store.Region})
		if err != nil {
			return nil, err
		}
		p.closers = append(p.closers, s.Close)
		o.Endpoint, o.VirtualHost = "http://"+s.Address(), false
		o.Credentials = staticCredentials(p.data.StoreAccessKey, p.data.StoreSecretKey)
	case c.Store.Kind == "memory":
		accessKey, secretKey := newCredentials()
		s, err := memstore.Start(memstore.Options{AccessKey: accessKey, SecretKey: secretKey, Region: c.Store.Region, MaxBytes: int64(c.Store.Memory.MaxBytes)})
		if err != nil {
			return nil, err
		}
		p.closers = append(p.closers, s.Close)
		p.loadTest = s
		o.Endpoint, o.VirtualHost = "http://"+s.Address(), false
		o.Credentials = staticCredentials(accessKey, secretKey)
	case c.Store.AccessKey != "":
		o.Credentials = staticCredentials(c.Store.AccessKey, c.Store.SecretKey)
	default:
		chain, err := awskms.Credentials(ctx, c.Store.Region)
		if err != nil {
			return nil, fmt.Errorf("find credentials for the store: %w", err)
		}
		o.Credentials = func(ctx context.Context) (sigv4.Credentials, error) {
			id, secret, token, err := chain(ctx)
			return sigv4.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, err
		}
	}
	if c.Store.CA != "" {
		pool, err := readPool(c.Store.CA)
		if err != nil {
			return nil, config.Faults{{Path: "store.ca", Why: err.Error()}}
		}
		o.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	client, err := store.New(o)
	if err != nil {
		return nil, config.Faults{{Path: "store.endpoint", Why: err.Error()}}
	}
	p.closers = append(p.closers, func() error { client.Close(); return nil })
	return client, nil
}

// Clocks of replicas and store: from tolerableSkew on there is a warning, at most one each skewWarnings. Sessions have a grace of
// 10 s, signatures one of 15 minutes.
const (
	tolerableSkew = 30 * time.Second
	skewWarnings  = 10 * time.Minute
)

// clockSkew measures and tells how far this clock is from the store's.
func (p *parts) clockSkew() func(time.Duration) {
	var warned atomic.Int64 // by a monotonic count of nanoseconds
	began := time.Now()
	return func(ahead time.Duration) {
		p.metrics.ClockSkew(ahead)
		if ahead.Abs() < tolerableSkew {
			return
		}
		now := int64(time.Since(began)) + 1
		if last := warned.Load(); (last == 0 || now-last >= int64(skewWarnings)) && warned.CompareAndSwap(last, now) {
			p.log.Warn("this clock and the store's differ: sessions end early or late, and requests may be refused", zap.Duration("ahead", ahead.Round(time.Second)))
		}
	}
}

func staticCredentials(accessKey, secretKey string) func(context.Context) (sigv4.Credentials, error) {
	c := sigv4.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	return func(context.Context) (sigv4.Credentials, error) { return c, nil }
}

// beginTrouble gives the memory store the faults that were configured; the program's own start has been spared them.
func (p *parts) beginTrouble(m *config.Memory) {
	if p.loadTest == nil {
		return
	}
	t := memstore.Trouble{P50: m.Latency.P50, P99: m.Latency.P99, ErrorRate: m.ErrorRate, Throttle: m.Throttle}
	p.loadTest.Trouble(t)
	p.log.Warn("the store is this program's memory: nothing is kept when it ends", zap.Any("trouble", t))
}

// probe finds out what the store can do, and refuses one on which a promise can't be kept.
func (p *parts) probe(ctx context.Context, c *config.Config, client *store.Client) (err error) {
	if err := client.Objects(c.Store.StateBucket).Create(ctx); err != nil {
		return fmt.Errorf("open the state bucket %q in the store: %w", c.Store.StateBucket, err)
	}
	if p.abilities, err = client.Probe(ctx, c.Store.StateBucket); err != nil {
		return err
	}
	a := &p.abilities
	switch {
	case !a.CutOffRefused && !c.Store.SignPayload:
		return errors.New("the store keeps uploads that were cut off: an upload that fails a check would become visible, so it can't be used. " +
			"Set store.sign_payload: true, so that the store sees that a body isn't whole, or use another store")
	case !a.CutOffRefused:
		return errors.New("the store keeps uploads that were cut off, signed ones, too: an upload that fails a check would become visible, so it can't be used")
	case !a.SomeMetadata:
		return errors.New("the store doesn't keep 1,200 bytes of user metadata: an object's envelope would be lost, so it can't be used")
	case !a.ConditionalPut && !c.Store.SingleWriter:
		return errors.New("the store has no conditional PUT: two replicas could overwrite each other's records. Run a single replica and set store.single_writer: true, or use another store")
	case !a.Names.Distinct:
		return errors.New("the store takes names that differ in case or in Unicode's normal form only for one: objects would replace each other, so it can't be used")
	}
	if *a != store.AllAbilities() {
		p.log.Info("the store was probed", zap.Stringer("it", *a))
	}
	return nil
}
