package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"sealfront/crypto/durable"
	"sealfront/crypto/keyservice"
	"sealfront/proxy/config"
	"sealfront/proxy/keyserver"
)

const keysMayServe = "Key services may serve the same records meanwhile."

func kmsVerifyCommand() command {
	return command{
		name: "kms verify", summary: "open every record of a key service",
		synopsis: []string{"sealfront kms verify --config FILE [--backup BACKUP]"},
		description: []string{
			"Opens every record with its root, and writes a line for each that is damaged: its name and why. " + keysMayServe,
			"A store can bring back an old state of a record, which opens. With --backup, records that are older than in the " +
				"backup, or missing, are found, too: keep backups where the store's operator can't write.",
		},
		examples: []example{{"Daily", "sealfront kms verify --config kms.yaml --backup /backup/keys.latest"}},
		failure:  "a record is damaged, or could not be opened", files: []entry{keyConfigFile},
		environment: []entry{awsChain}, seals: true,
		prepare: func(v *invocation) action {
			file, saved := v.keyConfig(), v.String("backup", "", "`BACKUP` to compare with")
			return v.withKeeper(file, true, func(ctx context.Context, k *keyservice.Keeper) error {
				var backup *keyservice.Backup
				if *saved != "" {
					var err error
					if backup, err = readBackup(*saved); err != nil {
						return err
					}
				}
				t, err := k.Verify(ctx, backup, v.sayFinding)
				if err != nil {
					return err
				}
				fmt.Fprintf(v.stdout, "%d keys, %d aliases, %d deleted; %d records are damaged\n", t.Keys, t.Aliases, t.Deleted,
					t.Bad)
				for _, root := range slices.Sorted(maps.Keys(t.Roots)) {
					fmt.Fprintf(v.stdout, "%d records need the root %s\n", t.Roots[root], root)
				}
				if t.Bad > 0 {
					return fmt.Errorf("%d records are damaged", t.Bad)
				}
				return nil
			})
		},
	}
}

func kmsBackupCommand() command {
	return command{
		name: "kms backup", summary: "copy all records of a key service",
		synopsis: []string{"sealfront kms backup --config FILE BACKUP"},
		description: []string{
			"Writes all records to BACKUP, sealed as they are: it is of no use without the roots, which need copies of their " +
				"own, elsewhere. BACKUP must not exist, and is there whole or not at all. " + keysMayServe,
		},
		operands: [2]int{1, 1},
		examples: []example{{"Daily", "sealfront kms backup --config kms.yaml /backup/keys.2026-11-30"}},
		files:    []entry{keyConfigFile}, environment: []entry{awsChain}, seals: true,
		prepare: func(v *invocation) action {
			file := v.keyConfig()
			return func(ctx context.Context, operands []string) error {
				return v.withKeeper(file, false, func(ctx context.Context, k *keyservice.Keeper) error {
					n, err := writeBackup(ctx, k, operands[0])
					if err == nil {
						fmt.Fprintf(v.stdout, "%d records\n", n)
					}
					return err
				})(ctx, operands)
			}
		},
	}
}

func kmsRestoreCommand() command {
	return command{
		name: "kms restore", summary: "write back the records of a backup that are missing",
		synopsis: []string{"sealfront kms restore --config FILE [--replace] BACKUP"},
		description: []string{
			"Writes the records of BACKUP that are missing. One that is there in another state is reported and left, unless " +
				"--replace is given: that takes back every change made since, so that a key that was disabled may be enabled. " +
				"Services refuse a record that is older than one that they have seen: start them again afterwards. A repeated " +
				"run goes on.",
		},
		operands: [2]int{1, 1},
		examples: []example{{"After a bucket was lost", "sealfront kms restore --config kms.yaml /backup/keys.2026-11-30"}},
		failure:  "records were left, or could not be written", files: []entry{keyConfigFile}, environment: []entry{awsChain},
		seals: true,
		prepare: func(v *invocation) action {
			file, replace := v.keyConfig(), v.Bool("replace", false, "replace records that are there in another state")
			return func(ctx context.Context, operands []string) error {
				return v.withKeeper(file, false, func(ctx context.Context, k *keyservice.Keeper) error {
					backup, err := readBackup(operands[0])
					if err != nil {
						return err
					}
					n, left, err := k.Restore(ctx, backup, *replace, v.sayFinding)
					fmt.Fprintf(v.stdout, "%d records restored\n", n)
					if err == nil && left > 0 {
						err = fmt.Errorf("%d records are there in another state: compare them, or replace them by --replace", left)
					}
					return err
				})(ctx, operands)
			}
		},
	}
}

func kmsRerootCommand() command {
	return command{
		name: "kms reroot", summary: "move all records of a key service to another root",
		synopsis: []string{"sealfront kms reroot --config FILE"},
		description: []string{
			"Wraps every record anew under the root that the setting root names, and seals it under a new record key. Both " +
				"roots must be in the configuration of every replica first, and the replicas running with it. An interrupted run " +
				"goes on when it is repeated. " + keysMayServe + " Afterwards 'kms verify' says which roots are still needed.",
			"The keys themselves stay: copies of the records under the old root, such as backups, still open with it.",
		},
		examples: []example{{"From a file to an HSM", "sealfront kms reroot --config kms.yaml"}},
		files:    []entry{keyConfigFile}, environment: []entry{awsChain}, seals: true,
		prepare: func(v *invocation) action {
			file := v.keyConfig()
			return v.withKeeper(file, true, func(ctx context.Context, k *keyservice.Keeper) error {
				t, err := k.Reroot(ctx, func(keyservice.Tally) {})
				if t != nil {
					fmt.Fprintf(v.stdout, "%d records moved\n", t.Moved)
				}
				return err
			})
		},
	}
}

func (v *invocation) keyConfig() *string {
	return v.String("config", "", "configuration `FILE` of the key service; required")
}

// withKeeper makes an action that works on the records of a configuration.
func (v *invocation) withKeeper(
	file *string, roots bool, do func(context.Context, *keyservice.Keeper) error,
) action {
	return func(ctx context.Context, _ []string) (err error) {
		if *file == "" {
			return usagef("%s needs --config FILE\n%s", v.command.name, v.command.usage())
		}
		c, err := config.LoadKeyService(*file)
		if err != nil {
			return configError(err)
		}
		k, end, err := keyserver.OpenKeeper(ctx, c, roots)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
		return do(ctx, k)
	}
}

func (v *invocation) sayFinding(f keyservice.Finding) {
	fmt.Fprintf(v.stdout, "%s %s\n", f.Record, f.What)
}

func readBackup(name string) (*keyservice.Backup, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := keyservice.ReadBackup(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

func writeBackup(ctx context.Context, k *keyservice.Keeper, name string) (records int, err error) {
	err = durable.Create(name, func(w io.Writer) (err error) {
		records, err = k.Backup(ctx, w)
		return err
	})
	return records, err
}
