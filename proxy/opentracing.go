package main

import (
	"context"
	"crypto/tls"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/proxy/tracing"
)

// openTracing begins to send traces, if a collector is configured.
func (p *parts) openTracing(ctx context.Context, c *config.Config) error {
	if c.Tracing.Endpoint == "" || p.tool {
		return nil
	}
	o := tracing.Options{
		Endpoint: c.Tracing.Endpoint, Headers: c.Tracing.Headers, Sample: c.Tracing.Sample, Version: version(),
		Failed: func(err error) { p.log.Warn("traces could not be sent", zap.Error(err)) },
	}
	if c.Tracing.CA != "" {
		pool, err := readPool(c.Tracing.CA)
		if err != nil {
			return config.Faults{{Path: "tracing.ca", Why: err.Error()}}
		}
		o.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	t, err := tracing.New(context.WithoutCancel(ctx), o)
	if err != nil {
		return config.Faults{{Path: "tracing.endpoint", Why: err.Error()}}
	}
	p.tracing = t
	p.closers = append(p.closers, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := t.Close(ctx); err != nil {
			p.log.Warn("the last traces could not be sent", zap.Error(err))
		}
		return nil
	})
	return nil
}
