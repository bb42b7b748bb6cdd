package command

import (
	"context"
	"errors"

	"sealfront/proxy/instance"
	"sealfront/proxy/tools"
)

func rewrapCommand() command {
	return command{
		name: "rewrap", summary: "wrap every data key again, after a rotation",
		synopsis: []string{
			"sealfront rewrap s3://BUCKET[/PREFIX] [--kms-key ARN] " + walkSynopsis + " [" + toolWhere + "]",
		},
		description: []string{
			"Wraps the data key of every object under a fresh bucket key of the object's KMS key, or with --kms-key of that " +
				"one, as SSE-KMS. Data, metadata, tags and Object Lock stay; ETags and dates change. It revokes nothing: an old " +
				"envelope opens as long as KMS lets it.",
			"The report, in JSON on stdout, says how many objects depend on which KMS key, and on which bucket key by the " +
				"digest that inspect shows, and names what still depends on older bucket keys. A key may be disabled when no " +
				"report of any prefix and shard names it any more.",
			walkShared, toolConnects,
		},
		operands: [2]int{1, 1},
		examples: []example{
			{
				"A bucket, resumable after an interruption",
				"sealfront rewrap s3://reports --resume rewrap.state --config sealfront.yaml",
			},
			{
				"A prefix, under another KMS key",
				"sealfront rewrap s3://reports/2026/ --kms-key " +
					"arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab --config sealfront.yaml",
			},
		},
		failure:     "something still depends on older bucket keys, or the command failed",
		files:       []entry{configFile, embeddedData, resumeFile, metricsFile},
		environment: []entry{awsChain},
		seals:       true, prepare: prepareRewrap,
	}
}

func prepareRewrap(v *invocation) action {
	v.at.register(v.FlagSet)
	o := v.walkFlags()
	var kmsKey string
	v.StringVar(&kmsKey, "kms-key", "", "`ARN` of the KMS key for all objects; default each object's own")
	return func(ctx context.Context, operands []string) error {
		t, err := parseTarget(operands[0])
		if err != nil {
			return err
		}
		return v.watch(ctx, instance.Writing, operands, func(_ *instance.Instance, in *tools.Installation) error {
			report, err := in.Rewrap(ctx, t, tools.RewrapOptions{WalkOptions: *o, KMSKey: kmsKey})
			if report != nil {
				err = errors.Join(err, writeJSON(v.stdout, report))
			}
			return err
		})
	}
}
