package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A vigil is what `bench refresh` measures: whether requests wait while bucket keys are fetched again from a slow key
// service.
type vigil struct {
	settings
	connections                int
	rate                       float64
	latency, lifetime, sealFor time.Duration
	rounds                     int
	progress                   *progress

	watched []*watchedReplica // in the order of the table
}

// A watchedReplica is a replica with a relay of its own in front of the key service.
type watchedReplica struct {
	name   string
	target *target
	relay  *relay
}

const (
	refreshed = "refreshed"
	calm      = "default"
)

func parseVigil(args []string, out io.Writer) (*vigil, error) {
	v := &vigil{progress: newProgress(out)}
	v.verify, v.spans = 16, true
	f := flag.NewFlagSet("bench refresh", flag.ContinueOnError)
	f.SetOutput(out)
	f.IntVar(&v.connections, "connections", 8, "of the load")
	f.Float64Var(&v.rate, "rate", 1000, "requests a second, due whether or not earlier ones have ended")
	f.DurationVar(&v.latency, "kms-latency", 200*time.Millisecond, "by which every answer of the key service is late")
	f.DurationVar(&v.lifetime, "lifetime", 2500*time.Millisecond,
		"kms.bucket_key.lifetime of one replica: its keys are fetched again after four fifths of it; the other has "+
			"the default")
	f.DurationVar(&v.sealFor, "seal-for", 5*time.Second,
		"kms.bucket_key.seal_for of that replica: it makes a new key a fifth ahead of its end")
	f.IntVar(&v.rounds, "rounds", 5, "of each operation at each replica, interleaved")
	f.DurationVar(&v.duration, "time", 10*time.Second, "of an operation in a round")
	f.DurationVar(&v.warmUp, "warm-up", time.Second, "before each, in which what has expired meanwhile is fetched")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, usageError{err}
	}
	if f.NArg() > 0 || v.connections <= 0 || v.rate <= 0 || v.latency < 0 || v.lifetime <= 0 || v.sealFor <= 0 ||
		v.rounds <= 0 || v.duration <= 0 || v.warmUp < 0 {
		return nil, usagef("refresh takes no arguments, and what its flags say must be positive")
	}
	return v, nil
}

// run measures both replicas in turns. Its error names what failed.
func (v *vigil) run(ctx context.Context, command string, out io.Writer) error {
	l, err := newLab("", v.progress.say)
	if err != nil {
		return err
	}
	defer l.close()
	v.progress.step("starting")
	defer func() {
		for _, w := range v.watched {
			w.relay.close()
		}
	}()
	if err := v.start(ctx, l); err != nil {
		return err
	}
	o := newOutcome(ctx, command)
	body := newContent(smallObject)
	var watches []*watch
	for _, operation := range []string{opPut, opGet} {
		c := &cell{
			Operation: operation, Size: body.size, Concurrency: v.connections, Payload: modeUnsigned, Rate: v.rate,
		}
		pair := []*watch{{cell: c, name: v.watched[0].name}, {cell: c, name: v.watched[1].name}}
		for round := range v.rounds {
			for i := range pair {
				at := (i + round) % 2
				w := v.watched[at]
				v.progress.step("round %d/%d %s, bucket keys %s", round+1, v.rounds, c, w.name)
				r, err := v.measure(ctx, w.target, c, body)
				if err != nil {
					return fmt.Errorf("%s, bucket keys %s: %w", c, w.name, err)
				}
				if !r.Measured {
					return fmt.Errorf("the metrics of the replica with bucket keys %s can't be read", w.name)
				}
				pair[at].add(r, w.relay.during(r.during), v.latency)
				v.progress.say("%s, bucket keys %s: %s", c, w.name, r.brief())
			}
		}
		watches = append(watches, pair...)
	}
	v.progress.end()
	_, err = io.WriteString(out, v.report(o, watches))
	return errors.Join(v.faults(watches), err)
}

// start starts one installation of two replicas.
func (v *vigil) start(ctx context.Context, l *lab) error {
	f, err := l.startFleet(ctx)
	if err != nil {
		return err
	}
	for _, r := range []struct{ name, bucketKey string }{
		{calm, ""}, {refreshed, fmt.Sprintf("lifetime: %s, seal_for: %s", v.lifetime, v.sealFor)},
	} {
		relay, err := startRelay(f.kms["SEALFRONT_KMS_ENDPOINT"], v.latency)
		if err != nil {
			return err
		}
		w := &watchedReplica{name: r.name, relay: relay}
		v.watched = append(v.watched, w)
		if err := f.addReplica(ctx, replicaOptions{
			grace: 10 * time.Second, kms: relay.url,
			bucketKey: r.bucketKey,
		}); err != nil {
			return err
		}
		if w.target, err = f.target(r.name, f.replicas[len(f.replicas)-1]); err != nil {
			return err
		}
	}
	return v.watched[0].target.makeEncrypted(ctx, f.kms["SEALFRONT_KMS_KEY"])
}

// faults are what must not be.
func (v *vigil) faults(watches []*watch) error {
	var errs []error
	calls := 0
	for _, w := range watches {
		if w.errors > 0 {
			errs = append(errs, fmt.Errorf("%s, bucket keys %s: %d requests failed: %s", w.cell, w.name,
				w.errors, w.failure))
		}
		if w.waited > 0 {
			errs = append(errs, fmt.Errorf("%s, bucket keys %s: %.0f requests had to wait for the key service", w.cell,
				w.name, w.waited))
		}
		if w.name == refreshed {
			calls += w.keyCalls()
		}
	}
	if calls == 0 {
		errs = append(errs, errors.New("no bucket key was fetched again under load: nothing is shown"))
	}
	return errors.Join(errs...)
}

func (v *vigil) report(o *outcome, watches []*watch) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- Machine: %s\n- Go: %s, commit: %s, %s UTC\n- Command: `%s`\n", o.Machine, o.Go, o.Commit,
		o.Date, o.Command)
	fmt.Fprintf(
		&b, "- Bucket keys: %s: lifetime %s, seal_for %s; %s: 300 s and 1 h. Answers of the key service: %s late\n",
		refreshed, v.lifetime, v.sealFor, calm, v.latency)
	fmt.Fprintf(&b, "- Calls for a bucket key while bucket keys were warm and of the default life: %d\n",
		sum(watches, calm, (*watch).keyCalls))
	fmt.Fprintf(&b, "\nms, from when a request was due; medians of %d rounds of %s, max the highest of all:\n\n",
		v.rounds, v.duration)
	b.WriteString("| cell | bucket keys | requests | p50 | p99 | p99.9 | max | errors | Decrypt | GenerateDataKey | " +
		"other calls | waited for a key |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, w := range watches {
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %s | %s | %d | %d | %d | %d | %.0f |\n", w.cell, w.name, w.requests,
			w.milliseconds(func(r *result) int64 { return r.P50 }),
			w.milliseconds(func(r *result) int64 { return r.P99 }),
			w.milliseconds(func(r *result) int64 { return r.P999 }),
			milliseconds(float64(w.max())), w.errors, w.calls["Decrypt"], w.calls["GenerateDataKey"],
			w.otherCalls(), w.waited)
	}
	b.WriteString("\nRequests that were in flight at the same time as a Decrypt or GenerateDataKey, of all rounds " +
		"together:\n\n| cell | bucket keys | requests | p99.9 | max | as late as the key service | all others: p99.9 " +
		"| max | as late |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, w := range watches {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", w.cell, w.name, w.beside.markdown(true), w.apart.markdown(false))
	}
	b.WriteString("\np99.9 of `refreshed` divided by that of `default`, round by round:\n\n| cell | median | " +
		"least–most |\n|---|--:|--:|\n")
	for i := 0; i+1 < len(watches); i += 2 {
		var ratios []float64
		for round := range watches[i].results {
			ratios = append(ratios, float64(watches[i+1].results[round].P999)/
				float64(max(1, watches[i].results[round].P999)))
		}
		fmt.Fprintf(&b, "| %s | %.2f | %.2f–%.2f |\n", watches[i].cell, median(ratios), slices.Min(ratios),
			slices.Max(ratios))
	}
	return b.String()
}
