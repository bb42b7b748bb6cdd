package main

import (
	"context"
	"io"

	"sealfront/proxy/config"
	"sealfront/proxy/tools"
)

func runMigrate(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := newToolFlags("migrate", "s3://STORE-BUCKET[/PREFIX] s3://BUCKET[/PREFIX]\n"+
		"Copies what lies in the clear in a bucket of the store, which the proxy doesn't serve, into a sealed bucket, with metadata, tags, part sizes and checksums,\n"+
		"and then compares all of it, byte for byte. The source is only read, and nothing in the sealed bucket is replaced: a run that was broken off can be\n"+
		"begun again. The second PREFIX takes the place of the first. Reports in JSON what was done and which objects are left. Exit status 1 when there are some.", stderr)
	o := f.walkFlags(stdout, stderr)
	var m tools.Migration
	f.BoolVar(&m.DropTags, "drop-tags", false, "migrate objects with tags into a directory bucket, which can't hold them, without their tags")
	found, err := f.targets(args, 2)
	if err != nil {
		return err
	}
	m.From, m.To = found[0], found[1]
	return f.with(ctx, assembleWriter, func(c *config.Config, p *parts, in *tools.Installation) error {
		m.StateBucket, m.PutLimit = c.Store.StateBucket, putLimit
		if m.Proxy, err = p.openInnerProxy(c, m.To.Bucket); err != nil {
			return err
		}
		report, err := in.Migrate(ctx, &m, *o)
		return reported(stdout, report, err)
	})
}
