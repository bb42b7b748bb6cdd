package command

import (
	"context"

	"sealfront/proxy/config"
)

func schemaCommand() command {
	return command{
		name: "config schema", summary: "write the JSON schema of a configuration, for editors",
		synopsis: []string{"sealfront config schema"},
		description: []string{
			"Writes a JSON schema with the description and the default of every setting to stdout. In VS Code's YAML " +
				"extension, '# yaml-language-server: $schema=sealfront.schema.json' as the first line of a configuration refers " +
				"to it.",
		},
		examples: []example{{"For an editor", "sealfront config schema > sealfront.schema.json"}},
		prepare:  prepareConfigSchema,
	}
}

func kmsSchemaCommand() command {
	return command{
		name: "kms config schema", summary: "write the JSON schema of a key service's configuration, for editors",
		synopsis:    []string{"sealfront kms config schema"},
		description: []string{"Is 'config schema' for the configuration of 'sealfront kms'."},
		examples:    []example{{"For an editor", "sealfront kms config schema > sealfront-kms.schema.json"}},
		prepare: func(v *invocation) action {
			return func(context.Context, []string) error { return writeJSON(v.stdout, config.KeyServiceSchema()) }
		},
	}
}

func prepareConfigSchema(v *invocation) action {
	return func(context.Context, []string) error { return writeJSON(v.stdout, config.Schema()) }
}
