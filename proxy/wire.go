package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"sealfront/crypto/awskms"
	"sealfront/crypto/keyring"
	"sealfront/crypto/localkms"
	"sealfront/policy"
	"sealfront/proxy/config"
	"sealfront/proxy/gateway"
	"sealfront/proxy/localstore"
	"sealfront/proxy/metrics"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// demoBucket is the directory bucket that an embedded program starts with.
const demoBucket = "demo--local-az1--x-s3"

// storeCopyLimit is gateway.Options.CopyLimit; tests make it small.
var storeCopyLimit int64

// parts are the rooms of a running proxy, wired. close ends them in reverse order.
type parts struct {
	log         *zap.Logger
	metrics     *metrics.Metrics
	data        *dataDir   // nil unless a part is embedded
	authority   *authority // likewise
	kmsEndpoint string     // of the embedded key service
	abilities   store.Abilities
	keys        *keyring.Keyring
	state       *state.State
	gateway     *gateway.Gateway

	closers []func() error
}

func (p *parts) close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i]())
	}
	return errors.Join(errs...)
}

// dropKey forgets the bucket keys under a KMS key, or all.
func (p *parts) dropKey(keyARN string) {
	if keyARN == state.AllKeys {
		p.keys.DropAll()
	} else {
		p.keys.Drop(keyARN)
	}
}

// assemble makes the rooms and joins them. On error nothing stays open.
func assemble(ctx context.Context, c *config.Config, log *zap.Logger) (p *parts, err error) {
	opened := &parts{log: log, metrics: metrics.New()}
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	p = opened
	if c.KeepsData() {
		if p.data, err = openData(c.Data); err != nil {
			return nil, err
		}
		p.closers = append(p.closers, p.data.close)
		if p.authority, err = openAuthority(p.data); err != nil {
			return nil, err
		}
	}
	kms, serviceKey, err := p.openKMS(ctx, c)
	if err != nil {
		return nil, err
	}
	client, err := p.openStore(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := p.probe(ctx, c, client); err != nil {
		return nil, err
	}
	p.keys = keyring.New(kms, keyringOptions(c, p.metrics))
	p.closers = append(p.closers, func() error { p.keys.Close(); return nil })
	p.state, err = state.Open(ctx, client.Objects(c.Store.StateBucket), kms, state.Options{
		ServiceKey: serviceKey,
		Revoked:    p.dropKey,
		Damaged: func(name string) {
			p.metrics.Integrity("record")
			log.Error("a state record does not open: it was altered, or the state bucket belongs to another installation", zap.String("record", name))
		},
	})
	if err != nil {
		return nil, err
	}
	ids, err := identities(c, p.data)
	if err != nil {
		return nil, config.Faults{{Path: "identities", Why: err.Error()}}
	}
	p.gateway = gateway.New(p.gatewayOptions(c, client, serviceKey), ids)
	p.startSweeps(ctx)
	if c.Store.Kind == "embedded" && c.KMS.Kind == "embedded" {
		if err := p.makeDemoBucket(ctx, c, client); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// openKMS returns the client of the key service, embedded or not: both are spoken to over the wire.
func (p *parts) openKMS(ctx context.Context, c *config.Config) (*awskms.Client, string, error) {
	o := awskms.Options{Region: or(c.KMS.Region, c.Region), Endpoint: c.KMS.Endpoint, AccessKey: c.KMS.AccessKey, SecretKey: c.KMS.SecretKey,
		CAFile: c.KMS.CA, Timeout: c.KMS.Timeout}
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

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// startKMS serves the embedded key service on a loopback port.
func (p *parts) startKMS(ctx context.Context, c *config.Config) (*localkms.Service, error) {
	service, err := localkms.New(localkms.Options{Dir: p.data.join("kms"), Region: c.Region, Account: c.Account,
		Credentials: func(id string) (string, bool) { return p.data.SecretKey, id == p.data.AccessKey }})
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

// openStore returns the client of the store and starts the embedded one.
func (p *parts) openStore(ctx context.Context, c *config.Config) (*store.Client, error) {
	o := store.Options{Endpoint: c.Store.Endpoint, Region: c.Store.Region, VirtualHost: c.Store.Addressing == "virtual",
		Directory: c.Store.Kind == "directory", ControlEndpoint: c.Store.ControlEndpoint, SignPayload: c.Store.SignPayload, Connections: c.Store.Connections, Observe: p.metrics.Store}
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

func staticCredentials(accessKey, secretKey string) func(context.Context) (sigv4.Credentials, error) {
	c := sigv4.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	return func(context.Context) (sigv4.Credentials, error) { return c, nil }
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
	case !a.CutOffRefused:
		return errors.New("the store keeps uploads that were cut off: an upload that fails a check would become visible, so it can't be used")
	case !a.SomeMetadata:
		return errors.New("the store doesn't keep 1,200 bytes of user metadata: an object's envelope would be lost, so it can't be used")
	case !a.ConditionalPut && !c.Store.SingleWriter:
		return errors.New("the store has no conditional PUT: two replicas could overwrite each other's records. Run a single replica and set store.single_writer: true, or use another store")
	}
	if *a != (store.Abilities{ConditionalPut: true, ConditionalDelete: true, ConditionalCopy: true, ConditionalComplete: true, AtomicSelfCopy: true, CutOffRefused: true, MetadataRoom: true, SomeMetadata: true, EmptySegments: true, DotSegments: true, KeyBesideChild: true, PartGaps: true}) {
		p.log.Info("the store was probed", zap.Stringer("it", *a))
	}
	return nil
}

// startSweeps removes leftovers of the state bucket now and every hour.
func (p *parts) startSweeps(ctx context.Context) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	janitor := state.NewJanitor(p.state, p.gateway.UploadGone)
	go func() {
		defer close(done)
		ticker := time.NewTicker(time.Hour)
		defer ticker.Stop()
		for {
			if err := errors.Join(p.state.SweepSessionKeys(ctx), p.state.SweepRenames(ctx), janitor.Sweep(ctx)); err != nil && ctx.Err() == nil {
				p.log.Warn("leftovers in the state bucket could not be removed; the next sweep tries again", zap.Error(err))
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	p.closers = append(p.closers, func() error { stop(); <-done; return nil })
}

func keyringOptions(c *config.Config, m *metrics.Metrics) keyring.Options {
	b := c.KMS.BucketKey
	return keyring.Options{SealFor: b.SealFor, MaxUses: b.MaxUses, Lifetime: b.Lifetime, Entries: b.Entries, Timeout: c.KMS.Timeout,
		Observer: keyring.Observer{Hit: m.BucketKeyHit, Miss: m.BucketKeyMiss, Saved: m.Saved, Call: func(call string, err error, _ time.Duration) {
			outcome := "ok"
			var coded interface{ ErrorCode() string }
			switch {
			case errors.As(err, &coded):
				outcome = coded.ErrorCode()
			case err != nil:
				outcome = "unreachable"
			}
			m.KMS(call, outcome)
		}}}
}

func (p *parts) gatewayOptions(c *config.Config, client *store.Client, serviceKey string) gateway.Options {
	o := gateway.Options{
		Store: client, Keys: p.keys, Buckets: p.state, Uploads: p.state, Renames: p.state, Sessions: p.state,
		Region: c.Region, Account: c.Account, Zones: c.Zones, Domains: c.Domains, ServiceKey: serviceKey, AllowedKeys: c.KMS.AllowedKeys,
		StateBucket: c.Store.StateBucket, StoreBucket: func(bucket string) string { return c.Store.BucketPrefix + bucket },
		DirectoryStore: c.Store.Kind == "directory", Abilities: p.abilities, CopyLimit: storeCopyLimit, MetadataHeader: c.Store.MetadataHeader,
		AcceptS3Scope: *c.Auth.AcceptS3Scope, VerboseMismatch: c.Auth.VerboseMismatch, StrictSessionKey: c.Strict.CreateSessionKey,
		PerPrincipal: c.KMS.BucketKey.PerPrincipal, ChecksumOnGet: c.Checksums.OnGet == "always",
		ListObjectsV1: *c.Compat.ListObjectsV1, PostObject: c.Compat.PostObject,
		FailedLogins: gateway.FailedLogins{Rate: c.Limits.FailedLogins.Rate, Burst: c.Limits.FailedLogins.Burst, Entries: c.Limits.FailedLogins.Entries},
		Log:          p.log, Observe: gateway.Observer{Request: p.metrics.Request, Refusal: p.metrics.Refusal, Bytes: p.metrics.Bytes, Integrity: p.metrics.Integrity},
	}
	if c.TLS.Require == "all" {
		o.RequireTLS = policy.RequireAll
	}
	if len(c.TLS.TrustedProxies) > 0 {
		var networks []netip.Prefix
		for _, n := range c.TLS.TrustedProxies {
			networks = append(networks, netip.MustParsePrefix(n)) // validated
		}
		o.TrustedProxies = func(remote string) bool {
			a, err := netip.ParseAddr(remote)
			if err != nil {
				return false
			}
			for _, n := range networks {
				if n.Contains(a.Unmap()) {
					return true
				}
			}
			return false
		}
	}
	return o
}

// identities are those of the configuration and, with embedded parts, the one whose credentials were made there.
func identities(c *config.Config, d *dataDir) (*gateway.Identities, error) {
	list := make([]*gateway.Identity, 0, len(c.Identities)+1)
	add := func(name, accessKey, secretKey string, statements []policy.Statement) error {
		compiled, err := policy.Compile(statements)
		if err != nil {
			return err
		}
		list = append(list, &gateway.Identity{Name: name, AccessKeyID: accessKey, SecretAccessKey: secretKey,
			ARN: "arn:aws:iam::" + c.Account + ":user/" + name, Policy: compiled})
		return nil
	}
	for i := range c.Identities {
		id := &c.Identities[i]
		if err := add(id.Name, id.AccessKey, id.SecretKey, id.Statements()); err != nil {
			return nil, err
		}
	}
	if d != nil {
		everything := []policy.Statement{{Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}}}
		if err := add("local", d.AccessKey, d.SecretKey, everything); err != nil {
			return nil, err
		}
	}
	return gateway.NewIdentities(list)
}

// makeDemoBucket makes the directory bucket of the quick start, with SSE-KMS as its default.
func (p *parts) makeDemoBucket(ctx context.Context, c *config.Config, client *store.Client) error {
	name := c.Store.BucketPrefix + demoBucket
	_, err := p.state.CreateBucket(ctx, state.Bucket{
		Name: demoBucket, Directory: true, ARN: policy.BucketARN(demoBucket, c.Region, c.Account), Account: c.Account, Region: c.Region,
		Zone: "local-az1", StoreName: name, Creator: "local",
		DefaultKMS: true, DefaultKey: p.data.BucketKMSKey, KeyAsGiven: p.data.BucketKMSKey, BoundKey: p.data.BucketKMSKey, BucketKey: true,
	}, func(ctx context.Context) error {
		if err := client.CreateBucket(ctx, name); err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
		return nil
	})
	if errors.Is(err, state.ErrBucketExists) || errors.Is(err, state.ErrAborted) {
		return nil // made at an earlier start, or deleted a moment ago
	}
	if err != nil {
		return fmt.Errorf("make the bucket %s: %w", demoBucket, err)
	}
	return nil
}

// newLogger makes the log on stderr.
func newLogger(c config.Log, stderr io.Writer) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, config.Faults{{Path: "log.level", Why: err.Error()}}
	}
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.ISO8601TimeEncoder
	encoder.EncodeDuration = zapcore.StringDurationEncoder
	enc := zapcore.NewJSONEncoder(encoder)
	if c.Format == "console" {
		enc = zapcore.NewConsoleEncoder(encoder)
	}
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(stderr)), level)), nil
}

// check tries what a configuration names: the store with its probe, the key service with its service key.
func check(ctx context.Context, c *config.Config, stderr io.Writer) error {
	if c.KeepsData() {
		return nil // embedded parts are made at the start
	}
	p := &parts{log: zap.NewNop(), metrics: metrics.New()}
	defer func() { _ = p.close() }()
	var faults config.Faults
	if c.Listen.HTTPS != "" {
		if _, err := serverTLS(c, nil); err != nil && !errors.As(err, &faults) {
			return err
		}
	}
	client, err := p.openStore(ctx, c)
	if err == nil {
		err = p.probe(ctx, c, client)
	}
	if err != nil {
		faults = append(faults, config.Fault{Path: "store", Why: err.Error()})
	}
	kms, serviceKey, err := p.openKMS(ctx, c)
	if err == nil {
		_, _, _, _, _, err = kms.DescribeKey(ctx, serviceKey)
	}
	if err != nil {
		faults = append(faults, config.Fault{Path: "kms.service_key", Why: err.Error()})
	}
	if len(faults) > 0 {
		return faults
	}
	_, err = fmt.Fprintln(stderr, "the configuration is right; the store:", p.abilities)
	return err
}
