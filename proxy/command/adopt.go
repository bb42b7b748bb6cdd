package command

import (
	"cmp"
	"context"
	"errors"

	"sealfront/proxy/instance"
	"sealfront/proxy/tools"
)

func adoptCommand() command {
	return command{
		name: "adopt", summary: "make a bucket's lost record again",
		synopsis: []string{
			"sealfront adopt BUCKET --arn ARN --kms-key ARN [--store-bucket NAME] [--sample N] [" + toolWhere + "]",
		},
		description: []string{
			"Makes the record of a bucket whose objects are in the store, once a sample of them has opened; if one doesn't, " +
				"it writes nothing. An existing record is never replaced. Bucket policy, tags and a former default must be " +
				"set again.",
			toolConnects,
		},
		operands: [2]int{1, 1},
		examples: []example{
			{
				"After the state bucket was lost",
				"sealfront adopt reports --arn arn:aws:s3:::reports --kms-key " +
					"arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab --config sealfront.yaml",
			},
		},
		files:       []entry{configFile, embeddedData},
		environment: []entry{awsChain},
		seals:       true, prepare: prepareAdopt,
	}
}

func prepareAdopt(v *invocation) action {
	v.at.register(v.FlagSet)
	var a tools.Adoption
	v.StringVar(&a.ARN, "arn", "", "the bucket's original `ARN`")
	v.StringVar(&a.KMSKey, "kms-key", "",
		"`ARN` of the KMS key: a directory bucket's own, a general purpose bucket's default")
	v.StringVar(&a.StoreName, "store-bucket", "", "`NAME` of the store's bucket; default store.bucket_prefix and BUCKET")
	v.IntVar(&a.Sample, "sample", 16, "`N` objects to try")
	return func(ctx context.Context, operands []string) error {
		if a.Bucket = operands[0]; a.ARN == "" || a.KMSKey == "" || a.Sample < 0 {
			return usagef("adopt needs --arn and --kms-key")
		}
		return v.with(ctx, instance.Restoring, func(p *instance.Instance, in *tools.Installation) error {
			c := p.Config
			a.Account, a.Region = c.Account, c.Region
			a.StoreName = cmp.Or(a.StoreName, c.Store.BucketPrefix+a.Bucket)
			if a.StoreName == c.Store.StateBucket {
				return usagef("%s is the state bucket", a.StoreName)
			}
			report, err := in.Adopt(ctx, &a)
			if report != nil {
				err = errors.Join(err, writeJSON(v.stdout, report))
			}
			return err
		})
	}
}
