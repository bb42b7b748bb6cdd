package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/admin"
	"sealfront/proxy/check"
	"sealfront/proxy/config"
	"sealfront/proxy/conn"
	"sealfront/proxy/instance"
	"sealfront/proxy/supervisor"
)

// serve runs the proxy until ctx ends, then drains. Once it accepts requests it writes the exports and "# ready". file
// is the configuration's with what it was loaded from, "" and nil for one of flags.
func (v *invocation) serve(ctx context.Context, c *config.Config, file string, sources *config.Sources) (err error) {
	log, level, err := instance.NewLogger(c.Log, v.stderr)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }()
	manager := supervisor.New(supervisor.Options{Log: log})
	defer func() {
		if err != nil {
			manager.Status("ended: " + err.Error())
		}
	}()
	waiting := sayWaiting(log, c, manager)
	p, err := instance.Open(ctx, c, instance.Serving, v.instanceOptions(log))
	waiting()
	if err != nil {
		return check.Explain(ctx, c, err)
	}
	defer func() { err = errors.Join(err, p.Close()) }()

	front, err := newFront(p, level)
	if err != nil {
		return err
	}
	reloads := instance.NewReloader(file, sources, p, front)
	exposeGauges(p, front.Server)
	model := newHealth(p, reloads)
	l := &listeners{open: make(map[string]net.Listener), served: make(chan error, 3)}
	me := newThisReplica(model)
	adminAddress := admin.New(adminOptions(p, reloads, me, l))
	me.admin = adminAddress
	exposeHealth(p.Metrics, model, adminAddress.Ready)
	adminEncryption, err := admin.TLS(c, instance.ReadPool)
	if err != nil {
		return err
	}
	// Background work ends before the rooms are closed.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer func() {
		stop()
		running.Wait()
	}()
	running.Go(func() { p.WatchMemory(background) })
	running.Go(func() { adminAddress.Record(background) })
	running.Go(func() { model.Run(background) })
	running.Go(func() { p.Certificates.Run(background) })
	running.Go(func() { reloads.Watch(background, c.ReloadEvery) })
	running.Go(func() { p.Heartbeat(background, me.now) })

	hangUp, ignore := v.hangUps()
	defer ignore()

	err = errors.Join(
		l.listen("https", c.Listen.HTTPS, func(ln net.Listener) error {
			return front.Server.Serve(ln,
				front.Encryption.Load)
		}),
		l.listen("http", c.Listen.HTTP, func(ln net.Listener) error { return front.Server.Serve(ln, nil) }),
		l.listen("admin", c.Listen.Admin, func(ln net.Listener) error {
			if adminEncryption != nil {
				ln = tls.NewListener(ln, adminEncryption)
			}
			return adminAddress.Serve(ln)
		}))
	if err == nil {
		adminAddress.SetReady(true)
		err = export(v.stdout, p, l.open)
	}
	if err == nil {
		log.Info("ready", zap.Stringer("abilities", p.Storage.Abilities))
		status := func() string { return serving(reloads, l) }
		manager.Ready(status())
		running.Go(func() { manager.Follow(background, answers(p, front.Server, l), status) })
		err = waitForEnd(ctx, l.served, hangUp, func() {
			manager.Reloading()
			reloads.Reload()
			manager.Ready(status())
		})
	}

	adminAddress.SetReady(false)
	limits := &reloads.Current().Limits
	manager.Stopping("draining", limits.DrainDelay+limits.DrainTimeout+drainGrace)
	if delay := limits.DrainDelay; delay > 0 && ctx.Err() != nil {
		log.Info("no longer ready; requests are still accepted", zap.Duration("for", delay))
		time.Sleep(delay)
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloads.Current().Limits.DrainTimeout)
	defer cancel()
	log.Info("draining")
	if e := front.Server.Shutdown(drain); e != nil {
		log.Warn("requests were cut off at the end of the drain time", zap.Error(e))
	}
	l.close()
	adminAddress.Close()
	return err
}

// newFront makes the server for clients.
func newFront(p *instance.Instance, level zap.AtomicLevel) (instance.Front, error) {
	f := instance.Front{Encryption: new(atomic.Pointer[tls.Config]), Level: level}
	if p.Config.Listen.HTTPS != "" {
		t, err := instance.ServerTLS(p.Config, p.Authority)
		if err != nil {
			return f, err
		}
		f.Encryption.Store(t)
	}
	p.Certificates.Serve(instance.ServedCertificates(p.Config, f.Encryption.Load()))
	f.Server = conn.NewServer(p.Gateway, p.Log, instance.ServerOptions(p.Config))
	p.Metrics.HandshakeReasons(conn.HandshakeReasons)
	f.Server.CountHandshakeFailures(p.Metrics.HandshakeFailure)
	return f, nil
}

// listenFlags are the flags that set the addresses of the section listen, for advice.
var listenFlags = map[string]string{
	"https": "--listen, or listen.https in the configuration", "http": "--http, or listen.http in the configuration",
	"admin": "--admin, or listen.admin in the configuration",
}

// listeners are the listeners by their names in the configuration's section listen. The admin address, which shows
// them, is the last to listen.
type listeners struct {
	open   map[string]net.Listener
	served chan error // gets the error of the first that ends
}

// listen starts to serve an address by run; "" is none.
func (l *listeners) listen(name, address string, run func(net.Listener) error) error {
	if address == "" {
		return nil
	}
	ln, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen.%s: another program listens on %s: stop it, or choose another address (%s); port 0 picks "+
			"a free one: %w", name, address, listenFlags[name], err)
	}
	if err != nil {
		return fmt.Errorf("listen.%s: %w", name, err)
	}
	l.open[name] = ln
	go func() { l.served <- run(ln) }()
	return nil
}

// String is the names with the addresses.
func (l *listeners) String() string {
	var words []string
	for _, name := range []string{"https", "http", "admin"} {
		if ln := l.open[name]; ln != nil {
			words = append(words, name+" "+ln.Addr().String())
		}
	}
	return strings.Join(words, ", ")
}

func (l *listeners) close() {
	for _, ln := range l.open {
		_ = ln.Close()
	}
}

// waitForEnd waits for the context's end or a listener's, and reloads at each hang-up.
func waitForEnd(ctx context.Context, served <-chan error, hangUp <-chan os.Signal, reload func()) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-served:
			return err
		case <-hangUp:
			reload()
		}
	}
}

// hangUps starts to report SIGHUP. Whoever hears that the program is ready may have it reload at once, so this comes
// first: without it the signal would end the program.
func (v *invocation) hangUps() (hangUps <-chan os.Signal, stop func()) {
	if v.options.HangUps != nil {
		return v.options.HangUps()
	}
	return notifyHangUps()
}

// notifyHangUps reports SIGHUP.
func notifyHangUps() (hangUps <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}
