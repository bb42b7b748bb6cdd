package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"sealfront/proxy/config"
	"sealfront/proxy/conn"
)

// A reloader puts a changed configuration into force while requests go on: identities, certificates, limits and the log's
// level, all or nothing. What else has changed is named in the log and waits for the next start.
type reloader struct {
	file       string // "" without a configuration file
	parts      *parts
	encryption *atomic.Pointer[tls.Config]
	server     *conn.Server
	log        *zap.Logger
	level      zap.AtomicLevel
	started    *config.Config // what the program started with

	current atomic.Pointer[config.Config]
	outcome atomic.Pointer[reloadOutcome]

	mu    sync.Mutex // one reload at a time
	tried [sha256.Size]byte
}

// A reloadOutcome is how the last attempt ended.
type reloadOutcome struct {
	At     time.Time
	Err    error
	Waits  []string // settings that have changed and wait for the next start
	Loaded time.Time
}

func newReloader(file string, c *config.Config, p *parts, encryption *atomic.Pointer[tls.Config], server *conn.Server, level zap.AtomicLevel) *reloader {
	r := &reloader{file: file, parts: p, encryption: encryption, server: server, log: p.log, level: level, started: c}
	r.current.Store(c)
	now := time.Now()
	r.outcome.Store(&reloadOutcome{At: now, Loaded: now})
	p.metrics.Loaded(now)
	r.tried = fingerprint(r.watched())
	return r
}

// reload takes what can change from the configuration file as it is now. A file with faults changes nothing.
func (r *reloader) reload() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parts.audit != nil {
		if err := r.parts.audit.Reopen(); err != nil {
			r.log.Error("the audit log was not opened anew", zap.Error(err))
		}
	}
	if r.file == "" {
		r.log.Info("nothing to reload: there is no configuration file")
		return
	}
	r.tried = fingerprint(r.watched())
	now := time.Now()
	waits, err := r.load()
	// What is said of the change is said at the more talkative of the two levels.
	level, _ := zapcore.ParseLevel(r.current.Load().Log.Level) // checked by load
	r.level.SetLevel(min(level, r.level.Level()))
	defer r.level.SetLevel(level)
	r.parts.metrics.Reload(err == nil, now)
	o := &reloadOutcome{At: now, Err: err, Waits: waits, Loaded: now}
	if err != nil {
		before := r.outcome.Load()
		o.Loaded, o.Waits = before.Loaded, before.Waits
	}
	r.outcome.Store(o)
	switch {
	case err != nil:
		r.log.Error("the configuration was not reloaded, and the one before stays in force", zap.Error(err))
	case len(waits) > 0:
		r.log.Warn("reloaded; some changes take effect at the next start", zap.Strings("settings", waits))
	default:
		r.log.Info("reloaded identities, certificates, limits and log level")
	}
}

// load checks everything before it changes anything.
func (r *reloader) load() (waits []string, err error) {
	c, err := config.Load(r.file)
	if err != nil {
		return nil, err
	}
	if _, err := zapcore.ParseLevel(c.Log.Level); err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	ids, err := identities(c, r.parts.data)
	if err != nil {
		return nil, fmt.Errorf("identities: %w", err)
	}
	var encryption *tls.Config
	if c.Listen.HTTPS != "" && r.encryption.Load() != nil {
		if encryption, err = serverTLS(c, r.parts.authority); err != nil {
			return nil, err
		}
	}
	if encryption != nil {
		r.encryption.Store(encryption)
	}
	r.parts.gateway.SetIdentities(ids)
	r.parts.limit(c)
	r.server.SetOptions(serverOptions(c))
	r.current.Store(c)
	return changes(r.started, c), nil
}

func serverOptions(c *config.Config) conn.Options {
	rate := c.Limits.MinRate
	if rate == 0 {
		rate = -1 // no limit
	}
	return conn.Options{
		Connections: c.Limits.Connections,
		Timeouts:    conn.Timeouts{Progress: c.Limits.ProgressTimeout, Idle: c.Limits.IdleTimeout, Head: c.Limits.HeadTimeout, MinRate: rate},
	}
}

// watched are the files that the configuration in force was read from.
func (r *reloader) watched() []string {
	if r.file == "" {
		return nil
	}
	return append([]string{r.file}, r.current.Load().Files()...)
}

// watch reloads when a file's content has changed, looking every so often, until ctx ends. It compares contents, since the
// files may be links that are swapped, or be written twice within a second; and it waits until a content was there twice, since a
// file that is being written may begin with what is a configuration, too.
func (r *reloader) watch(ctx context.Context, every time.Duration) {
	if r.file == "" || every <= 0 {
		return
	}
	var seen [sha256.Size]byte
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := fingerprint(r.watched())
		r.mu.Lock()
		changed := now != r.tried
		r.mu.Unlock()
		if changed && now == seen {
			r.reload()
		}
		seen = now
	}
}

func fingerprint(files []string) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, name := range files {
		text, err := os.ReadFile(name)
		fmt.Fprintf(h, "%q %d %t\n", name, len(text), err == nil)
		h.Write(text)
	}
	h.Sum(sum[:0])
	return sum
}

// reloadable are the settings that a reload puts into force, with what is below them.
var reloadable = []string{
	"identities", "identities_file", "tls.cert", "tls.key", "tls.certificates", "tls.client_ca", "tls.client_certificates", "tls.min_version",
	"limits.connections", "limits.requests", "limits.concurrency", "limits.requests_per_second", "limits.burst", "limits.min_rate",
	"limits.progress_timeout", "limits.head_timeout", "limits.idle_timeout", "limits.drain_timeout", "limits.drain_delay", "limits.memory", "limits.failed_logins", "log.level",
}

// changes are the paths of settings that differ and aren't reloadable.
func changes(a, b *config.Config) (paths []string) {
	var compare func(a, b reflect.Value, path string)
	compare = func(a, b reflect.Value, path string) {
		if slices.Contains(reloadable, path) || reflect.DeepEqual(a.Interface(), b.Interface()) {
			return
		}
		if a.Kind() != reflect.Struct {
			paths = append(paths, path)
			return
		}
		for i := range a.NumField() {
			compare(a.Field(i), b.Field(i), strings.TrimPrefix(path+"."+a.Type().Field(i).Tag.Get("yaml"), "."))
		}
	}
	compare(reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem(), "")
	return paths
}
