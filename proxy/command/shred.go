package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sealfront/proxy/instance"
	"sealfront/proxy/state"
	"sealfront/proxy/tools"
)

func shredCommand() command {
	return command{
		name: "shred", summary: "end a KMS key at all replicas, with a signed receipt",
		synopsis: []string{
			"sealfront shred --kms-key ARN --receipts FILE --signing-key FILE [--schedule DAYS] [--wait TIME] [--examples N] " +
				"[--concurrency N] [" + toolWhere + "]",
			"sealfront shred --kms-key ARN --dry-run [--concurrency N] [" + toolWhere + "]",
		},
		description: []string{
			"Counts what depends on the key in all buckets, disables the key in KMS or schedules its deletion, has every " +
				"replica drop what it holds under it, waits until each has said that it did, and tries to open some of the " +
				"objects. A receipt of all that is appended to a file: which replicas confirmed and when, which did not, which " +
				"reads failed by which answer of KMS, how many objects and bytes of which buckets depended on the key, and what " +
				"could not be shown. A replica that is cut off is named and never assumed to have heard.",
			"An installation of one program (--data, store.kind embedded, store.single_writer) has no record of it: no " +
				"receipt can show that it has dropped the key, the receipt says so, and the exit status is 1. Stop the program, " +
				"or POST /keys/drop at its admin address.",
			"Receipts are signed with the signing key, which is made if its file is missing, with the public key in FILE.pub; " +
				"and each has the hash of the one before it. crypto/testdata/check_receipts.py checks both.",
			"A disabled key can be enabled again, and a scheduled deletion cancelled, until its day. The service key isn't " +
				"shredded: everything depends on it.",
			toolConnects,
		},
		examples: []example{
			{
				"What depends on a key",
				"sealfront shred --dry-run --kms-key " +
					"arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab --config sealfront.yaml",
			},
			{
				"Its deletion in thirty days, with a receipt",
				"sealfront shred --schedule 30 --receipts receipts.jsonl --signing-key receipts.pem --kms-key " +
					"arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab --config sealfront.yaml",
			},
		},
		failure: "a replica has not confirmed, a read didn't fail by KMS's answer, or the command failed; the receipt says " +
			"which, if the key was ended",
		files: []entry{
			configFile, embeddedData,
			{"--receipts", "a receipt a line, appended to"},
			{"--signing-key", "of the receipts, Ed25519 in PEM"},
		},
		environment: []entry{awsChain},
		seals:       true, prepare: prepareShred,
	}
}

// shredOptions are shred's flags.
type shredOptions struct {
	kmsKey, receipts, signingKey string
	days, examples               int
	wait                         time.Duration
	dryRun                       bool
	walk                         tools.WalkOptions
}

func prepareShred(v *invocation) action {
	v.at.register(v.FlagSet)
	var o shredOptions
	v.StringVar(&o.kmsKey, "kms-key", "", "`ARN` of the KMS key to end")
	v.StringVar(&o.receipts, "receipts", "", "`FILE` that the receipt is appended to")
	v.StringVar(&o.signingKey, "signing-key", "", "`FILE` with the key that signs; made if it is missing")
	v.IntVar(&o.days, "schedule", 0, "schedule the key's deletion in so many `DAYS`, 7 to 30; default it is only disabled")
	v.DurationVar(&o.wait, "wait", 2*time.Minute, "`TIME` to wait for the replicas, which speak every 30 s at least")
	v.IntVar(&o.examples, "examples", 3, "so many objects, `N`, of each bucket are tried to be read")
	v.BoolVar(&o.dryRun, "dry-run", false, "only count what depends on the key")
	v.IntVar(&o.walk.Concurrency, "concurrency", 8, "`N` objects looked at at the same time")
	return func(ctx context.Context, _ []string) (err error) {
		switch {
		case !strings.HasPrefix(o.kmsKey, "arn:") || !strings.Contains(o.kmsKey, ":key/"):
			return usagef("--kms-key must be the ARN of a key, arn:aws:kms:…:key/…, not %q", o.kmsKey)
		case !o.dryRun && (o.receipts == "" || o.signingKey == ""):
			return usagef("--receipts and --signing-key are needed, or --dry-run")
		case o.days != 0 && (o.days < 7 || o.days > 30):
			return usagef("--schedule must be 7 to 30 days, not %d", o.days)
		case o.wait < 0 || o.examples < 0 || o.walk.Concurrency < 0:
			return usagef("--wait, --examples and --concurrency must not be negative")
		}
		for _, file := range []*string{&o.receipts, &o.signingKey} {
			if *file != "" { // the embedded store changes the working directory
				if *file, err = filepath.Abs(*file); err != nil {
					return err
				}
			}
		}
		return v.with(ctx, instance.Reading, func(p *instance.Instance, in *tools.Installation) error {
			return v.shred(ctx, &o, p, in)
		})
	}
}

// shred ends a KMS key. From the moment that KMS has ended it, a receipt is written whatever fails.
func (v *invocation) shred(ctx context.Context, o *shredOptions, p *instance.Instance, in *tools.Installation) error {
	if o.kmsKey == in.ServiceKey {
		return usagef("%s is the service key: SSE-S3 objects, sessions and all records of this installation depend on it",
			o.kmsKey)
	}
	r := &tools.Receipt{
		KMSKey: o.kmsKey, Began: time.Now().UTC(), Version: version(), Replicas: []tools.ConfirmedReplica{},
		Reads: []tools.TriedRead{}, Unproven: []string{},
	}
	r.Host, _ = os.Hostname()
	found, keyState, _, _, _, err := p.KMS.Client.DescribeKey(ctx, o.kmsKey)
	if err != nil {
		return fmt.Errorf("describe the KMS key: %w", err)
	}
	if found != o.kmsKey {
		return usagef("KMS says that the key's ARN is %s", found)
	}
	if r.Dependents, err = in.Dependents(ctx, o.kmsKey, o.examples, o.walk); err != nil {
		return err
	}
	if o.dryRun {
		return writeJSON(v.stdout, map[string]any{"kmsKey": o.kmsKey, "state": keyState, "dependents": r.Dependents})
	}
	ledger, err := tools.OpenLedger(o.receipts, o.signingKey)
	if err != nil {
		return err
	}
	s := &shredding{options: o, receipt: r, state: in.State, roll: state.NewRoll(in.State)}
	if err := s.findReplicas(ctx); err != nil {
		return fmt.Errorf("find the replicas: %w", err)
	}
	if err := s.endKey(ctx, p.KMS.Client, keyState); err != nil {
		return fmt.Errorf("end the key in KMS: %w; nothing was changed", err)
	}
	failed := s.confirm(ctx)
	for _, d := range r.Dependents {
		for _, key := range d.Examples {
			r.Reads = append(r.Reads, in.TryRead(ctx, tools.Target{Bucket: d.Bucket, Key: key}))
		}
	}
	s.conclude(failed)
	r.Ended = time.Now().UTC()
	if err := ledger.Append(r); err != nil {
		return errors.Join(failed, fmt.Errorf("the key was ended, but %w", err), writeJSON(v.stdout, r))
	}
	return errors.Join(failed, s.incomplete(), writeJSON(v.stdout, r))
}

// incomplete is nil if the receipt shows all that it was to show.
func (s *shredding) incomplete() error {
	var missing []string
	for _, replica := range s.receipt.Replicas {
		if !replica.Confirmed {
			missing = append(missing, fmt.Sprintf("replica %s on %s has not confirmed: %s", replica.ID, replica.Host,
				replica.Why))
		}
	}
	if s.state.Alone() {
		missing = append(missing, aloneText)
	}
	for _, read := range s.receipt.Reads {
		if !read.Failed {
			missing = append(missing, fmt.Sprintf("a read of %s: %s", read.URI, read.Answer))
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("the key was ended and the receipt written, but: %s", strings.Join(missing, "; "))
}
