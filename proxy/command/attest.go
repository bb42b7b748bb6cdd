package command

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sealfront/proxy/attestation"
	"sealfront/proxy/config"
	"sealfront/proxy/instance"
	"sealfront/proxy/tools"
)

func attestCommand() command {
	return command{
		name: "attest", summary: "a signed statement that what the store holds is sealed",
		synopsis: []string{
			"sealfront attest s3://BUCKET[/PREFIX] [--sample N | --full] [--out DIR] [--admin ADDRESS] [--store-bucket NAME] " +
				loadSynopsis + " [" + toolWhere + "]",
		},
		description: []string{
			"Scans the store's bucket past the proxy, as the store shows it: objects, older versions, uploads in progress, " +
				"and what listings leave out. Of each object it reads metadata and end, and opens both by KMS; of a sample, " +
				"which the store can't foresee, or with --full of all, it reads and opens every byte. It tests whether bytes " +
				"look random, tries to open the sample without KMS, and reads the sample twice.",
			"A line for each finding is written to stdout: URI: kind: why. DIR gets statement.json, which is signed, " +
				"statement.html, the same for people, and objects.jsonl, a line for everything that was seen. " +
				"crypto/testdata/check_statement.py checks all of it, and the sample against the store, without a line of this " +
				"program's code. OPERATING.md, \"Proof that bytes are sealed\", says what is proven and what isn't.",
			"The public key is at the admin address: GET /attestation, and on the status page. Where there is an audit log, a " +
				"replica at the admin address is asked where its chain stands, for the statement, and notes the statement's " +
				"SHA-256 in it afterwards.",
			"A scan that is cut off goes on when the command is repeated with the same DIR; the statement says so. With KMS " +
				"away the store is scanned nevertheless; the statement says that nothing opened, and isn't signed.",
			toolConnects,
		},
		operands: [2]int{1, 1},
		examples: []example{
			{
				"A whole bucket, with a sample of 500 objects",
				"sealfront attest s3://reports --sample 500 --config sealfront.yaml",
			},
			{
				"Every byte, with low load",
				"sealfront attest s3://reports/2026/ --full --rate 20 --out reports-2026 --config sealfront.yaml",
			},
		},
		failure: "the statement has findings, or says that nothing opened; or it could not be made, or not be noted in the " +
			"audit log",
		files: []entry{
			configFile, embeddedData,
			{"DIR/statement.json", "the statement and its signature, one line"},
			{"DIR/statement.html", "the same for people"},
			{"DIR/objects.jsonl", "everything that was seen, a document a line: names of objects, too"},
			{"DIR/journal.json", "how far the scan is, until it has ended"},
			metricsFile,
		},
		environment: []entry{awsChain},
		seals:       true, prepare: prepareAttest,
	}
}

func attestRecordCommand() command {
	return command{
		name: "attest record", summary: "note a statement in the audit log of a running replica",
		synopsis: []string{"sealfront attest record STATEMENT [--admin ADDRESS] [" + toolWhere + "]"},
		description: []string{
			"Has the replica at the admin address check the statement's signature and note its SHA-256 in the audit log, as " +
				"attest does itself unless no replica answers it. Noting it twice does no harm.",
		},
		operands: [2]int{1, 1},
		examples: []example{
			{"When a replica runs again", "sealfront attest record attest-reports/statement.json --config sealfront.yaml"},
		},
		files: []entry{
			configFile,
			{"STATEMENT", "a statement that attest has written"},
			{"admin.token_file", "of the configuration: the token that is sent"},
		},
		prepare: func(v *invocation) action {
			v.at.register(v.FlagSet)
			admin := v.String("admin", "", "the replica's admin `ADDRESS`; default that of the configuration")
			return func(ctx context.Context, operands []string) error {
				replica, err := v.findReplica(*admin)
				if err != nil {
					return err
				}
				line, err := os.ReadFile(operands[0])
				if err != nil {
					return fmt.Errorf("read the statement: %w", err)
				}
				return replica.call(ctx, "POST", attestationPath, line, v.stdout)
			}
		},
	}
}

// attestationPath is where the admin address shows the public key, and takes statements for the audit log.
const attestationPath = "/attestation"

// defaultSample is how many objects are drawn where nothing else is said.
const defaultSample = 100

// attestFlags are attest's own flags.
type attestFlags struct {
	sample                  int
	full                    bool
	out, admin, storeBucket string
}

func prepareAttest(v *invocation) action {
	v.at.register(v.FlagSet)
	walk := v.loadFlags()
	var o attestFlags
	v.IntVar(&o.sample, "sample", defaultSample, "`N` objects and versions are read whole")
	v.BoolVar(&o.full, "full", false, "every object is read whole, and a sample of 100 twice more")
	v.StringVar(&o.out, "out", "", "`DIR` that gets the statement, made if it is missing; default attest- and the bucket")
	v.StringVar(&o.admin, "admin", "",
		"admin `ADDRESS` of a replica with the audit log; default that of the configuration")
	v.StringVar(&o.storeBucket, "store-bucket", "",
		"`NAME` of the store's bucket, if KMS is away and can't say it; default "+
			"store.bucket_prefix and BUCKET")
	return func(ctx context.Context, operands []string) error {
		t, err := parseTarget(operands[0])
		if err != nil {
			return err
		}
		sampled := false
		v.Visit(func(f *flag.Flag) { sampled = sampled || f.Name == "sample" })
		if o.full && sampled || o.sample < 0 {
			return usagef("attest takes either --full or --sample N, which must not be negative")
		}
		// The embedded store changes the working directory.
		if o.out, err = filepath.Abs(cmp.Or(o.out, "attest-"+t.Bucket)); err != nil {
			return err
		}
		began := false
		run := func(p *instance.Instance, in *tools.Installation) error {
			began = true
			return v.attest(ctx, t, &o, *walk, p, in)
		}
		err = v.watch(ctx, instance.Reading, operands, run)
		if began || !kmsIsAway(err) {
			return err
		}
		fmt.Fprintf(v.stderr, "KMS is away, so nothing can be opened, and the statement can't be signed: %v\n", err)
		return v.watch(ctx, instance.Storing, operands, run)
	}
}

// kmsIsAway reports whether an installation can't be opened because of its key service.
func kmsIsAway(err error) bool {
	if u, ok := errors.AsType[*instance.Unusable](err); ok {
		return u.Part == "kms"
	}
	faults, ok := errors.AsType[config.Faults](err)
	if !faults.Passing() {
		return false
	}
	for _, f := range faults {
		if !strings.HasPrefix(f.Path, "kms.") {
			return false
		}
	}
	return ok && len(faults) > 0
}

// attest makes the statement and has it noted in the audit log.
func (v *invocation) attest(
	ctx context.Context, t tools.Target, o *attestFlags, walk tools.WalkOptions, p *instance.Instance,
	in *tools.Installation,
) error {
	c := p.Config
	in.WithoutKMS = p.ObjectsWithoutKMS()
	options := tools.AttestOptions{
		Walk: walk, Dir: o.out, Sample: o.sample, Full: o.full, Endpoint: p.Storage.Endpoint, Version: version(),
		StoreBucket: cmp.Or(o.storeBucket, c.Store.BucketPrefix+t.Bucket), Now: time.Now,
	}
	if c.Store.Kind == "embedded" {
		options.Endpoint = "embedded" // on a port of its own at each start
	}
	options.Host, _ = os.Hostname()
	if in.State == nil {
		in.Objects = in.WithoutKMS
	} else {
		options.Key = in.State.SigningKey(attestation.Purpose)
	}
	notes := c.Log.Audit.Enabled()
	var replica *calledReplica
	if notes {
		var err error
		if replica, err = v.findReplica(o.admin); err != nil {
			return err
		}
	}
	options.Audit = func(ctx context.Context) attestation.Audit { return auditHead(ctx, replica) }
	made, err := in.Attest(ctx, t, options)
	if made == nil {
		return err
	}
	for _, sentence := range made.Statement.Conclusions {
		fmt.Fprintln(v.stderr, sentence)
	}
	fmt.Fprintf(v.stderr, "%s: %s; its SHA-256 is %s\n", made.File, made.Statement.Verdict, made.SHA256)
	if walk.JSON {
		err = errors.Join(err, tools.WriteLine(v.stdout, map[string]string{
			"statement": made.File, "sha256": made.SHA256, "verdict": made.Statement.Verdict,
		}))
	}
	if notes && options.Key != nil {
		if noted := replica.call(ctx, "POST", attestationPath, made.Line, v.stderr); noted != nil {
			err = errors.Join(err, fmt.Errorf("the statement is not in the audit log: %w; when a replica runs, repeat it by "+
				"'sealfront attest record %s'", noted, made.File))
		}
	}
	return err
}
