package instance

import (
	"cmp"
	"context"
	"crypto/tls"

	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/proxy/tracing"
)

// openTracing begins to send traces to the collector that is configured.
func openTracing(ctx context.Context, c *config.Config, options *Options) (*tracing.Tracing, error) {
	o := tracing.Options{
		Endpoint: c.Tracing.Endpoint, Headers: c.Tracing.Headers, Sample: c.Tracing.Sample, Version: options.Version,
	}
	if !options.Shared { // OpenTelemetry has one handler of errors a process
		o.Failed = func(err error) { options.Log.Warn("traces could not be sent", zap.Error(err)) }
	}
	if c.Tracing.CA != "" {
		pool, err := ReadPool(c.Tracing.CA)
		if err != nil {
			return nil, config.Faults{{Path: "tracing.ca", Why: err.Error()}}
		}
		o.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	t, err := tracing.New(context.WithoutCancel(ctx), o)
	if err != nil {
		return nil, config.Faults{{Path: "tracing.endpoint", Why: err.Error()}}
	}
	return t, nil
}

// kmsEndpoint is where KMS is, as a URL.
func kmsEndpoint(c *config.Config, k *KeyService) string {
	return cmp.Or(k.Endpoint, c.KMS.Endpoint, "https://kms."+cmp.Or(c.KMS.Region, c.Region)+".amazonaws.com")
}
