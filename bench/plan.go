package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A plan is what to run.
type plan struct {
	settings
	compare  bool
	siege    siege // of `slow`
	cells    []cell
	rounds   int
	only     []string // names of rivals; empty: all
	programs []program
	external *options // -target
	store    string
	latency  time.Duration // of the store
	session  bool
	tools    string
	json     string
	command  string
	progress *progress
}

// A program is a Sealfront to measure: the one of this tree, or another build to compare it with.
type program struct{ name, file string }

// parse reads the command line.
func parse(command string, args []string, env func(string) string, out io.Writer) (*plan, error) {
	p := &plan{
		compare: command == "compare", command: "go run ./bench " +
			strings.Join(append([]string{command}, args...), " "), progress: newProgress(out),
	}
	f := flag.NewFlagSet("bench "+command, flag.ContinueOnError)
	f.SetOutput(out)
	workload, sizes, concurrency, cells := "put,get", "4KiB,1MiB,64MiB", "1,16", ""
	if p.compare {
		cells = "4KiBx16,4KiBx64,1MiBx16,64MiBx16,1GiBx1"
	}
	rounds := 1
	if p.compare {
		rounds = 5
	}
	if command == "slow" {
		cells, rounds = "4KiBx16", 7
		f.IntVar(&p.siege.slow, "slow", 1000, "slow clients, as many of each form")
		f.DurationVar(&p.siege.pause, "pause", time.Second, "between two bytes of a slow client")
		f.DurationVar(&p.siege.patience, "patience", 3*time.Minute, "for the slow clients to be cut off")
		f.Float64Var(&p.siege.most, "most", 1.2,
			"ratio of p99 with slow clients to p99 without them; above it the exit status is 1")
	}
	f.StringVar(&workload, "workload", workload, "operations: "+strings.Join(operations, ", "))
	f.StringVar(&sizes, "sizes", sizes, "of objects, 0 to 5GiB; with -concurrency, every size at every concurrency")
	f.StringVar(&concurrency, "concurrency", concurrency, "connections, each with one request at a time")
	f.StringVar(&cells, "cells", cells, "instead of -sizes and -concurrency, pairs of them such as 1MiBx16")
	payloads := f.String("payload", modeUnsigned, "of writes: "+strings.Join(modes, ", "))
	checksum := f.String("checksum-mode", "off", "reads ask for x-amz-checksum-mode: off, on, both")
	rate := f.Float64("rate", 0,
		"open loop: requests a second, due whether or not earlier ones have ended; 0: closed loop")
	f.DurationVar(&p.duration, "time", 5*time.Second, "of a cell")
	f.DurationVar(&p.warmUp, "warm-up", time.Second, "before each cell")
	f.IntVar(&p.rounds, "rounds", rounds, "of every cell, interleaved; tables show medians")
	rangeSize, partSize := "4KiB", "8MiB"
	f.StringVar(&rangeSize, "range-size", rangeSize, "of range reads")
	f.StringVar(&partSize, "part-size", partSize, "of multipart uploads; at least 5MiB")
	f.IntVar(&p.listed, "list-objects", 1000, "objects below the prefix that list reads")
	f.IntVar(&p.verify, "verify", 16, "every how many reads are compared with what was written; 0: none")
	auth := f.String("auth", "session",
		"session: CreateSession, renewed; key: every request is signed with the long-term key")
	f.StringVar(&p.store, "store", "process", "behind the Sealfront that is started: process (memory, a process of "+
		"its own), memory (store.kind memory), embedded (files)")
	f.DurationVar(&p.latency, "store-latency", 0, "how much later answers of the store arrive, for all targets alike")
	f.StringVar(&p.json, "json", "", "file for the results")
	f.StringVar(&p.tools, "tools", env("SEALFRONT_TOOLS"),
		"directory whose bin/ is looked into for rivals, besides PATH")
	f.Func("program", "NAME=FILE: measure this build of Sealfront, too; may be repeated", func(value string) error {
		name, file, ok := strings.Cut(value, "=")
		if !ok || name == "" || file == "" {
			return errors.New("want NAME=FILE")
		}
		p.programs = append(p.programs, program{name, file})
		return nil
	})
	only, external, pids := "", options{name: "target"}, ""
	if p.compare {
		f.StringVar(&only, "only", "", "rivals to compare with, by name; default all that are installed")
	} else {
		f.StringVar(&external.endpoint, "target", "", "URL of a running endpoint; credentials, region, bucket and CA "+
			"come from the environment as sealfront exports it")
		f.StringVar(&pids, "pid", "", "processes of -target, whose CPU and memory are measured")
		f.StringVar(&external.admin, "admin", env("SEALFRONT_ADMIN"),
			"URL of -target's admin address, for allocations and KMS calls")
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, usageError{err}
	}
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	size := func(text string) int64 {
		n, err := parseBytes(text)
		errs = append(errs, err)
		return n
	}
	p.rangeSize, p.partSize = size(rangeSize), size(partSize)
	check(p.rangeSize > 0, "-range-size must be positive")
	check(p.partSize >= 5<<20, "-part-size must be 5MiB or more")
	check(f.NArg() == 0, "%q is no flag", f.Args())
	check(p.duration > 0 && p.warmUp >= 0 && p.rounds > 0 && p.listed >= 0 && p.verify >= 0 && *rate >= 0,
		"times, -rounds, -rate, -list-objects and -verify must not be negative, and -time and -rounds not zero")
	check(command != "slow" || p.siege.slow > 0 && p.siege.pause > 0 && p.siege.patience > 0 && p.siege.most > 0,
		"-slow, -pause, -patience and -most must be positive")
	check(*auth == "session" || *auth == "key", "-auth is session or key")
	check(slices.Contains([]string{"process", "memory", "embedded"}, p.store), "-store is process, memory or embedded")
	check(p.latency >= 0 && (p.latency == 0 || p.store == "process" && external.endpoint == ""),
		"-store-latency must not be negative, and needs -store process: a relay stands in front of that store")
	check(!p.compare || p.store == "process", "compare needs -store process: one store for all")
	p.session = *auth == "session"
	if only != "" {
		p.only = strings.Split(only, ",")
		for _, name := range p.only {
			check(slices.ContainsFunc(rivals, func(r rival) bool { return r.name == name }),
				"-only: there is no rival %q", name)
		}
	}
	errs = append(errs, p.makeCells(workload, sizes, concurrency, cells, *payloads, *checksum, *rate))
	if external.endpoint != "" {
		external.bucket, external.accessKey, external.secretKey = env("SEALFRONT_BUCKET"), env("AWS_ACCESS_KEY_ID"),
			env("AWS_SECRET_ACCESS_KEY")
		external.region, external.ca, external.session = cmp.Or(env("AWS_REGION"), proxyRegion),
			env("AWS_CA_BUNDLE"), p.session
		for _, pid := range strings.FieldsFunc(pids, func(r rune) bool { return r == ',' }) {
			n, err := strconv.Atoi(pid)
			errs = append(errs, err)
			external.processes = append(external.processes, n)
		}
		_, err := newTarget(external)
		errs = append(errs, err)
		p.external = &external
	}
	if err := errors.Join(errs...); err != nil {
		return nil, usageError{err}
	}
	return p, nil
}

// makeCells makes every combination that makes a difference.
func (p *plan) makeCells(workload, sizes, concurrency, pairs, payloads, checksum string, rate float64) error {
	type shape struct {
		size        int64
		concurrency int
	}
	var shapes []shape
	add := func(size, concurrency string) error {
		s, err := parseBytes(size)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(concurrency)
		if err != nil || n <= 0 || n > 10_000 {
			return fmt.Errorf("%q is not a concurrency", concurrency)
		}
		shapes = append(shapes, shape{s, n})
		return nil
	}
	if pairs != "" {
		for pair := range strings.SplitSeq(pairs, ",") {
			size, concurrency, ok := strings.Cut(pair, "x")
			if !ok {
				return fmt.Errorf("%q is not a pair such as 1MiBx16", pair)
			}
			if err := add(size, concurrency); err != nil {
				return err
			}
		}
	} else {
		for size := range strings.SplitSeq(sizes, ",") {
			for concurrency := range strings.SplitSeq(concurrency, ",") {
				if err := add(size, concurrency); err != nil {
					return err
				}
			}
		}
	}
	checksums := map[string][]bool{"off": {false}, "on": {true}, "both": {false, true}}[checksum]
	if checksums == nil {
		return errors.New("-checksum-mode is off, on or both")
	}
	for _, s := range shapes {
		for operation := range strings.SplitSeq(workload, ",") {
			if !slices.Contains(operations, operation) {
				return fmt.Errorf("-workload: there is no %q", operation)
			}
			if operation == opRange && s.size == 0 {
				continue // has no ranges
			}
			for payload := range strings.SplitSeq(payloads, ",") {
				if !slices.Contains(modes, payload) {
					return fmt.Errorf("-payload: there is no %q", payload)
				}
				for _, sum := range checksums {
					c := cell{
						Operation: operation, Size: s.size, Concurrency: s.concurrency, Payload: payload,
						Checksum: sum, Rate: rate,
					}
					if !slices.Contains([]string{opPut, opMultipart, opMixed}, operation) {
						c.Payload = modeUnsigned // of what prepares the cell
					}
					if !slices.Contains([]string{opGet, opMixed}, operation) {
						c.Checksum = false
					}
					if !slices.Contains(p.cells, c) {
						p.cells = append(p.cells, c)
					}
				}
			}
		}
	}
	if len(p.cells) == 0 {
		return errors.New("there is nothing to measure")
	}
	return nil
}

// storeRoom is what the common store has to hold: the objects of the largest cell of every target, and as much again
// while they are overwritten.
func (p *plan) storeRoom(targets int) int64 {
	var most int64
	for _, c := range p.cells {
		most = max(most, c.Size*int64(c.Concurrency))
	}
	return 3*most*int64(targets) + 1<<30
}

// targets starts what is measured and returns it; those that are absent are left out and said so.
func (p *plan) targets(ctx context.Context, l *lab) (list []*target, notes []string, err error) {
	if p.external != nil {
		t, err := newTarget(*p.external)
		return []*target{t}, nil, err
	}
	build, err := l.build(ctx, "sealfront/proxy")
	if err != nil {
		return nil, nil, err
	}
	back := backend{kind: p.store}
	if p.store == "process" {
		if err := l.startStore(ctx, p.storeRoom(len(rivals)+1+len(p.programs))); err != nil {
			return nil, nil, err
		}
		back = backend{kind: "s3", endpoint: "http://" + l.storeAddress}
	}
	for _, r := range rivals {
		if !p.compare || len(p.only) > 0 && !slices.Contains(p.only, r.name) {
			continue
		}
		t, err := r.start(ctx, l)
		switch {
		case errors.Is(err, errAbsent):
			notes = append(notes, r.name+" "+err.Error()+" and is left out")
			continue
		case err != nil && ctx.Err() == nil:
			notes = append(notes, r.name+" doesn't work and is left out: "+strings.TrimSpace(err.Error()))
			continue
		case err != nil:
			return nil, notes, err
		}
		list = append(list, t)
	}
	for _, program := range append([]program{{sealfrontName, build}}, p.programs...) {
		t, err := l.startSealfront(ctx, program.name, program.file, back, p.session)
		if err != nil {
			return nil, notes, err
		}
		list = append(list, t)
	}
	return list, notes, nil
}

// run starts everything, measures, and reports.
func (p *plan) run(ctx context.Context, out io.Writer) (err error) {
	l, err := newLab(p.tools, p.progress.say)
	if err != nil {
		return err
	}
	defer l.close()
	l.latency = p.latency
	p.progress.step("starting")
	targets, notes, err := p.targets(ctx, l)
	if err != nil {
		return err
	}
	o := newOutcome(ctx, p.command)
	o.Notes = notes
	if p.latency > 0 {
		o.Notes = append(o.Notes, fmt.Sprintf("answers of every store arrive %s later", p.latency))
	}
	for _, t := range targets {
		if t.sealed == nil && t.sessions == nil && p.external == nil {
			continue // keeps plaintext
		}
		checked, err := t.checkSealed(ctx)
		switch {
		case err != nil:
			return err
		case checked:
			o.Notes = append(o.Notes, "what "+t.name+" keeps in the store was looked at, and is sealed")
		default:
			o.Notes = append(o.Notes, "what "+t.name+" keeps in the store can't be seen from here")
		}
	}
	defer func() { err = errors.Join(err, p.clean(context.WithoutCancel(ctx), targets)) }()
	err = p.measureAll(ctx, targets, o)
	p.progress.end()
	if p.json != "" {
		err = errors.Join(err, o.write(p.json))
	}
	_, writeErr := io.WriteString(out, o.markdown())
	return errors.Join(err, writeErr)
}

// measureAll interleaves the targets: every round measures each of them, beginning with another. Only a Sealfront's
// failure, or that of the one target, ends the run.
func (p *plan) measureAll(ctx context.Context, targets []*target, o *outcome) error {
	bodies := map[int64]*content{}
	var errs []error
	total, done := len(p.cells)*p.rounds*len(targets), 0
	for _, c := range p.cells {
		if bodies[c.Size] == nil {
			bodies[c.Size] = newContent(c.Size)
		}
		for round := range p.rounds {
			for i := range targets {
				t := targets[(i+round)%len(targets)]
				p.progress.step("%d/%d %s %s", done+1, total, t.name, &c)
				r, err := p.measure(ctx, t, &c, bodies[c.Size])
				done++
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if r != nil {
					r.Round = round
					o.Results = append(o.Results, *r)
				}
				if err != nil {
					err = fmt.Errorf("%s: %w", t.name, err)
					o.Notes = append(o.Notes, strings.TrimSpace(err.Error()))
					if t.sessions != nil || len(targets) == 1 {
						errs = append(errs, err)
					}
					continue
				}
				p.progress.say("%s %s: %s", t.name, &c, r.brief())
			}
		}
		for _, t := range targets {
			if err := p.cleanCell(ctx, t, &c); err != nil {
				o.Notes = append(o.Notes, fmt.Sprintf("%s: delete the objects of %s: %v", t.name, &c, err))
			}
		}
	}
	return errors.Join(errs...)
}

// clean deletes what a run wrote into a target that goes on existing.
func (p *plan) clean(ctx context.Context, targets []*target) error {
	if p.external == nil {
		return nil
	}
	w := newWorker(targets[0], &cell{}, &p.settings, empty, 0)
	defer w.close()
	errs := []error{w.remove(ctx, sealedKey)}
	for _, c := range p.cells {
		errs = append(errs, p.cleanCell(ctx, targets[0], &c))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete what the run wrote: %w", err)
	}
	return nil
}

// cleanCell deletes the objects of a cell, so that the store holds those of one at a time.
func (p *plan) cleanCell(ctx context.Context, t *target, c *cell) error {
	w := newWorker(t, c, &p.settings, empty, 0)
	defer w.close()
	for n := range c.Concurrency {
		if err := w.remove(ctx, objectKey(c.Size, n)); err != nil {
			return err
		}
	}
	if c.Operation == opList || c.Operation == opMixed {
		for n := range p.listed {
			if err := w.remove(ctx, listKey(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// A siege is what `bench slow` measures: what slow clients do to the others, and what becomes of the slow ones.
type siege struct {
	slow     int
	pause    time.Duration
	patience time.Duration
	most     float64 // the ratio of p99 with the slow ones to p99 without them that is still right
}
