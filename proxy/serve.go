package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/proxy/conn"
)

// serve runs the proxy until ctx ends, then drains. Once it accepts requests it writes the exports and "# ready".
func serve(ctx context.Context, c *config.Config, file string, stdout, stderr io.Writer) (err error) {
	log, level, err := newLogger(c.Log, stderr)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }()
	p, err := assemble(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	var encryption atomic.Pointer[tls.Config]
	if c.Listen.HTTPS != "" {
		t, err := serverTLS(c, p.authority)
		if err != nil {
			return err
		}
		encryption.Store(t)
	}
	server := conn.NewServer(p.gateway, p.log, serverOptions(c))
	reloads := newReloader(file, c, p, &encryption, server, level)
	p.exposeGauges(server)
	admin := newAdmin(c, p, reloads)
	adminEncryption, err := adminTLS(c)
	if err != nil {
		return err
	}
	// What runs beside the requests ends before the parts do.
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer func() { stop(); running.Wait() }()
	running.Go(func() { watchMemory(beside, func() int64 { return p.memory.Load().limit }, p.gateway.SetPressed) })
	running.Go(func() { admin.history.Run(beside) })
	running.Go(func() { reloads.watch(beside, c.ReloadEvery) })
	served := make(chan error, 3)
	listeners := map[string]net.Listener{}
	listen := func(name, address string, run func(net.Listener) error) error {
		if address == "" {
			return nil
		}
		ln, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listen.%s: %w", name, err)
		}
		listeners[name] = ln
		go func() { served <- run(ln) }()
		return nil
	}
	err = errors.Join(
		listen("https", c.Listen.HTTPS, func(ln net.Listener) error { return server.Serve(ln, encryption.Load) }),
		listen("http", c.Listen.HTTP, func(ln net.Listener) error { return server.Serve(ln, nil) }),
		listen("admin", c.Listen.Admin, func(ln net.Listener) error {
			if adminEncryption != nil {
				ln = tls.NewListener(ln, adminEncryption)
			}
			return admin.serve(ln)
		}))
	if err == nil {
		admin.ready.Store(true)
		err = p.export(stdout, c, file, listeners)
	}
	if err == nil {
		log.Info("ready", zap.Stringer("abilities", p.abilities))
		err = waitForEnd(ctx, served, reloads.reload)
	}

	admin.ready.Store(false)
	if delay := reloads.current.Load().Limits.DrainDelay; delay > 0 && ctx.Err() != nil {
		log.Info("no longer ready; requests are still taken up", zap.Duration("for", delay))
		time.Sleep(delay)
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloads.current.Load().Limits.DrainTimeout)
	defer cancel()
	log.Info("draining")
	if e := server.Shutdown(drain); e != nil {
		log.Warn("requests were cut off at the end of the drain time", zap.Error(e))
	}
	for _, ln := range listeners {
		_ = ln.Close()
	}
	admin.close()
	return err
}

// waitForEnd waits for the context's end or a listener's, and reloads at SIGHUP.
func waitForEnd(ctx context.Context, served <-chan error, reload func()) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-served:
			return err
		case <-hangup:
			reload()
		}
	}
}
