package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"sealfront/proxy/instance"
	"sealfront/proxy/objects"
	"sealfront/proxy/tools"
)

func openCommand() command {
	return command{
		name: "open", summary: "write the plaintext of a stored object's bytes",
		synopsis: []string{
			"sealfront open --bucket BUCKET --key KEY --envelope VALUE RAWFILE [" + toolWhere + "]",
			"sealfront open --arn ARN [--kms-key ARN] --key KEY --envelope VALUE RAWFILE [" + toolWhere + "]",
		},
		description: []string{
			"Writes what RAWFILE, an object's bytes as the store had them, holds to stdout. With --arn the key service alone " +
				"is needed, and of the configuration only kms, region, account and data are read: for the day on which neither " +
				"proxy nor store are left.",
		},
		operands: [2]int{1, 1},
		examples: []example{
			{
				"From a backup",
				"sealfront open --arn arn:aws:s3express:us-west-2:123456789012:bucket/b--usw2-az1--x-s3 --key dir/note.txt " +
					"--envelope AQEB… raw.bin --config sealfront.yaml",
			},
		},
		failure:     "the file isn't whole: what was written is a true prefix. Or the command failed",
		files:       []entry{configFile, embeddedData},
		environment: []entry{awsChain},
		seals:       true, prepare: prepareOpen,
	}
}

// An opening is what `open` is to open.
type opening struct{ bucket, key, envelope, arn, kmsKey string }

func prepareOpen(v *invocation) action {
	v.at.register(v.FlagSet)
	var o opening
	v.StringVar(&o.bucket, "bucket", "", "`BUCKET` the object was in")
	v.StringVar(&o.key, "key", "", "`KEY` of the object")
	v.StringVar(&o.envelope, "envelope", "", "`VALUE` of the object's metadata header x-amz-meta-sealfront")
	v.StringVar(&o.arn, "arn", "",
		"the bucket's `ARN`, in place of its record: the key service alone is needed then, no store and no state")
	v.StringVar(&o.kmsKey, "kms-key", "",
		"with --arn: `ARN` of the only KMS key that is allowed in addition to the service key; default those of the "+
			"configured account, "+
			"or kms.allowed_keys")
	return func(ctx context.Context, operands []string) error {
		if o.key == "" || o.envelope == "" || o.bucket == "" && o.arn == "" {
			return usagef("open needs --bucket or --arn, --key and --envelope")
		}
		if o.kmsKey != "" && o.arn == "" {
			return usagef("--kms-key needs --arn: the bucket's record names its key")
		}
		return v.open(ctx, &o, operands[0])
	}
}

// open writes the plaintext of a sealed file.
func (v *invocation) open(ctx context.Context, o *opening, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	raw := &tools.File{Key: o.key, Envelope: o.envelope, Bytes: file, Size: info.Size()}
	write := func(sealed *objects.Objects) error {
		err := tools.Open(ctx, sealed, raw, v.stdout)
		var d *tools.Damage
		if errors.As(err, &d) && d.Kind == "padding" {
			fmt.Fprintf(v.stderr, "sealfront: the plaintext is whole; but in %s %v\n", name, err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("open %s: %w", name, err)
		}
		return nil
	}
	if o.arn == "" {
		return v.with(ctx, instance.Reading, func(_ *instance.Instance, in *tools.Installation) error {
			if raw.Bucket, err = in.Facts(ctx, o.bucket); err != nil {
				return err
			}
			return write(in.Objects)
		})
	}
	c, err := v.at.loadKMS()
	if err != nil {
		return err
	}
	if raw.Bucket, err = tools.FactsOfARN(o.arn, c.Account, o.kmsKey); err != nil {
		return toolError(err)
	}
	if o.bucket != "" && raw.Bucket.Name != o.bucket {
		return usagef("--arn %s is not the ARN of --bucket %s", o.arn, o.bucket)
	}
	p, err := instance.Open(ctx, c, instance.Keys, v.instanceOptions(nil))
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }() // the outcome is known
	return write(p.Objects())
}
