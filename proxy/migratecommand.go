package main

import (
	"context"
	"errors"

	"sealfront/proxy/config"
	"sealfront/proxy/tools"
)

func prepareMigrate(v *invocation) action {
	v.at.register(v.FlagSet)
	o := v.walkFlags()
	var m tools.Migration
	v.BoolVar(&m.DropTags, "drop-tags", false, "migrate objects with tags into a directory bucket, which can't hold them, without their tags")
	return func(ctx context.Context, operands []string) (err error) {
		if m.From, err = parseTarget(operands[0]); err != nil {
			return err
		}
		if m.To, err = parseTarget(operands[1]); err != nil {
			return err
		}
		return v.with(ctx, assembleWriter, func(c *config.Config, p *parts, in *tools.Installation) (err error) {
			m.StateBucket, m.PutLimit = c.Store.StateBucket, putLimit
			if m.Proxy, err = p.openInnerProxy(c, m.To.Bucket); err != nil {
				return err
			}
			report, err := in.Migrate(ctx, &m, *o)
			if report != nil {
				err = errors.Join(err, writeJSON(v.stdout, report))
			}
			return err
		})
	}
}
