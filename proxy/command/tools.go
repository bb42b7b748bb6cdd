package command

import (
	"context"
	"errors"
	"os"

	"sealfront/proxy/instance"
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

// with opens the installation's proxy as far as a tool needs it, and runs the tool on it.
func (v *invocation) with(
	ctx context.Context, need instance.Need, tool func(*instance.Instance, *tools.Installation) error,
) error {
	c, err := v.at.load()
	if err != nil {
		return err
	}
	p, err := instance.Open(ctx, c, need, v.instanceOptions(nil))
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }() // what the tool did is done, whatever the embedded store says at its end
	return toolError(tool(p, &tools.Installation{
		Objects: p.Objects(), FactsOf: p.FactsOf, State: p.State, Store: p.Storage.Client,
		StateBucket: c.Store.StateBucket, Abilities: p.Storage.Abilities, MetadataHeader: c.Store.MetadataHeader,
		ServiceKey: p.KMS.ServiceKey,
	}))
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
