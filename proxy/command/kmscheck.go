package command

import (
	"context"
	"fmt"

	"sealfront/crypto/keyroot/file"
	"sealfront/proxy/config"
	"sealfront/proxy/keyserver"
)

func kmsCheckCommand() command {
	return command{
		name: "kms config check", summary: "report everything that is wrong with a key service's configuration",
		synopsis: []string{"sealfront kms config check FILE", "sealfront kms config check --config FILE"},
		description: []string{
			"Reads FILE and tries what it names: the certificate, every root, and the records with the conditions of their " +
				"store. It changes nothing but an object below probe- in the bucket, which is made when it is missing. Every " +
				"fault is a line on stderr: the setting's path, a colon, and why. Exit status 2 means that the configuration, or " +
				"a file that it names, must be changed; status 1 that all faults are elsewhere.",
		},
		operands: [2]int{0, 1},
		examples: []example{{"Before a start", "sealfront kms config check /etc/sealfront/kms.yaml"}},
		failure:  "what is wrong may pass, or be mended elsewhere, without a change of the configuration",
		files:    []entry{keyConfigFile}, environment: []entry{awsChain}, seals: true, prepare: prepareKMSCheck,
	}
}

func prepareKMSCheck(v *invocation) action {
	file := v.String("config", "", "configuration `FILE`, as without the flag")
	return func(ctx context.Context, operands []string) error {
		if err := named(file, operands); err != nil {
			return err
		}
		if *file == "" {
			return usagef("kms config check needs the configuration to check\n%s", v.command.usage())
		}
		c, err := config.LoadKeyService(*file)
		if err != nil {
			return configError(err)
		}
		return keyserver.Check(ctx, c)
	}
}

func kmsRootCommand() command {
	return command{
		name: "kms root", summary: "make a root key file for a key service",
		synopsis: []string{"sealfront kms root FILE"},
		description: []string{
			"Makes FILE with a new root key, mode 0600; one that is there is left as it is. WHOEVER HAS FILE AND THE RECORDS " +
				"HAS ALL KEYS, AND WITHOUT FILE NOBODY HAS THEM: keep a copy elsewhere, and not with the records. A " +
				"key service never " +
				"makes it by itself, since a new root over existing records would open none of them.",
		},
		operands: [2]int{1, 1},
		examples: []example{{"For a first start", "sealfront kms root /etc/sealfront/root.key"}},
		prepare:  prepareKMSRoot,
	}
}

func prepareKMSRoot(v *invocation) action {
	return func(_ context.Context, operands []string) error {
		if err := file.Create(operands[0]); err != nil {
			return err
		}
		fmt.Fprintf(v.stderr, "made %s: keep a copy of it elsewhere before the first key is made\n", operands[0])
		return nil
	}
}
