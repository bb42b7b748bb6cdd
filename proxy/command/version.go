package command

import "context"

func versionCommand() command {
	return command{
		name: "version", summary: "show which build this is",
		synopsis: []string{"sealfront version"},
		description: []string{
			"Writes version, revision and its date, Go, platform and build tags to stdout. A version of 'development' was " +
				"built from a changed or unknown tree. 'sealfront -v' is the same.",
		},
		examples: []example{{"For a report", "sealfront version"}},
		prepare:  prepareVersion,
	}
}

func prepareVersion(v *invocation) action {
	return func(context.Context, []string) error { return thisBuild().write(v.stdout) }
}
