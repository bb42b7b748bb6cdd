package command

import (
	"context"

	"sealfront/proxy/config"
)

func serveCommand() command {
	return command{
		name: "serve", summary: "serve S3 and seal all objects",
		synopsis: []string{
			"sealfront serve FILE",
			"sealfront [serve] --config FILE",
			"sealfront [serve] [--data DIR] [--region REGION] [--listen ADDRESS] [--http ADDRESS] [--admin ADDRESS]",
		},
		description: []string{
			"With FILE: in production. Store, key service, identities and limits are those of FILE.",
			"Without: for development and tests, with a store and a key service of its own below DIR, credentials, a " +
				"certificate authority, and the directory bucket demo--local-az1--x-s3. A second start finds all of them again.",
			"When requests are accepted it writes lines to stdout that a shell can evaluate, then '# ready'; logs go to " +
				"stderr. SIGHUP, and a change of FILE or of the files it names, reload identities, certificates, limits and the " +
				"log's level; other changed settings are logged and take effect at the next start. SIGTERM drains: " +
				"/readyz answers 503, after limits.drain_delay no connection is accepted, and requests in flight have " +
				"limits.drain_timeout to end.",
		},
		operands: [2]int{0, 1},
		examples: []example{
			{
				"With a store and a key service of its own, on free ports",
				"sealfront serve --data ./sealfront-data --listen 127.0.0.1:0 --admin 127.0.0.1:0",
			},
			{"In production", "sealfront serve --config /etc/sealfront/sealfront.yaml"},
		},
		failure: "store or key service can't be reached, or doesn't permit it, or an address can't be listened on: a retry " +
			"may succeed",
		files:       []entry{configFile, embeddedData},
		environment: []entry{awsChain, memoryLimits, collection, godebugFIPS},
		seals:       true, prepare: prepareServe,
	}
}

func prepareServe(v *invocation) action {
	file := v.String("config", "", "configuration `FILE`, as without the flag; excludes the other flags, whose settings "+
		"are in it")
	data := v.String("data", "", "`DIR` of the embedded store and key service; default ./sealfront-data")
	region := v.String("region", "",
		"`REGION` of new buckets and keys, and of signatures; default that of the last start, at first us-west-2")
	listen := v.String("listen", "", "`ADDRESS` for HTTPS; default 127.0.0.1:8443. Port 0 picks a free one")
	plain := v.String("http", "", "`ADDRESS` for plain HTTP; default none. SSE-KMS objects are served over TLS only")
	admin := v.String("admin", "", "`ADDRESS` for health, metrics, status page and profiles; default 127.0.0.1:9090")
	return func(ctx context.Context, operands []string) error {
		if err := named(file, operands); err != nil {
			return err
		}
		if *file != "" {
			if *data != "" || *region != "" || *listen != "" || *plain != "" || *admin != "" {
				return usagef("a configuration FILE excludes the other flags: set data, region and listen in the file")
			}
			c, sources, err := config.LoadWatched(*file)
			if err != nil {
				return configError(err)
			}
			return v.serve(ctx, c, *file, sources)
		}
		c, err := embeddedConfig(*data, *region, *listen, *plain, *admin)
		if err != nil {
			return configError(err)
		}
		return v.serve(ctx, c, "", nil)
	}
}

// named sets file to the operand, if there is one: commands take a configuration as --config FILE and as FILE.
func named(file *string, operands []string) error {
	if len(operands) == 0 {
		return nil
	}
	if *file != "" && *file != operands[0] {
		return usagef("two configurations are named, --config %s and %s: name one", *file, operands[0])
	}
	*file = operands[0]
	return nil
}
