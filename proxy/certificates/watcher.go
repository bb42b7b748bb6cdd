package certificates

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/health"
)

// How often certificates are looked at, and how often the log repeats what is wrong with one.
const (
	every    = time.Hour
	repeated = 24 * time.Hour
)

// A Watcher has the certificates of a running program. It is safe for concurrent use.
type Watcher struct {
	log    *zap.Logger
	expose func(notAfter map[string]time.Time)
	now    func() time.Time

	mu     sync.Mutex
	served []Certificate // changed by a reload
	others []Certificate // as at the start: a reload doesn't change them
	said   map[string]report
}

// A report is what the log has said about a source, and when.
type report struct {
	state State
	until time.Time
	at    time.Time
}

// NewWatcher returns one with those that aren't shown to clients. expose is called with the ends of all, by the
// settings that name them, whenever they change; now is the clock, nil for the machine's.
func NewWatcher(
	others []Certificate, log *zap.Logger, expose func(map[string]time.Time), now func() time.Time,
) *Watcher {
	if now == nil {
		now = time.Now
	}
	return &Watcher{log: log, expose: expose, now: now, others: others, said: make(map[string]report)}
}

// Serve notes the certificates that are shown to clients from now on, and looks at all.
func (w *Watcher) Serve(served []Certificate) {
	w.mu.Lock()
	w.served = served
	clear(w.said) // a reload says again what is wrong
	ends := make(map[string]time.Time)
	for _, one := range w.all() {
		ends[one.Source] = one.NotAfter
	}
	w.expose(ends)
	w.mu.Unlock()
	w.Check()
}

func (w *Watcher) all() []Certificate {
	return append(append([]Certificate(nil), w.served...), w.others...)
}

// List returns all certificates.
func (w *Watcher) List() []Certificate {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all()
}

// Finding is the worst that can be said of the certificates; only one that clients are shown can be what requests fail
// by.
func (w *Watcher) Finding() health.Finding {
	f := health.Finding{State: health.Well}
	var words []string
	for _, c := range w.List() {
		state := c.State(w.now())
		switch {
		case state == Valid:
			continue
		case state != Ending && strings.HasPrefix(c.Source, "tls.cert"):
			f.State = health.Refusing
		case f.State == health.Well:
			f.State = health.Due
		}
		words = append(words, fmt.Sprintf("%s is %s, until %s", c.Source, state, c.NotAfter.UTC().Format(time.RFC3339)))
	}
	f.Why = strings.Join(words, "; ")
	return f
}

// Check logs which certificates have expired, or will soon: at the first time, when that changes, and daily.
func (w *Watcher) Check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	for _, c := range w.all() {
		state := c.State(now)
		last, ok := w.said[c.Source]
		if ok && last.state == state && last.until.Equal(c.NotAfter) && now.Sub(last.at) < repeated {
			continue
		}
		w.said[c.Source] = report{state, c.NotAfter, now}
		fields := []zap.Field{
			zap.String("setting", c.Source), zap.String("file", c.File), zap.Time("not_before", c.NotBefore),
			zap.Time("not_after", c.NotAfter), zap.Int("days_left", int(c.NotAfter.Sub(now).Hours()/24)),
			zap.String("cure", c.cure(state)),
		}
		switch state {
		case Expired:
			w.log.Error("a certificate has expired, and connections are refused", fields...)
		case NotYet:
			w.log.Error("a certificate is not valid yet, and connections are refused", fields...)
		case Ending:
			w.log.Warn("a certificate expires soon", fields...)
		case Valid:
		}
	}
}

// cure is how a certificate is renewed.
func (c *Certificate) cure(state State) string {
	switch {
	case c.File == "":
		return "start the program again: it makes a new one"
	case state == NotYet:
		return "check this machine's clock, or wait"
	case strings.HasPrefix(c.Source, "tls."):
		return "renew the file: it is loaded within reload_every, or at SIGHUP"
	}
	return "renew the file, and start the program again"
}

// Run looks at the certificates until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.Check()
		case <-ctx.Done():
			return
		}
	}
}
