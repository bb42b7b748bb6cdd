package command

import (
	"context"
	"errors"
	"fmt"

	"sealfront/proxy/instance"
	"sealfront/proxy/tools"
)

func verifyCommand() command {
	return command{
		name: "verify", summary: "read every object and check each stored byte",
		synopsis: []string{
			"sealfront verify s3://BUCKET[/PREFIX] [--json] " + walkSynopsis + " [" + toolWhere + "]",
		},
		description: []string{
			"Checks envelope, length, segments, padding and trailer of every object, and writes a line for each object that " +
				"is incomplete or damaged to stdout: URI: reason. How many were checked is on stderr.",
			walkShared, toolConnects,
		},
		operands: [2]int{1, 1},
		examples: []example{
			{"A whole bucket", "sealfront verify s3://reports --config sealfront.yaml"},
			{
				"With low load, and resumable",
				"sealfront verify s3://reports/2026/ --rate 50 --concurrency 2 --resume verify.state --config sealfront.yaml",
			},
			{
				"The second of four machines, watched by Prometheus",
				"sealfront verify s3://reports --shard 2/4 --metrics-file /var/lib/node_exporter/verify.prom --config " +
					"sealfront.yaml",
			},
		},
		failure:     "an object is incomplete or damaged, or could not be checked",
		files:       []entry{configFile, embeddedData, resumeFile, metricsFile},
		environment: []entry{awsChain},
		seals:       true, prepare: prepareVerify,
	}
}

func prepareVerify(v *invocation) action {
	v.at.register(v.FlagSet)
	o := v.walkFlags()
	return func(ctx context.Context, operands []string) error {
		t, err := parseTarget(operands[0])
		if err != nil {
			return err
		}
		return v.watch(ctx, instance.Reading, operands, func(_ *instance.Instance, in *tools.Installation) error {
			found, err := in.Verify(ctx, t, *o)
			if found != nil {
				if o.JSON {
					err = errors.Join(err, tools.WriteLine(v.stdout, found))
				} else {
					if found.Shard != "" {
						fmt.Fprintf(v.stderr, "shard %s: ", found.Shard)
					}
					fmt.Fprintf(v.stderr, "%d objects checked, %d damaged, %d could not be checked, %d deleted meanwhile\n",
						found.Checked, found.Damaged, found.Unchecked, found.Gone)
					for _, u := range found.Uploads {
						fmt.Fprintf(v.stderr, "not checked, an upload in progress: %s, begun %s\n", u.URI, u.Initiated)
					}
					for _, note := range found.Notes {
						fmt.Fprintln(v.stderr, "note:", note)
					}
				}
			}
			return err
		})
	}
}
