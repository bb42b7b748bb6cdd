package command

import (
	"context"

	"sealfront/proxy/check"
	"sealfront/proxy/config"
)

func checkCommand() command {
	return command{
		name: "config check", summary: "report everything that is wrong with a configuration",
		synopsis: []string{"sealfront config check FILE", "sealfront config check --config FILE"},
		description: []string{
			"Reads FILE and tries what it names: certificates and keys, the data directory, the audit log's file, the store " +
				"with the probe of a start, the key service with its service key, and the state key with both. It changes " +
				"nothing but objects below probe- in the state bucket, which is made when it is missing. What takes long is said " +
				"meanwhile: 'waiting for …'.",
			"Every fault is a line on stderr: the setting's path, a colon, what was tried and why it failed. What deserves " +
				"attention but doesn't prevent a start is a line that begins with 'warning:'. Exit status 2 means that the " +
				"configuration, or a file that it names, must be changed. Status 1 means that all faults are elsewhere: a " +
				"service that doesn't answer, or a permission. serve ends with the same lines and the same status.",
		},
		operands: [2]int{0, 1},
		examples: []example{
			{"Before an upgrade, by the new program", "sealfront config check /etc/sealfront/sealfront.yaml"},
		},
		failure:     "what is wrong may pass, or be mended elsewhere, without a change of the configuration",
		files:       []entry{configFile},
		environment: []entry{awsChain},
		seals:       true, prepare: prepareConfigCheck,
	}
}

func prepareConfigCheck(v *invocation) action {
	file := v.String("config", "", "configuration `FILE`, as without the flag")
	return func(ctx context.Context, operands []string) error {
		if err := named(file, operands); err != nil {
			return err
		}
		if *file == "" {
			return usagef("config check needs the configuration to check\n%s", v.command.usage())
		}
		c, err := config.Load(*file)
		if err != nil {
			return configError(err)
		}
		return check.Run(ctx, c, v.stderr)
	}
}
