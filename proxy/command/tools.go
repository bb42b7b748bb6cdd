package command

import (
	"context"
	"errors"
	"path/filepath"

	"sealfront/proxy/check"
	"sealfront/proxy/instance"
	"sealfront/proxy/tools"
)

// walkSynopsis are the flags of walkFlags, as a synopsis shows them.
const walkSynopsis = "[--concurrency N] [--rate N] [--resume FILE] [--shard I/N] [--progress MODE] " +
	"[--metrics-file FILE] [--no-total]"

// loadSynopsis are those of loadFlags.
const loadSynopsis = "[--concurrency N] [--rate N] [--json] [--progress MODE] [--metrics-file FILE] [--no-total]"

// shownFlags say how the progress of a tool is shown.
type shownFlags struct {
	mode        string // auto, line, log or none
	metricsFile string
	noTotal     bool
}

// walkFlags are those of a tool that goes over many objects, in a walk that can be resumed and shared.
func (v *invocation) walkFlags() *tools.WalkOptions {
	o := v.loadFlags()
	v.StringVar(&o.Resume, "resume", "", "`FILE` that records the tool's progress; a second run with it continues there")
	v.Func("shard", "`I/N`: only the keys of shard I, from 1 on, of N. A key belongs to one of them by its hash: N "+
		"machines that run one each share the bucket", func(text string) (err error) {
		o.Shard, err = tools.ParseShard(text)
		return err
	})
	return o
}

// loadFlags say how fast a tool goes over many objects, and how it reports.
func (v *invocation) loadFlags() *tools.WalkOptions {
	o := &v.walk
	o.Out = v.stdout
	v.IntVar(&o.Concurrency, "concurrency", 8, "`N` objects at the same time")
	v.Float64Var(&o.Rate, "rate", 0, "`N` objects begun a second at most; default no limit")
	v.BoolVar(&o.JSON, "json", false, "report in JSON, a document a line")
	v.StringVar(&v.shown.mode, "progress", "auto", "`MODE`: line, drawn again on the terminal; log, a line of JSON a "+
		"minute on stderr; none; auto, a line where stderr is a terminal and otherwise log")
	v.StringVar(&v.shown.metricsFile, "metrics-file", "", "`FILE` that gets the progress as Prometheus metrics, for "+
		"node_exporter's textfile collector; replaced in one step")
	v.BoolVar(&v.shown.noTotal, "no-total", false, "don't count the keys ahead, by a listing of its own, for the total "+
		"and the time that is left")
	return o
}

// checkWalk checks the values of walkFlags.
func (v *invocation) checkWalk() (err error) {
	if v.walk.Concurrency < 0 || v.walk.Rate < 0 {
		return usagef("--concurrency and --rate must not be negative")
	}
	switch v.shown.mode {
	case "", "auto", "line", "log", "none":
	default:
		return usagef("--progress must be auto, line, log or none, not %q", v.shown.mode)
	}
	if v.shown.noTotal {
		v.walk.TotalAfter = -1
	}
	for _, file := range []*string{&v.walk.Resume, &v.shown.metricsFile} {
		if *file != "" { // the embedded store changes the working directory
			if *file, err = filepath.Abs(*file); err != nil {
				return err
			}
		}
	}
	return nil
}

// watch runs a tool that goes over the objects of targets, on the installation's proxy, and shows its progress.
func (v *invocation) watch(
	ctx context.Context, need instance.Need, targets []string, tool func(*instance.Instance, *tools.Installation) error,
) error {
	p, err := v.newProgress(targets)
	if err != nil {
		return err
	}
	v.walk.Watch = p
	unwritable := p.writeMetrics(p.began)
	return p.end(v.with(ctx, need, func(opened *instance.Instance, in *tools.Installation) error {
		if unwritable != nil { // known before the work, not after it
			return unwritable
		}
		return tool(opened, in)
	}))
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
		return check.Explain(ctx, c, err)
	}
	defer func() { _ = p.Close() }() // the tool's work is done, even if the embedded store fails to close
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
