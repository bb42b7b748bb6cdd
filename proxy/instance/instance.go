package instance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sealfront/crypto/keyring"
	"sealfront/proxy/access"
	"sealfront/proxy/audit"
	"sealfront/proxy/certificates"
	"sealfront/proxy/config"
	"sealfront/proxy/gateway"
	"sealfront/proxy/metrics"
	"sealfront/proxy/state"
	"sealfront/proxy/status"
	"sealfront/proxy/tracing"
)

// An Instance is a proxy: its rooms, joined. Fields that the caller's need doesn't include are nil.
type Instance struct {
	Config    *config.Config // what it was opened with
	Log       *zap.Logger
	Metrics   *metrics.Metrics
	Data      *Data      // nil unless a part is embedded
	Authority *Authority // likewise; nil for tools
	// Certificates are those of a server; nil for tools.
	Certificates *certificates.Watcher
	KMS          *KeyService
	Storage      *Storage
	Keys         *keyring.Keyring
	State        *state.State
	Replicas     *state.Roll // those of a server; nil where no other replica can be
	Gateway      *gateway.Gateway
	Audit        *audit.Log       // nil without one
	Failures     *status.Failures // the last ones of requests

	options Options
	memory  atomic.Pointer[Memory] // a reload swaps it
	closers closers
}

// Open assembles as much of a proxy as need says. On error nothing stays open.
func Open(ctx context.Context, c *config.Config, need Need, o Options) (*Instance, error) {
	o = o.withDefaults()
	i := &Instance{Config: c, Log: o.Log, Metrics: metrics.New(), Failures: new(status.Failures), options: o}
	if err := i.open(ctx, need); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

// Close closes the proxy. Requests must have ended.
func (i *Instance) Close() error { return i.closers.close() }

func (i *Instance) open(ctx context.Context, need Need) error {
	c := i.Config
	if need != Serving && need != Keys && c.Store.Kind == "memory" {
		why := "a memory store is part of the running server: other programs can't see it"
		return config.Faults{{Path: "store.kind", Why: why}}
	}
	if err := i.openData(need); err != nil {
		return err
	}
	if need == Storing {
		i.KMS = &KeyService{ServiceKey: c.KMS.ServiceKey}
		return i.openStorage(ctx)
	}
	if err := i.openKMS(ctx); err != nil {
		return err
	}
	if need == Keys {
		i.openKeys(i.KMS.Client)
		return nil
	}
	if err := i.openStorage(ctx); err != nil {
		return err
	}
	if err := i.prepareStorage(ctx, need); err != nil {
		return err
	}
	if err := i.join(ctx, need); err != nil {
		return err
	}
	switch need {
	case Serving:
		return i.begin(ctx)
	case Writing:
		return unusable("store", i.Storage.Probe(ctx, c))
	}
	return nil
}

// openData opens the data directory, if a part is embedded.
func (i *Instance) openData(need Need) (err error) {
	c := i.Config
	switch {
	case !c.KeepsData(), need == Keys && c.KMS.Kind != "embedded":
		return nil
	case need != Serving:
		i.Data, err = ShareData(c.Data)
		return err
	}
	if i.Data, err = openData(c.Data); err != nil {
		return err
	}
	i.closers.add(i.Data.close)
	earlier, err := i.Data.noteRegion(c.Region)
	if err != nil {
		return fmt.Errorf("note the region: %w", err)
	}
	if earlier != "" {
		i.Log.Warn("the region differs from that of the last start; buckets and keys keep the one in their ARNs",
			zap.String("earlier", earlier), zap.String("now", c.Region))
	}
	i.Authority, err = openAuthority(i.Data)
	return err
}

func (i *Instance) openKMS(ctx context.Context) (err error) {
	if i.KMS, err = OpenKeyService(ctx, i.Config, i.Data); err != nil {
		return unusable("kms", err)
	}
	i.closers.add(i.KMS.Close)
	return nil
}

func (i *Instance) openStorage(ctx context.Context) (err error) {
	if i.Storage, err = OpenStorage(ctx, i.Config, i.Data, i.Metrics, i.options); err != nil {
		return unusable("store", err)
	}
	i.closers.add(i.Storage.Close)
	return nil
}

// prepareStorage makes and probes what need requires before the state is opened.
func (i *Instance) prepareStorage(ctx context.Context, need Need) error {
	switch need {
	case Serving:
		return unusable("store", i.Storage.Probe(ctx, i.Config))
	case Restoring:
		return unusable("store", i.Storage.Client.Objects(i.Config.Store.StateBucket).Create(ctx))
	}
	return nil
}

// openKeys makes the keyring.
func (i *Instance) openKeys(kms keyring.KMS) {
	i.Keys = keyring.New(kms, keyringOptions(i.Config, i.Metrics))
	i.closers.add(func() error {
		i.Keys.Close()
		return nil
	})
}

// join makes what depends on the key service and the store: keyring, state and gateway.
func (i *Instance) join(ctx context.Context, need Need) (err error) {
	c := i.Config
	i.Storage.openRecords(c)
	var traces *tracing.Tracing
	if need == Serving && c.Tracing.Endpoint != "" {
		if traces, err = i.openTracing(ctx); err != nil {
			return err
		}
	}
	var bucketKeys keyring.KMS = i.KMS.Client
	if traces != nil {
		bucketKeys = traces.KMS(i.KMS.Client, kmsEndpoint(c, i.KMS))
	}
	i.openKeys(bucketKeys)
	if i.State, err = i.openState(ctx); err != nil {
		return unusableState(err)
	}
	ids, err := identities(c, i.Data, &i.options)
	if err != nil {
		return config.Faults{{Path: "identities", Why: err.Error()}}
	}
	options := i.gatewayOptions()
	if need == Serving && c.Log.Audit.Enabled() {
		if err := i.openAudit(); err != nil {
			return err
		}
		options.Audit, options.AuditRequired = i.Audit, c.Log.Audit.OnFailure == "refuse"
	}
	if traces != nil {
		options.Store, options.Tracer = traces.Store(i.Storage.Client, i.Storage.Endpoint), traces
	}
	i.Gateway = gateway.New(options, ids)
	trusted, err := issuers(c, nil, &i.options)
	if err != nil {
		return config.Faults{{Path: "issuers", Why: err.Error()}}
	}
	i.Gateway.Access().SetIssuers(trusted)
	i.limit(c)
	return nil
}

func (i *Instance) openState(ctx context.Context) (*state.State, error) {
	c := i.Config
	return state.Open(ctx, i.Storage.Records, i.KMS.Client, state.Options{
		CacheLife: i.options.RecordLife,
		ClaimAge:  i.options.ClaimAge, ClaimPatience: 3 * i.options.ClaimAge,
		SweepEvery:        i.options.SweepEvery,
		ConditionalDelete: i.Storage.Abilities.ConditionalDelete,
		Alone:             c.Store.SingleWriter || c.Store.Kind == "embedded" || c.Store.Kind == "memory",
		ServiceKey:        i.KMS.ServiceKey,
		Now:               i.options.Now,
		Revoked:           i.DropKey,
		Damaged: func(name string) {
			i.Metrics.Integrity("record")
			i.Log.Error("a state record does not open: it was altered, or the state bucket belongs to another installation",
				zap.String("record", name))
		},
	})
}

// openTracing starts to send traces.
func (i *Instance) openTracing(ctx context.Context) (*tracing.Tracing, error) {
	t, err := openTracing(ctx, i.Config, &i.options)
	if err != nil {
		return nil, err
	}
	i.closers.add(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := t.Close(ctx); err != nil {
			i.Log.Warn("the last traces could not be sent", zap.Error(err))
		}
		return nil
	})
	return t, nil
}

// begin starts a server's background work.
func (i *Instance) begin(ctx context.Context) error {
	c := i.Config
	i.Certificates = certificates.NewWatcher(TrustedCertificates(c), i.Log, i.Metrics.Certificates, i.options.Now)
	i.closers.add(startSweeps(ctx, i.State, i.Gateway, i.options.SweepEvery, i.Log))
	if !i.State.Alone() {
		i.Replicas = state.NewRoll(i.State)
	}
	if c.MakesDemoBucket() {
		if err := i.makeDemoBucket(ctx); err != nil {
			return err
		}
	}
	i.Storage.beginTrouble(&c.Store.Memory, i.Log)
	return nil
}

// DropKey forgets the bucket keys under a KMS key by its ARN, or all with state.AllKeys.
func (i *Instance) DropKey(keyARN string) {
	if keyARN == state.AllKeys {
		i.Keys.DropAll()
	} else {
		i.Keys.Drop(keyARN)
	}
}

// limit applies the limits of all requests together.
func (i *Instance) limit(c *config.Config) {
	m := memoryLimit(c, cgroupLimit(), i.options.Shared)
	i.memory.Store(&m)
	i.Gateway.SetLimits(m.gatewayLimits(c))
	i.Gateway.Access().SetFailedLogins(failedLogins(c))
	i.Gateway.SetLogSample(c.Log.Sample)
}

// Memory is how much memory the process may use.
func (i *Instance) Memory() Memory { return *i.memory.Load() }

// WatchMemory paces the collector, and makes the gateway refuse requests when memory runs out, until ctx ends.
func (i *Instance) WatchMemory(ctx context.Context) {
	if !i.options.Shared {
		watchMemory(ctx, func() int64 { return i.memory.Load().Limit }, i.Gateway.SetPressed)
	}
}

func failedLogins(c *config.Config) access.FailedLogins {
	l := &c.Limits.FailedLogins
	return access.FailedLogins{Rate: l.Rate, Burst: l.Burst, Entries: l.Entries}
}
