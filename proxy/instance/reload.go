package instance

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"sealfront/proxy/config"
	"sealfront/proxy/conn"
	"sealfront/proxy/store"
)

// A Front is what a reload changes outside the proxy's rooms: the listeners' options, and the log.
type Front struct {
	Server     *conn.Server
	Encryption *atomic.Pointer[tls.Config] // holds nil without TLS
	Level      zap.AtomicLevel
}

// A Reloader applies a changed configuration while requests are served: identities, certificates, limits and the log's
// level, all or nothing. It logs the names of other changed settings, which take effect at the next start.
type Reloader struct {
	file     string // "" without a configuration file
	instance *Instance
	front    Front
	log      *zap.Logger

	current atomic.Pointer[config.Config]
	outcome atomic.Pointer[Reload]

	mu      sync.Mutex // one reload at a time
	watcher *config.Watcher
}

// A Reload is the outcome of an attempt to reload.
type Reload struct {
	At     time.Time
	Err    error
	Waits  []string  // changed settings that take effect at the next start
	Loaded time.Time // when the configuration in force was loaded
}

// NewReloader returns a Reloader of file, which i was opened with as it was loaded from sources; "" and nil when there is
// none.
func NewReloader(file string, sources *config.Sources, i *Instance, front Front) *Reloader {
	r := &Reloader{file: file, watcher: config.NewWatcher(sources), instance: i, front: front, log: i.Log}
	r.current.Store(i.Config)
	now := time.Now()
	r.outcome.Store(&Reload{At: now, Loaded: now})
	i.Metrics.Loaded(now)
	return r
}

// Reload applies the reloadable settings of the current configuration file. A file with faults changes nothing.
func (r *Reloader) Reload() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.instance.Audit != nil {
		if err := r.instance.Audit.Reopen(); err != nil {
			r.log.Error("the audit log was not reopened", zap.Error(err))
		}
	}
	if r.file == "" {
		r.log.Info("nothing to reload: there is no configuration file")
		return
	}
	now := time.Now()
	waits, err := r.load()
	// The change is logged at the more verbose of the two levels.
	level, _ := zapcore.ParseLevel(r.current.Load().Log.Level) // checked by load
	r.front.Level.SetLevel(min(level, r.front.Level.Level()))
	defer r.front.Level.SetLevel(level)
	r.instance.Metrics.Reload(err == nil, now)
	o := &Reload{At: now, Err: err, Waits: waits, Loaded: now}
	if err != nil {
		before := r.outcome.Load()
		o.Loaded, o.Waits = before.Loaded, before.Waits
	}
	r.outcome.Store(o)
	switch {
	case err != nil:
		r.log.Error("the configuration was not reloaded; the earlier one stays in force", zap.Error(err))
	case len(waits) > 0:
		r.log.Warn("reloaded; some changes take effect at the next start", zap.Strings("settings", waits))
	default:
		r.log.Info("reloaded identities, certificates, limits and log level")
	}
}

// load checks everything before it changes anything.
func (r *Reloader) load() (waits []string, err error) {
	c, sources, err := config.LoadWatched(r.file)
	r.watcher.Loaded(sources)
	if err != nil {
		return nil, err
	}
	if _, err := zapcore.ParseLevel(c.Log.Level); err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	ids, err := identities(c, r.instance.Data, &r.instance.options)
	if err != nil {
		return nil, fmt.Errorf("identities: %w", err)
	}
	trusted, err := issuers(c, r.instance.Gateway.Access().Issuers(), &r.instance.options)
	if err != nil {
		return nil, err
	}
	var encryption *tls.Config
	if c.Listen.HTTPS != "" && r.front.Encryption.Load() != nil {
		if encryption, err = ServerTLS(c, r.instance.Authority); err != nil {
			return nil, err
		}
	}
	if encryption != nil {
		r.front.Encryption.Store(encryption)
		r.instance.Certificates.Serve(ServedCertificates(c, encryption))
	}
	r.instance.Gateway.Access().SetIssuers(trusted)
	r.instance.Gateway.Access().SetIdentities(ids)
	r.instance.limit(c)
	r.front.Server.SetOptions(ServerOptions(c))
	r.current.Store(c)
	return changes(r.instance.Config, c), nil
}

// ServerOptions are the options of the server for clients.
func ServerOptions(c *config.Config) conn.Options {
	rate := c.Limits.MinRate
	if rate == 0 {
		rate = -1 // no limit
	}
	return conn.Options{
		Connections: c.Limits.Connections, Context: store.Counted,
		Timeouts: conn.Timeouts{
			Progress: c.Limits.ProgressTimeout, Idle: c.Limits.IdleTimeout, Head: c.Limits.HeadTimeout, MinRate: rate,
		},
	}
}

// Current is the configuration in force.
func (r *Reloader) Current() *config.Config { return r.current.Load() }

// Last is the outcome of the last attempt; the start counts as one.
func (r *Reloader) Last() Reload { return *r.outcome.Load() }

// Watch reloads when the configuration has changed, looking at this interval until ctx ends.
func (r *Reloader) Watch(ctx context.Context, every time.Duration) {
	if r.file != "" {
		r.watcher.Watch(ctx, every, r.Reload)
	}
}
