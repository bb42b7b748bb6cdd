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
		name: "adopt", summary: "make buckets' lost records again",
		synopsis: []string{
			"sealfront adopt --all | BUCKET… [--sample N] [" + toolWhere + "]",
			"sealfront adopt BUCKET --arn ARN --kms-key ARN [--store-bucket NAME] [--sample N] [" + toolWhere + "]",
		},
		description: []string{
			"Makes the records of buckets whose objects are in the store, once a sample of them has opened; of a bucket of " +
				"which one doesn't, it writes nothing. An existing record is never replaced, so that a run which was " +
				"interrupted is repeated as it was. Bucket policies and tags must be set again.",
			"Of many buckets, by name or --all of the store, nothing is guessed: a bucket's ARN is that of its name in the " +
				"configuration's Region and account, which its objects are bound to, and its default encryption and its KMS " +
				"key are those of the sample. A bucket that doesn't show them is refused by name: one that is empty, holds " +
				"objects that aren't sealed, or objects under several keys. The report has a line of JSON for each bucket " +
				"(adopted, kept, refused or failed, and why) and one for all; the exit status is 1 if a bucket has no record " +
				"afterwards.",
			"With --arn and --kms-key, which say what the objects don't show, it is one bucket.",
			toolConnects,
		},
		operands: [2]int{0, -1},
		examples: []example{
			{"After the state bucket was lost", "sealfront adopt --all --config sealfront.yaml"},
			{
				"A bucket whose objects are under several keys",
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
	all := v.Bool("all", false, "all buckets of the store whose names begin with store.bucket_prefix")
	v.StringVar(&a.ARN, "arn", "", "the bucket's original `ARN`")
	v.StringVar(&a.KMSKey, "kms-key", "",
		"`ARN` of the KMS key: a directory bucket's own, a general purpose bucket's default")
	v.StringVar(&a.StoreName, "store-bucket", "", "`NAME` of the store's bucket; default store.bucket_prefix and BUCKET")
	v.IntVar(&a.Sample, "sample", 16, "`N` objects to try, of each bucket")
	return func(ctx context.Context, operands []string) error {
		many := a.ARN == "" && a.KMSKey == "" && a.StoreName == ""
		switch {
		case *all != (len(operands) == 0):
			return usagef("adopt needs names of buckets or --all")
		case !many && len(operands) != 1:
			return usagef("--arn, --kms-key and --store-bucket are of one bucket, but there are %d", len(operands))
		case !many && (a.ARN == "" || a.KMSKey == ""):
			return usagef("adopt needs both --arn and --kms-key, or neither")
		case a.Sample < 0 || many && a.Sample == 0:
			return usagef("--sample %d: some objects must be tried", a.Sample)
		case many:
			return v.adoptMany(ctx, operands, a.Sample)
		}
		a.Bucket = operands[0]
		return v.adoptOne(ctx, &a)
	}
}

// adoptOne adopts a bucket as the flags describe it.
func (v *invocation) adoptOne(ctx context.Context, a *tools.Adoption) error {
	return v.with(ctx, instance.Restoring, func(p *instance.Instance, in *tools.Installation) error {
		c := p.Config
		a.Account, a.Region = c.Account, c.Region
		a.StoreName = cmp.Or(a.StoreName, c.Store.BucketPrefix+a.Bucket)
		if a.StoreName == c.Store.StateBucket {
			return usagef("%s is the state bucket", a.StoreName)
		}
		report, err := in.Adopt(ctx, a)
		if report != nil {
			err = errors.Join(err, writeJSON(v.stdout, report))
		}
		return err
	})
}

// adoptMany adopts these buckets, or all if there are no names, as their objects show them.
func (v *invocation) adoptMany(ctx context.Context, names []string, sample int) error {
	return v.with(ctx, instance.Restoring, func(p *instance.Instance, in *tools.Installation) error {
		c := p.Config
		for _, name := range names {
			if c.Store.BucketPrefix+name == c.Store.StateBucket {
				return usagef("%s is the state bucket", name)
			}
		}
		report, err := in.AdoptMany(ctx, &tools.Adoptions{
			Names: names, Prefix: c.Store.BucketPrefix, Account: c.Account, Region: c.Region, Sample: sample,
			Report: func(r *tools.AdoptionOfMany) error { return tools.WriteLine(v.stdout, r) },
		})
		if report != nil {
			err = errors.Join(err, tools.WriteLine(v.stdout, report))
		}
		return err
	})
}
