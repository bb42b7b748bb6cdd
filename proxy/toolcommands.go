package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/proxy/tools"
)

// toolFlags are those of a tool; at says where it works.
type toolFlags struct {
	*flag.FlagSet
	at   where
	walk tools.WalkOptions
}

func newToolFlags(command, usage string, stderr io.Writer) *toolFlags {
	f := &toolFlags{FlagSet: newFlags(command, stderr)}
	f.at.register(f.FlagSet)
	f.Usage = func() {
		fmt.Fprintf(stderr, "usage: sealfront %s %s\n", command, usage)
		f.PrintDefaults()
	}
	return f
}

// parse reads flags that may stand before, between and behind this many arguments.
func (f *toolFlags) parse(args []string, arguments int) ([]string, error) {
	var found []string
	for {
		if err := f.FlagSet.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usageError{err}
		}
		if f.NArg() == 0 {
			break
		}
		found, args = append(found, f.Arg(0)), f.Args()[1:]
	}
	if len(found) != arguments {
		return nil, usagef("%s takes %d arguments, but got %q", f.Name(), arguments, found)
	}
	var err error
	if f.walk.Resume != "" { // the embedded store changes the working directory
		f.walk.Resume, err = filepath.Abs(f.walk.Resume)
	}
	if f.walk.Concurrency < 0 || f.walk.Rate < 0 {
		return nil, usagef("--concurrency and --rate must not be negative")
	}
	return found, err
}

// walkFlags are those of a tool that goes over many objects.
func (f *toolFlags) walkFlags(stdout, stderr io.Writer) *tools.WalkOptions {
	o := &f.walk
	o.Out = stdout
	f.IntVar(&o.Concurrency, "concurrency", 8, "objects at the same time")
	f.Float64Var(&o.Rate, "rate", 0, "objects begun a second at most; 0: as fast as it goes")
	f.StringVar(&o.Resume, "resume", "", "file that keeps how far the tool has come; a second run with it goes on there")
	f.BoolVar(&o.JSON, "json", false, "report in JSON, a document a line")
	if file, ok := stderr.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			o.Progress = stderr
		}
	}
	return o
}

// with runs a tool on its installation.
func (f *toolFlags) with(ctx context.Context, assemble func(context.Context, *config.Config, *zap.Logger) (*parts, error), tool func(*config.Config, *parts, *tools.Installation) error) error {
	c, err := f.at.load()
	if err != nil {
		return err
	}
	p, err := assemble(ctx, c, zap.NewNop())
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }() // what the tool did is done, whatever the embedded store says at its end
	return toolError(tool(c, p, &tools.Installation{
		Locks: p.locks(c), Store: p.store, State: p.state, MetadataHeader: c.Store.MetadataHeader, Abilities: p.abilities, CopyLimit: storeCopyLimit,
	}))
}

func (p *parts) locks(c *config.Config) tools.Locks {
	return tools.Locks{Keys: p.keys, ServiceKey: p.serviceKey, AllowedKeys: c.KMS.AllowedKeys}
}

// toolError gives a tool's error its exit status.
func toolError(err error) error {
	if errors.Is(err, tools.ErrUsage) {
		return usageError{err}
	}
	return err
}

// targets is parse for a tool whose arguments name this many buckets or objects.
func (f *toolFlags) targets(args []string, arguments int) ([]tools.Target, error) {
	found, err := f.parse(args, arguments)
	if err != nil {
		return nil, err
	}
	list := make([]tools.Target, len(found))
	for i := range found {
		if list[i], err = tools.ParseTarget(found[i]); err != nil {
			return nil, toolError(err)
		}
	}
	return list, nil
}

// reported writes a tool's report, unless nil, and joins the errors.
func reported[R any](stdout io.Writer, report *R, err error) error {
	if report == nil {
		return err
	}
	return errors.Join(err, writeJSON(stdout, report))
}

// toolCommands are the subcommands that work on sealed objects.
var toolCommands = map[string]func(ctx context.Context, args []string, stdout, stderr io.Writer) error{
	"inspect": runInspect,
	"verify":  runVerify,
	"open":    runOpen,
	"adopt":   runAdopt,
	"keys":    runKeys,
	"rewrap":  runRewrap,
	"migrate": runMigrate,
}

func runInspect(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := newToolFlags("inspect", "s3://BUCKET/KEY\nWhat an object's envelope and layout are, and whether it verifies, in JSON. Exit status 1 when it doesn't.", stderr)
	found, err := f.targets(args, 1)
	if err != nil {
		return err
	}
	t := found[0]
	if t.Key == "" {
		return usagef("inspect needs the key of an object: s3://BUCKET/KEY")
	}
	return f.with(ctx, assembleTool, func(_ *config.Config, _ *parts, in *tools.Installation) error {
		v, err := in.Inspect(ctx, t)
		if err != nil && !errors.Is(err, tools.ErrFound) {
			return fmt.Errorf("inspect %s: %w", t.URI(), err)
		}
		return errors.Join(err, writeJSON(stdout, v))
	})
}

func runVerify(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := newToolFlags("verify", "s3://BUCKET[/PREFIX]\nReads every object and checks each stored byte. Writes a line an object that isn't whole: URI: reason. Exit status 1 when there is one.", stderr)
	o := f.walkFlags(stdout, stderr)
	found, err := f.targets(args, 1)
	if err != nil {
		return err
	}
	t := found[0]
	return f.with(ctx, assembleTool, func(_ *config.Config, _ *parts, in *tools.Installation) error {
		v, err := in.Verify(ctx, t, *o)
		if v != nil {
			if o.JSON {
				err = errors.Join(err, tools.WriteLine(stdout, v))
			} else {
				fmt.Fprintf(stderr, "%d objects checked, %d damaged, %d could not be checked\n", v.Checked, v.Damaged, v.Unchecked)
			}
		}
		return err
	})
}

func runRewrap(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := newToolFlags("rewrap", "s3://BUCKET[/PREFIX]\nWraps the data key of every object anew, under a fresh bucket key of the object's KMS key. Data, metadata and tags stay, ETags and dates change.\n"+
		"Reports in JSON what was done and which objects still depend on older bucket keys. Exit status 1 when there are some.", stderr)
	o := f.walkFlags(stdout, stderr)
	found, err := f.targets(args, 1)
	if err != nil {
		return err
	}
	t := found[0]
	return f.with(ctx, assembleWriter, func(_ *config.Config, _ *parts, in *tools.Installation) error {
		report, err := in.Rewrap(ctx, t, *o)
		return reported(stdout, report, err)
	})
}

func runAdopt(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := newToolFlags("adopt", "BUCKET --arn ARN --kms-key ARN\nMakes the lost record of a bucket whose objects are in the store; never replaces one. Tries a sample of objects first and writes nothing if one doesn't open.", stderr)
	var a tools.Adoption
	f.StringVar(&a.ARN, "arn", "", "the bucket's ARN as it was when the bucket was made")
	f.StringVar(&a.KMSKey, "kms-key", "", "ARN of the KMS key: a directory bucket's own, a general purpose bucket's default")
	f.StringVar(&a.StoreName, "store-bucket", "", "name of the store's bucket; default store.bucket_prefix and BUCKET")
	f.IntVar(&a.Sample, "sample", 16, "how many objects to try")
	found, err := f.parse(args, 1)
	if err != nil {
		return err
	}
	if a.Bucket = found[0]; a.ARN == "" || a.KMSKey == "" || a.Sample < 0 {
		return usagef("adopt needs --arn and --kms-key")
	}
	return f.with(ctx, assembleLost, func(c *config.Config, _ *parts, in *tools.Installation) error {
		a.Account, a.Region = c.Account, c.Region
		a.StoreName = or(a.StoreName, c.Store.BucketPrefix+a.Bucket)
		if a.StoreName == c.Store.StateBucket {
			return usagef("%s is the state bucket", a.StoreName)
		}
		report, err := in.Adopt(ctx, &a)
		return reported(stdout, report, err)
	})
}

func runOpen(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := newToolFlags("open", "--bucket BUCKET --key KEY --envelope VALUE RAWFILE [--arn ARN [--kms-key ARN]]\n"+
		"Writes the plaintext of a stored object's bytes in RAWFILE to stdout. With --arn the key service alone is needed: no store, no state.\n"+
		"Exit status 1 when the file isn't whole; what was written is then a true prefix.", stderr)
	bucket := f.String("bucket", "", "bucket the object was in")
	key := f.String("key", "", "key of the object")
	envelope := f.String("envelope", "", "value of the object's metadata header x-amz-meta-sealfront")
	arn := f.String("arn", "", "the bucket's ARN, in place of its record")
	kmsKey := f.String("kms-key", "", "with --arn: the only KMS key to believe beside the service key; default: those of the configured account, or kms.allowed_keys")
	found, err := f.parse(args, 1)
	if err != nil {
		return err
	}
	if *key == "" || *envelope == "" || *bucket == "" && *arn == "" {
		return usagef("open needs --bucket or --arn, --key and --envelope")
	}
	if *kmsKey != "" && *arn == "" {
		return usagef("--kms-key needs --arn: the bucket's record names its key")
	}
	file, err := os.Open(found[0])
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	raw := &tools.File{Key: *key, Envelope: *envelope, Bytes: file, Size: info.Size()}
	write := func(locks tools.Locks) error {
		err := locks.Open(ctx, raw, stdout)
		var d *tools.Damage
		if errors.As(err, &d) && d.Kind == "padding" {
			fmt.Fprintf(stderr, "sealfront: the plaintext is whole; but in %s %v\n", found[0], err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("open %s: %w", found[0], err)
		}
		return nil
	}
	if *arn == "" {
		return f.with(ctx, assembleTool, func(_ *config.Config, _ *parts, in *tools.Installation) error {
			if raw.Bucket, err = in.Facts(ctx, *bucket); err != nil {
				return err
			}
			return write(in.Locks)
		})
	}
	c, err := f.at.loadKMS()
	if err != nil {
		return err
	}
	if raw.Bucket, err = tools.FactsOfARN(*arn, c.Account, *kmsKey); err != nil {
		return toolError(err)
	}
	if *bucket != "" && raw.Bucket.Name != *bucket {
		return usagef("--arn %s is not the ARN of --bucket %s", *arn, *bucket)
	}
	p, err := assembleKMS(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }() // the outcome is known
	return write(p.locks(c))
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
