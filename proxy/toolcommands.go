package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"go.uber.org/zap"

	"sealfront/policy"
	"sealfront/proxy/config"
	"sealfront/proxy/objects"
	"sealfront/proxy/tools"
)

// walkFlags are those of a tool that goes over many objects.
func (v *invocation) walkFlags() *tools.WalkOptions {
	o := &v.walk
	o.Out = v.stdout
	v.IntVar(&o.Concurrency, "concurrency", 8, "`N` objects at the same time")
	v.Float64Var(&o.Rate, "rate", 0, "`N` objects begun a second at most; default as fast as it goes")
	v.StringVar(&o.Resume, "resume", "", "`FILE` that keeps how far the tool has come; a second run with it goes on there")
	v.BoolVar(&o.JSON, "json", false, "report in JSON, a document a line")
	if file, ok := v.stderr.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			o.Progress = v.stderr
		}
	}
	return o
}

// with runs a tool on its installation.
func (v *invocation) with(ctx context.Context, assemble func(context.Context, *config.Config, *zap.Logger) (*parts, error), tool func(*config.Config, *parts, *tools.Installation) error) error {
	c, err := v.at.load()
	if err != nil {
		return err
	}
	p, err := assemble(ctx, c, zap.NewNop())
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }() // what the tool did is done, whatever the embedded store says at its end
	sealed := p.sealedObjects(c)
	return toolError(tool(c, p, &tools.Installation{
		Objects: sealed, FactsOf: sealed.FactsOf, State: p.state, Store: p.store,
		StateBucket: c.Store.StateBucket, Abilities: p.abilities, MetadataHeader: c.Store.MetadataHeader, ServiceKey: p.serviceKey,
	}))
}

// sealedObjects are the objects that a tool works on. Where only the key service was opened, they have no store.
func (p *parts) sealedObjects(c *config.Config) *objects.Objects {
	return objects.New(objects.Options{
		Store: p.store, Keys: p.keys, Buckets: p.state, Uploads: p.state, Claims: p.state,
		StateBucket: c.Store.StateBucket, Abilities: p.abilities, DirectoryStore: c.Store.Kind == "directory",
		CopyLimit: storeCopyLimit, MetadataHeader: c.Store.MetadataHeader, ServiceKey: p.serviceKey,
		Policy: policy.Options{AllowedKeys: c.KMS.AllowedKeys, ServiceKey: p.serviceKey, DefaultKey: p.serviceKey},
	})
}

// toolError gives a tool's error its exit status.
func toolError(err error) error {
	if errors.Is(err, tools.ErrUsage) {
		return usageError{err}
	}
	return err
}

func parseTarget(uri string) (tools.Target, error) {
	t, err := tools.ParseTarget(uri)
	return t, toolError(err)
}

func prepareInspect(v *invocation) action {
	v.at.register(v.FlagSet)
	return func(ctx context.Context, operands []string) error {
		t, err := parseTarget(operands[0])
		if err != nil {
			return err
		}
		if t.Key == "" {
			return usagef("inspect needs the key of an object: s3://BUCKET/KEY")
		}
		return v.with(ctx, assembleTool, func(_ *config.Config, _ *parts, in *tools.Installation) error {
			found, err := in.Inspect(ctx, t)
			if err != nil && !errors.Is(err, tools.ErrFound) {
				return fmt.Errorf("inspect %s: %w", t.URI(), err)
			}
			return errors.Join(err, writeJSON(v.stdout, found))
		})
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
		return v.with(ctx, assembleTool, func(_ *config.Config, _ *parts, in *tools.Installation) error {
			found, err := in.Verify(ctx, t, *o)
			if found != nil {
				if o.JSON {
					err = errors.Join(err, tools.WriteLine(v.stdout, found))
				} else {
					fmt.Fprintf(v.stderr, "%d objects checked, %d damaged, %d could not be checked, %d deleted meanwhile\n", found.Checked, found.Damaged, found.Unchecked, found.Gone)
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

func prepareRewrap(v *invocation) action {
	v.at.register(v.FlagSet)
	o := v.walkFlags()
	var kmsKey string
	v.StringVar(&kmsKey, "kms-key", "", "`ARN` of the KMS key that all objects are to be under; default each object's own")
	return func(ctx context.Context, operands []string) error {
		t, err := parseTarget(operands[0])
		if err != nil {
			return err
		}
		return v.with(ctx, assembleWriter, func(_ *config.Config, _ *parts, in *tools.Installation) error {
			report, err := in.Rewrap(ctx, t, tools.RewrapOptions{WalkOptions: *o, KMSKey: kmsKey})
			if report != nil {
				err = errors.Join(err, writeJSON(v.stdout, report))
			}
			return err
		})
	}
}

func prepareAdopt(v *invocation) action {
	v.at.register(v.FlagSet)
	var a tools.Adoption
	v.StringVar(&a.ARN, "arn", "", "the bucket's `ARN` as it was when the bucket was made")
	v.StringVar(&a.KMSKey, "kms-key", "", "`ARN` of the KMS key: a directory bucket's own, a general purpose bucket's default")
	v.StringVar(&a.StoreName, "store-bucket", "", "`NAME` of the store's bucket; default store.bucket_prefix and BUCKET")
	v.IntVar(&a.Sample, "sample", 16, "`N` objects to try")
	return func(ctx context.Context, operands []string) error {
		if a.Bucket = operands[0]; a.ARN == "" || a.KMSKey == "" || a.Sample < 0 {
			return usagef("adopt needs --arn and --kms-key")
		}
		return v.with(ctx, assembleLost, func(c *config.Config, _ *parts, in *tools.Installation) error {
			a.Account, a.Region = c.Account, c.Region
			a.StoreName = or(a.StoreName, c.Store.BucketPrefix+a.Bucket)
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

// An opening is what `open` is asked for.
type opening struct{ bucket, key, envelope, arn, kmsKey string }

func prepareOpen(v *invocation) action {
	v.at.register(v.FlagSet)
	var o opening
	v.StringVar(&o.bucket, "bucket", "", "`BUCKET` the object was in")
	v.StringVar(&o.key, "key", "", "`KEY` of the object")
	v.StringVar(&o.envelope, "envelope", "", "`VALUE` of the object's metadata header x-amz-meta-sealfront")
	v.StringVar(&o.arn, "arn", "", "the bucket's `ARN`, in place of its record: the key service alone is needed then, no store and no state")
	v.StringVar(&o.kmsKey, "kms-key", "", "with --arn: `ARN` of the only KMS key to believe beside the service key; default those of the configured account, or kms.allowed_keys")
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
		return v.with(ctx, assembleTool, func(_ *config.Config, _ *parts, in *tools.Installation) error {
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
	p, err := assembleKMS(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }() // the outcome is known
	return write(p.sealedObjects(c))
}

// loadKMS is load for a tool that needs the key service only: faults of all other settings are passed over.
func (w *where) loadKMS() (*config.Config, error) {
	if w.file == "" || w.data != "" {
		return w.load()
	}
	c, err := config.LoadOnly(w.file, "file", "kms", "region", "account", "data")
	if err != nil {
		return nil, configError(err)
	}
	if c.KMS.Kind == "embedded" && c.Data == "" {
		return nil, usagef("data: must be set: the embedded key service keeps its keys there")
	}
	return c, nil
}
