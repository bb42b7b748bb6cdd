package command

import (
	"context"
	"errors"

	"sealfront/proxy/instance"
	"sealfront/proxy/tools"
)

func migrateCommand() command {
	return command{
		name: "migrate", summary: "seal the plaintext objects of a bucket of the store",
		synopsis: []string{
			"sealfront migrate s3://STORE-BUCKET[/PREFIX] s3://BUCKET[/PREFIX] [--drop-tags] " + walkSynopsis + " [" +
				toolWhere + "]",
		},
		description: []string{
			"Copies the plaintext objects of a bucket of the store that the proxy doesn't serve into a sealed bucket, with " +
				"metadata, content headers, tags, storage class, part sizes and checksums, and then compares all of it, byte for " +
				"byte. The source is only read, and nothing in the sealed bucket is replaced: an interrupted run can be " +
				"started again. The second PREFIX replaces the first.",
			"The report, in JSON on stdout, says what was done, and which objects were not copied and why.",
			walkShared, toolConnects,
		},
		operands: [2]int{2, 2},
		examples: []example{
			{
				"A bucket, resumable after an interruption",
				"sealfront migrate s3://old-reports s3://reports --resume migrate.state --config sealfront.yaml",
			},
			{
				"A prefix, under another name",
				"sealfront migrate s3://old-reports/2026/ s3://reports/archive/2026/ --rate 50 --config sealfront.yaml",
			},
		},
		failure:     "objects were not copied, or the command failed",
		files:       []entry{configFile, embeddedData, resumeFile, metricsFile},
		environment: []entry{awsChain},
		seals:       true, prepare: prepareMigrate,
	}
}

func prepareMigrate(v *invocation) action {
	v.at.register(v.FlagSet)
	o := v.walkFlags()
	var m tools.Migration
	v.BoolVar(&m.DropTags, "drop-tags", false,
		"migrate objects with tags into a directory bucket, which can't hold them, without their tags")
	return func(ctx context.Context, operands []string) (err error) {
		if m.From, err = parseTarget(operands[0]); err != nil {
			return err
		}
		if m.To, err = parseTarget(operands[1]); err != nil {
			return err
		}
		return v.watch(ctx, instance.Writing, operands, func(p *instance.Instance, in *tools.Installation) (err error) {
			m.StateBucket, m.PutLimit = p.Config.Store.StateBucket, v.options.Instance.PutLimit
			if m.Proxy, err = p.OpenInnerProxy(m.To.Bucket); err != nil {
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
