package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sealfront/sigv4"
)

// A keyTrial is what `bench keys` measures: how long data keys take of `sealfront kms`, compared with another key
// service.
type keyTrial struct {
	other, otherEndpoint, otherKey string
	environment                    func(string) string
	rate                           float64
	connections, rounds            int
	duration, warmUp               time.Duration
	progress                       *progress

	targets []*keyTarget
	found   [][]*keyFigures // by target, a round each
}

func parseKeyTrial(args []string, env func(string) string, out io.Writer) (*keyTrial, error) {
	v := &keyTrial{progress: newProgress(out), environment: env}
	f := flag.NewFlagSet("bench keys", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&v.other, "other", "",
		"another build of the program: its embedded key service is measured, as started without a configuration")
	f.StringVar(&v.otherEndpoint, "other-endpoint", "",
		"or a key service that runs, with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION")
	f.StringVar(&v.otherKey, "other-key", "", "a KMS key of -other-endpoint")
	f.Float64Var(&v.rate, "rate", 1000, "requests a second, due whether or not earlier ones have ended")
	f.IntVar(&v.connections, "connections", 16, "of the load")
	f.IntVar(&v.rounds, "rounds", 9, "at each, in turns")
	f.DurationVar(&v.duration, "time", 5*time.Second, "of a round")
	f.DurationVar(&v.warmUp, "warm-up", time.Second, "before each")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, usageError{err}
	}
	switch {
	case f.NArg() > 0 || v.connections <= 0 || v.rate <= 0 || v.rounds <= 0 || v.duration <= 0 || v.warmUp < 0:
		return nil, usagef("keys takes no arguments, and what its flags say must be positive")
	case v.other != "" && v.otherEndpoint != "":
		return nil, usagef("-other and -other-endpoint exclude each other")
	case (v.otherEndpoint == "") != (v.otherKey == ""):
		return nil, usagef("-other-endpoint and -other-key belong together")
	}
	return v, nil
}

// run measures all in turns. Its error names what failed: a request, or a rate that couldn't be had.
func (v *keyTrial) run(ctx context.Context, command string, out io.Writer) error {
	l, err := newLab("", v.progress.say)
	if err != nil {
		return err
	}
	defer l.close()
	v.progress.step("starting")
	if err := v.start(ctx, l); err != nil {
		return err
	}
	o := newOutcome(ctx, command)
	v.found = make([][]*keyFigures, len(v.targets))
	for round := range v.rounds {
		for i := range v.targets {
			at := (i + round) % len(v.targets) // each is first as often
			t := v.targets[at]
			v.progress.step("round %d/%d %s", round+1, v.rounds, t.name)
			if w := t.load(ctx, v.rate, v.connections, v.warmUp); w.first != nil {
				return fmt.Errorf("%s: %w", t.name, w.first)
			}
			f := t.load(ctx, v.rate, v.connections, v.duration)
			if err := ctx.Err(); err != nil {
				return err
			}
			v.found[at] = append(v.found[at], f)
			v.progress.say("%s: %s/s, p50 %s ms, p99 %s ms, %d errors", t.name, figure(f.rate()),
				milliseconds(f.quantile(0.5)), milliseconds(f.quantile(0.99)), f.errors)
		}
	}
	v.progress.end()
	_, err = io.WriteString(out, v.report(o))
	return errors.Join(v.fault(), err)
}

// start starts `sealfront kms` with records in a folder and a root key file, and what it is compared with.
func (v *keyTrial) start(ctx context.Context, l *lab) error {
	program, err := l.build(ctx, "sealfront/proxy")
	if err != nil {
		return err
	}
	client := &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: v.connections},
	}
	root, file := filepath.Join(l.dir, "root.key"), filepath.Join(l.dir, "kms.yaml")
	if out, err := exec.CommandContext(ctx, program, "kms", "root", root).CombinedOutput(); err != nil {
		return fmt.Errorf("make a root key: %w\n%s", err, out)
	}
	text := fmt.Sprintf(`listen: {https: "", http: "127.0.0.1:0"}
region: %s
records: {dir: %q}
root: main
roots: [{name: main, kind: file, file: %q}]
identities:
  - {name: bench, access_key: %q, secret_key: %q, policy: [{effect: Allow, action: "kms:*", resource: "*"}]}
log: {level: warn}
`, proxyRegion, filepath.Join(l.dir, "records"), root, l.access, l.secret)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	said := map[string]string{}
	p, err := l.start(ctx, "kms", "", exports(said), nil, program, "kms", "--config", file)
	if err != nil {
		return err
	}
	t := &keyTarget{
		name: "sealfront kms", endpoint: said["SEALFRONT_KMS_ENDPOINT"], region: proxyRegion, client: client,
		credentials: sigv4.Credentials{AccessKeyID: l.access, SecretAccessKey: l.secret}, processes: []int{p.Process.Pid},
	}
	made, err := t.call(ctx, "CreateKey", map[string]any{})
	if err != nil {
		return err
	}
	metadata, _ := made["KeyMetadata"].(map[string]any)
	t.key, _ = metadata["Arn"].(string)
	v.targets = append(v.targets, t)
	switch {
	case v.other != "":
		return v.startOther(ctx, l, client)
	case v.otherEndpoint != "":
		v.targets = append(v.targets, &keyTarget{
			name: "other", endpoint: strings.TrimRight(v.otherEndpoint, "/"), key: v.otherKey, client: client,
			region: cmp.Or(v.environment("AWS_REGION"), proxyRegion),
			credentials: sigv4.Credentials{
				AccessKeyID: v.environment("AWS_ACCESS_KEY_ID"), SecretAccessKey: v.environment("AWS_SECRET_ACCESS_KEY"),
				SessionToken: v.environment("AWS_SESSION_TOKEN"),
			},
		})
	}
	return nil
}

func (v *keyTrial) startOther(ctx context.Context, l *lab, client *http.Client) error {
	program, err := filepath.Abs(v.other)
	if err != nil {
		return err
	}
	said := map[string]string{}
	p, err := l.start(ctx, "other", "", exports(said), nil, program, "--data", filepath.Join(l.dir, "other"), "--listen",
		"127.0.0.1:0", "--admin", "127.0.0.1:0")
	if err != nil {
		return err
	}
	v.targets = append(v.targets, &keyTarget{
		name: "other, embedded", endpoint: said["SEALFRONT_KMS_ENDPOINT"], key: said["SEALFRONT_KMS_KEY"],
		region: said["AWS_REGION"], client: client, processes: []int{p.Process.Pid},
		credentials: sigv4.Credentials{
			AccessKeyID: said["AWS_ACCESS_KEY_ID"], SecretAccessKey: said["AWS_SECRET_ACCESS_KEY"],
		},
	})
	return nil
}

func (v *keyTrial) report(o *outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- Machine: %s\n- Go: %s, commit: %s, %s UTC\n- Command: `%s`\n", o.Machine, o.Go, o.Commit,
		o.Date, o.Command)
	fmt.Fprintf(&b,
		"\nGenerateDataKey, %s a second on %d connections; ms, from when a request was due; medians of %d rounds "+
			"of %s in turns:\n\n| key service | requests/s | p50 | p99 | p99.9 | CPU µs/request | errors |\n"+
			"|---|--:|--:|--:|--:|--:|--:|\n", figure(v.rate), v.connections, v.rounds, v.duration)
	for i, t := range v.targets {
		of := func(get func(*keyFigures) float64) float64 {
			var all []float64
			for _, f := range v.found[i] {
				all = append(all, get(f))
			}
			return median(all)
		}
		errs := 0
		for _, f := range v.found[i] {
			errs += f.errors
		}
		quantile := func(q float64) string {
			return milliseconds(of(func(f *keyFigures) float64 { return f.quantile(q) }))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %d |\n", t.name, figure(of((*keyFigures).rate)), quantile(0.5),
			quantile(0.99), quantile(0.999), known(of((*keyFigures).cpuEach), "%.0f"), errs)
	}
	if len(v.targets) < 2 {
		return b.String()
	}
	fmt.Fprintf(&b, "\n%s divided by %s, round by round:\n\n| figure | median | least–most |\n|---|--:|--:|\n",
		v.targets[0].name, v.targets[1].name)
	for _, row := range []struct {
		name string
		get  func(*keyFigures) float64
	}{
		{"p50", func(f *keyFigures) float64 { return f.quantile(0.5) }},
		{"p99", func(f *keyFigures) float64 { return f.quantile(0.99) }},
		{"CPU", (*keyFigures).cpuEach},
	} {
		var ratios []float64
		for round, f := range v.found[0] {
			if with := row.get(v.found[1][round]); with > 0 {
				ratios = append(ratios, row.get(f)/with)
			}
		}
		if len(ratios) > 0 {
			fmt.Fprintf(&b, "| %s | %.2f | %.2f–%.2f |\n", row.name, median(ratios), slices.Min(ratios), slices.Max(ratios))
		}
	}
	return b.String()
}

// leastRate is the part of the rate that must have been had, as the median of the rounds.
const leastRate = 0.97

// fault says what `sealfront kms` didn't do.
func (v *keyTrial) fault() error {
	var rates []float64
	for _, f := range v.found[0] {
		if f.first != nil {
			return fmt.Errorf("%s: %w", v.targets[0].name, f.first)
		}
		rates = append(rates, f.rate())
	}
	if got := median(rates); got < v.rate*leastRate {
		return fmt.Errorf("%s made %s data keys a second of %s", v.targets[0].name, figure(got), figure(v.rate))
	}
	return nil
}
