package command

import (
	"context"
	"errors"
	"fmt"

	"sealfront/proxy/instance"
	"sealfront/proxy/tools"
)

func inspectCommand() command {
	return command{
		name: "inspect", summary: "show an object's envelope and layout, and whether it verifies",
		synopsis: []string{"sealfront inspect s3://BUCKET/KEY [" + toolWhere + "]"},
		description: []string{
			"Writes an object's envelope (no secrets), layout, sizes, what opens it and whether it verifies to stdout, " +
				"in JSON. " +
				toolConnects,
		},
		operands:    [2]int{1, 1},
		examples:    []example{{"One object", "sealfront inspect s3://reports/2026/q3.csv --config sealfront.yaml"}},
		failure:     "the object doesn't verify, or can't be read",
		files:       []entry{configFile, embeddedData},
		environment: []entry{awsChain},
		seals:       true, prepare: prepareInspect,
	}
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
		return v.with(ctx, instance.Reading, func(_ *instance.Instance, in *tools.Installation) error {
			found, err := in.Inspect(ctx, t)
			if err != nil && !errors.Is(err, tools.ErrFound) {
				return fmt.Errorf("inspect %s: %w", t.URI(), err)
			}
			return errors.Join(err, writeJSON(v.stdout, found))
		})
	}
}
