package keyserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"sealfront/crypto/keyservice"
	"sealfront/proxy/admin"
	"sealfront/proxy/config"
)

// Listeners are where a key service is reached; nil ones are none.
type Listeners struct{ HTTPS, HTTP, Admin net.Listener }

// Listen opens the listeners of a configuration.
func Listen(c *config.KeyService) (l Listeners, err error) {
	for _, one := range []struct {
		path, address string
		to            *net.Listener
	}{
		{"listen.https", c.Listen.HTTPS, &l.HTTPS},
		{"listen.http", c.Listen.HTTP, &l.HTTP},
		{"listen.admin", c.Listen.Admin, &l.Admin},
	} {
		if one.address == "" {
			continue
		}
		ln, err := net.Listen("tcp", one.address)
		if err != nil {
			l.Close()
			return l, fmt.Errorf("%s: %w", one.path, err)
		}
		*one.to = ln
	}
	return l, nil
}

// Close closes all of them.
func (l *Listeners) Close() {
	for _, ln := range []net.Listener{l.HTTPS, l.HTTP, l.Admin} {
		if ln != nil {
			_ = ln.Close()
		}
	}
}

// sweepEvery is how often keys are looked at that nobody uses: whether they are to be deleted or rotated.
const sweepEvery = time.Hour

// Serve serves until ctx ends, then drains. ready is called once requests are accepted, and draining when they are to
// end within a time. version is what /status says.
func (s *Site) Serve(
	ctx context.Context, l Listeners, version string, ready func() error,
	draining func(within time.Duration),
) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer func() {
		stop()
		running.Wait()
	}()
	running.Go(func() { s.Health.Run(background) })
	running.Go(func() { s.certificates.Run(background) })
	running.Go(func() { s.sweep(background) })
	serving, end := context.WithCancel(background)
	defer end()
	served := make(chan error, 3)
	errorLog := admin.ErrorLog(func(text string) { s.log.Debug(text) }, func(text string) { s.log.Error(text) })
	if l.HTTPS != nil {
		running.Go(func() {
			encrypted := tls.NewListener(l.HTTPS, s.listenerTLS())
			served <- keyservice.Serve(serving, encrypted, s, s.config.Limits.DrainTimeout, errorLog)
		})
	}
	if l.HTTP != nil {
		running.Go(func() { served <- keyservice.Serve(serving, l.HTTP, s, s.config.Limits.DrainTimeout, errorLog) })
	}
	if l.Admin != nil {
		server := &http.Server{
			Handler: s.Admin(version), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			MaxHeaderBytes: 64 << 10, ErrorLog: errorLog,
		}
		running.Go(func() {
			if err := server.Serve(l.Admin); !errors.Is(err, http.ErrServerClosed) {
				served <- fmt.Errorf("serve the admin address: %w", err)
			}
		})
		defer func() { _ = server.Close() }()
	}
	s.readiness.Set(true)
	err := ready()
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-served:
		}
	}
	s.readiness.Set(false)
	limits := &s.config.Limits
	draining(limits.DrainDelay + limits.DrainTimeout)
	if ctx.Err() != nil && limits.DrainDelay > 0 {
		s.log.Info("no longer ready; requests are still accepted", zap.Duration("for", limits.DrainDelay))
		time.Sleep(limits.DrainDelay)
	}
	s.log.Info("draining")
	end()
	for range 2 {
		if e := s.ended(served, &l); e != nil && err == nil {
			err = e
		}
	}
	return err
}

// ended waits for one of the listeners for clients to have ended.
func (s *Site) ended(served <-chan error, l *Listeners) error {
	var ln *net.Listener
	switch {
	case l.HTTPS != nil:
		ln = &l.HTTPS
	case l.HTTP != nil:
		ln = &l.HTTP
	default:
		return nil
	}
	*ln = nil
	select {
	case err := <-served:
		return err
	case <-time.After(s.config.Limits.DrainTimeout + time.Second):
		return errors.New("requests were cut off at the end of the drain time")
	}
}

// sweep deletes and rotates the keys that are due.
func (s *Site) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.Service.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("keys that are due could not all be deleted or rotated; it is tried again",
				zap.Duration("in", sweepEvery), zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Reload puts the identities, roles, issuers and tls of a configuration in force. Other changes wait for a restart.
func (s *Site) Reload(load func() (*config.KeyService, error)) {
	if err := s.reload(load); err != nil {
		s.log.Error("the configuration was refused, and what was in force before is", zap.Error(err))
		return
	}
	if s.audit != nil {
		if err := s.audit.Reopen(); err != nil {
			s.log.Error("the audit log could not be opened again", zap.Error(err))
		}
	}
	s.log.Info("identities, roles, issuers and certificates were read again")
}

func (s *Site) reload(load func() (*config.KeyService, error)) error {
	c, err := load()
	if err != nil {
		return err
	}
	var encryption *tls.Config
	if s.config.Listen.HTTPS != "" {
		if encryption, err = serverTLS(&c.TLS); err != nil {
			return err
		}
	}
	if err := s.SetCallers(c); err != nil {
		return err
	}
	s.serve(encryption, &c.TLS)
	return nil
}
