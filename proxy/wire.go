package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"sealfront/crypto/awskms"
	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/audit"
	"sealfront/proxy/config"
	"sealfront/proxy/gateway"
	"sealfront/proxy/memstore"
	"sealfront/proxy/metrics"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/proxy/tracing"
)

// demoBucket is the directory bucket that an embedded program starts with.
const demoBucket = "demo--local-az1--x-s3"

// storeCopyLimit is gateway.Options.CopyLimit, putLimit is tools.Migration.PutLimit; tests make them small.
var storeCopyLimit, putLimit int64

// recordLife is state.Options.CacheLife; tests that count requests to the store make it long.
var recordLife time.Duration

// claimAge is state.Options.ClaimAge; tests of replicas that are killed make it short.
var claimAge time.Duration

// storeDial is store.Options.Dial; benchmarks without a network set it.
var storeDial func(ctx context.Context, network, address string) (net.Conn, error)

// clock is what time it is; tests of replicas whose clocks differ turn it.
var clock = time.Now

// parts are the rooms of a running proxy, wired. close ends them in reverse order.
type parts struct {
	log         *zap.Logger
	metrics     *metrics.Metrics
	data        *dataDir   // nil unless a part is embedded
	authority   *authority // likewise
	kmsEndpoint string     // of the embedded key service
	serviceKey  string
	store       *store.Client
	abilities   store.Abilities
	loadTest    *memstore.Store // with store.kind memory
	keys        *keyring.Keyring
	state       *state.State
	gateway     *gateway.Gateway
	memory      atomic.Pointer[memory] // a reload swaps it
	audit       *audit.Log             // nil without one
	objects     *store.Objects         // of the state bucket
	askKMS      func(context.Context) error
	tracing     *tracing.Tracing // nil: off
	tool        bool             // a subcommand that works beside running servers

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
		earlier, err := p.data.noteRegion(c.Region)
		if err != nil {
			return nil, fmt.Errorf("note the region: %w", err)
		}
		if earlier != "" {
			log.Warn("the region is another one than at the last start; buckets and keys keep the one in their ARNs",
				zap.String("earlier", earlier), zap.String("now", c.Region))
		}
		if p.authority, err = openAuthority(p.data); err != nil {
			return nil, err
		}
	}
	if err := p.connect(ctx, c, func(client *store.Client) error { return p.probe(ctx, c, client) }); err != nil {
		return nil, err
	}
	p.startSweeps(ctx)
	if c.KMS.Kind == "embedded" && (c.Store.Kind == "embedded" || c.Store.Kind == "memory") {
		if err := p.makeDemoBucket(ctx, c, p.store); err != nil {
			return nil, err
		}
	}
	p.beginTrouble(&c.Store.Memory)
	return p, nil
}

// connect opens key service and store, prepares the store, and joins what stands on them.
func (p *parts) connect(ctx context.Context, c *config.Config, prepare func(*store.Client) error) error {
	kms, serviceKey, err := p.openKMS(ctx, c)
	if err != nil {
		return err
	}
	client, err := p.openStore(ctx, c)
	if err != nil {
		return err
	}
	if err := prepare(client); err != nil {
		return err
	}
	return p.join(ctx, c, kms, client, serviceKey)
}

// openKeys makes the keyring.
func (p *parts) openKeys(c *config.Config, kms keyring.KMS, serviceKey string) {
	p.serviceKey, p.keys = serviceKey, keyring.New(kms, keyringOptions(c, p.metrics))
	p.closers = append(p.closers, func() error { p.keys.Close(); return nil })
}

// join makes what stands on the key service and the store: keyring, state and gateway.
func (p *parts) join(ctx context.Context, c *config.Config, kms *awskms.Client, client *store.Client, serviceKey string) (err error) {
	p.objects = client.Objects(c.Store.StateBucket)
	if c.Store.SingleWriter && !p.abilities.ConditionalPut { // a tool hasn't probed, and takes the operator's word
		p.objects = p.objects.SingleWriter()
	}
	p.askKMS = func(ctx context.Context) error {
		_, _, _, _, _, err := kms.DescribeKey(ctx, serviceKey)
		return err
	}
	if err := p.openTracing(ctx, c); err != nil {
		return err
	}
	var bucketKeys keyring.KMS = kms
	if p.tracing != nil {
		bucketKeys = p.tracing.KMS(kms)
	}
	p.openKeys(c, bucketKeys, serviceKey)
	p.store = client
	p.state, err = state.Open(ctx, p.objects, kms, state.Options{
		CacheLife: recordLife,
		ClaimAge:  claimAge, ClaimPatience: 3 * claimAge,
		Alone:      c.Store.SingleWriter || c.Store.Kind == "embedded" || c.Store.Kind == "memory",
		ServiceKey: serviceKey,
		Now:        func() time.Time { return clock() },
		Revoked:    p.dropKey,
		Damaged: func(name string) {
			p.metrics.Integrity("record")
			p.log.Error("a state record does not open: it was altered, or the state bucket belongs to another installation", zap.String("record", name))
		},
	})
	if err != nil {
		return err
	}
	ids, err := identities(c, p.data)
	if err != nil {
		return config.Faults{{Path: "identities", Why: err.Error()}}
	}
	options := p.gatewayOptions(c, client, serviceKey)
	if err := p.openAudit(c, &options); err != nil {
		return err
	}
	if p.tracing != nil {
		options.Store, options.Tracer = p.tracing.Store(client), p.tracing
	}
	p.gateway = gateway.New(options, ids)
	p.limit(c)
	return nil
}

// limit puts the limits of all requests together into force.
func (p *parts) limit(c *config.Config) {
	m := memoryLimit(c, cgroupLimit())
	p.memory.Store(&m)
	p.gateway.SetLimits(m.gatewayLimits(c))
	p.gateway.SetFailedLogins(failedLogins(c))
}

func failedLogins(c *config.Config) gateway.FailedLogins {
	l := &c.Limits.FailedLogins
	return gateway.FailedLogins{Rate: l.Rate, Burst: l.Burst, Entries: l.Entries}
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// freeNamesEvery is how often names of deleted buckets are looked at.
const freeNamesEvery = 5 * time.Second

// startSweeps removes leftovers of the state bucket now and every hour, and frees the names of deleted buckets.
func (p *parts) startSweeps(ctx context.Context) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	janitor := state.NewJanitor(p.state, p.gateway.UploadGone)
	go func() {
		defer close(done)
		ticker, names := time.NewTicker(time.Hour), time.NewTicker(freeNamesEvery)
		defer ticker.Stop()
		defer names.Stop()
		for due := true; ; {
			if !due {
				if err := p.state.FreeNames(ctx); err != nil && ctx.Err() == nil {
					p.log.Warn("the name of a deleted bucket could not be freed; the next attempt is soon", zap.Error(err))
				}
			} else if err := errors.Join(p.state.SweepSessionKeys(ctx), p.state.SweepRenames(ctx), p.state.SweepClaims(ctx, p.gateway.FinishMove), janitor.Sweep(ctx)); err != nil && ctx.Err() == nil {
				p.log.Warn("leftovers in the state bucket could not be removed; the next sweep tries again", zap.Error(err))
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				due = true
			case <-names.C:
				due = false
			}
		}
	}()
	p.closers = append(p.closers, func() error { stop(); <-done; return nil })
}

func (p *parts) gatewayOptions(c *config.Config, client *store.Client, serviceKey string) gateway.Options {
	o := gateway.Options{
		Store: client, Keys: p.keys, Buckets: p.state, Uploads: p.state, Renames: p.state, Claims: p.state, Sessions: p.state,
		Region: c.Region, Account: c.Account, Zones: c.Zones, Domains: c.Domains, ServiceKey: serviceKey, DefaultKMS: c.GeneralPurpose.DefaultEncryption == "aws:kms", AllowedKeys: c.KMS.AllowedKeys,
		StateBucket: c.Store.StateBucket, StoreBucket: func(bucket string) string { return c.Store.BucketPrefix + bucket },
		DirectoryStore: c.Store.Kind == "directory", Abilities: p.abilities, CopyLimit: storeCopyLimit, MetadataHeader: c.Store.MetadataHeader,
		AcceptS3Scope: *c.Auth.AcceptS3Scope, VerboseMismatch: c.Auth.VerboseMismatch, StrictSessionKey: c.Strict.CreateSessionKey,
		PerPrincipal: c.KMS.BucketKey.PerPrincipal, ChecksumOnGet: c.Checksums.OnGet == "always",
		ListObjectsV1: *c.Compat.ListObjectsV1, PostObject: c.Compat.PostObject,
		FailedLogins: failedLogins(c),
		Now:          clock, Log: p.log, Observe: gateway.Observer{Request: p.metrics.Request, Refusal: p.metrics.Refusal, Bytes: p.metrics.Bytes, Integrity: p.metrics.Integrity, Shed: p.metrics.Shed, Session: p.metrics.Session},
	}
	if c.TLS.Require == "all" {
		o.RequireTLS = policy.RequireAll
	}
	if len(c.TLS.TrustedProxies) > 0 {
		var networks []netip.Prefix
		for _, n := range c.TLS.TrustedProxies {
			networks = append(networks, netip.MustParsePrefix(n)) // validated
		}
		o.TrustedProxies = func(remote netip.Addr) bool {
			return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(remote) })
		}
	}
	return o
}

// allowEverything is the policy of identities that the program makes for itself.
var allowEverything = []policy.Statement{{Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}}}

// identities are those of the configuration and, with embedded parts, the one whose credentials were made there.
func identities(c *config.Config, d *dataDir) (*gateway.Identities, error) {
	list := make([]*gateway.Identity, 0, len(c.Identities)+1)
	add := func(name, accessKey, secretKey string, statements []policy.Statement, own config.IdentityLimits, certificates []string) error {
		compiled, err := policy.Compile(statements)
		if err != nil {
			return err
		}
		list = append(list, &gateway.Identity{
			Name: name, AccessKeyID: accessKey, SecretAccessKey: secretKey,
			ARN: "arn:aws:iam::" + c.Account + ":user/" + name, Policy: compiled, Certificates: certificates,
			Concurrency:       cmp.Or(own.Concurrency, c.Limits.Concurrency),
			RequestsPerSecond: cmp.Or(own.RequestsPerSecond, c.Limits.RequestsPerSecond),
			Burst:             cmp.Or(own.Burst, c.Limits.Burst),
		})
		return nil
	}
	for i := range c.Identities {
		id := &c.Identities[i]
		if err := add(id.Name, id.AccessKey, id.SecretKey, id.Statements(), id.Limits, id.ClientCertificate); err != nil {
			return nil, err
		}
	}
	if d != nil {
		if err := add("local", d.AccessKey, d.SecretKey, allowEverything, config.IdentityLimits{}, nil); err != nil {
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
		if err := client.CreateBucket(ctx, name, false); err != nil && !errors.Is(err, store.ErrExists) {
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
func newLogger(c config.Log, stderr io.Writer) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zap.ParseAtomicLevel(c.Level)
	if err != nil {
		return nil, level, config.Faults{{Path: "log.level", Why: err.Error()}}
	}
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.ISO8601TimeEncoder
	encoder.EncodeDuration = zapcore.StringDurationEncoder
	enc := zapcore.NewJSONEncoder(encoder)
	if c.Format == "console" {
		enc = zapcore.NewConsoleEncoder(encoder)
	}
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(stderr)), level)), level, nil
}
