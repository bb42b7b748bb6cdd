package main

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/proxy/metrics"
	"sealfront/proxy/store"
)

// assembleTool is assemble for a subcommand that works beside running servers: it makes nothing that isn't there, and
// leaves probing and sweeping to them.
func assembleTool(ctx context.Context, c *config.Config, log *zap.Logger) (*parts, error) {
	return assembleAfter(ctx, c, log, func(*store.Client) error { return nil })
}

// assembleLost is assembleTool for where the state bucket may be lost: it is made again if it isn't there.
func assembleLost(ctx context.Context, c *config.Config, log *zap.Logger) (*parts, error) {
	return assembleAfter(ctx, c, log, func(client *store.Client) error {
		return client.Objects(c.Store.StateBucket).Create(ctx)
	})
}

// assembleAfter is assembleTool that prepares the store before the state is opened.
func assembleAfter(ctx context.Context, c *config.Config, log *zap.Logger, prepare func(*store.Client) error) (p *parts, err error) {
	opened := &parts{log: log, metrics: metrics.New(), tool: true}
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	p = opened
	if c.Store.Kind == "memory" {
		return nil, config.Faults{{Path: "store.kind", Why: "a memory store is part of the running server: other programs can't see it"}}
	}
	if c.KeepsData() {
		if p.data, err = shareData(c.Data); err != nil {
			return nil, err
		}
	}
	return p, p.connect(ctx, c, prepare)
}

// assembleWriter is assembleTool for a subcommand that writes to the store, whose abilities it has to know.
func assembleWriter(ctx context.Context, c *config.Config, log *zap.Logger) (*parts, error) {
	p, err := assembleTool(ctx, c, log)
	if err != nil {
		return nil, err
	}
	if err := p.probe(ctx, c, p.store); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// assembleKMS is assembleTool for one that needs nothing but the key service.
func assembleKMS(ctx context.Context, c *config.Config) (p *parts, err error) {
	opened := &parts{log: zap.NewNop(), metrics: metrics.New(), tool: true}
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	if c.KMS.Kind == "embedded" {
		if opened.data, err = shareData(c.Data); err != nil {
			return nil, err
		}
	}
	kms, serviceKey, err := opened.openKMS(ctx, c)
	if err != nil {
		return nil, err
	}
	opened.openKeys(c, kms, serviceKey)
	return opened, nil
}
