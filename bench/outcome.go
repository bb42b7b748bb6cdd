package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// An outcome is all that a run found: its file is JSON.
type outcome struct {
	Machine string   `json:"machine"`
	Go      string   `json:"go"`
	Commit  string   `json:"commit"`
	Command string   `json:"command"`
	Date    string   `json:"date"`
	Notes   []string `json:"notes"`
	Results []result `json:"results"` // in the order of measuring
}

func newOutcome(ctx context.Context, command string) *outcome {
	commit, _ := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=10").Output()
	return &outcome{
		Machine: machine(), Go: runtime.Version(), Commit: strings.TrimSpace(string(commit)), Command: command,
		Date: time.Now().UTC().Format(time.DateTime),
	}
}

// machine says what the run was made on.
func machine() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			model = strings.TrimSpace(strings.TrimLeft(line, " \t:"))
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%s, %d cores, %s %s, load %s at the start", model, runtime.NumCPU(), runtime.GOOS,
		strings.TrimSpace(string(kernel)), cmp.Or(first, "unknown"))
}

func (o *outcome) write(file string) error {
	text, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func readOutcome(file string) (*outcome, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	o := &outcome{}
	if err := json.Unmarshal(text, o); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return o, nil
}

// A summary is a cell of a target over all rounds: each figure is the median of its own.
type summary struct {
	Target string
	cell
	Rounds   int
	Requests int64 // all
	Errors   int64 // all

	PerSecond, GiBPerSecond, P50, P90, P99, P999 float64
	CPUPerGiB, CPUPerRequest                     float64 // 0: not known
	LeastCPU, MostCPU                            float64 // of the rounds, in the unit that counts
	PeakRSS                                      float64
	Allocations, KMSCalls                        float64
	Measured                                     bool
	// to a rival, by name of figure: medians of each round's
	ratio map[string]float64
}

// summaries are the medians, in order of cells and, within, of targets. Rounds in which nothing succeeded don't count.
func (o *outcome) summaries() (list []summary) {
	var cells []cell
	var targets []string
	for i := range o.Results {
		r := &o.Results[i]
		if !slices.Contains(cells, r.cell) {
			cells = append(cells, r.cell)
		}
		if !slices.Contains(targets, r.Target) {
			targets = append(targets, r.Target)
		}
	}
	for _, c := range cells {
		for _, t := range targets {
			var rounds []*result
			for i := range o.Results {
				if r := &o.Results[i]; r.Target == t && r.cell == c && r.Requests > 0 {
					rounds = append(rounds, r)
				}
			}
			if len(rounds) > 0 {
				list = append(list, o.summarize(t, c, rounds))
			}
		}
	}
	return list
}

func (o *outcome) summarize(name string, c cell, rounds []*result) summary {
	of := func(f func(*result) float64) float64 {
		var values []float64
		for _, r := range rounds {
			values = append(values, f(r))
		}
		return median(values)
	}
	s := summary{
		Target: name, cell: c, Rounds: len(rounds), PerSecond: of((*result).perSecond),
		GiBPerSecond: of((*result).gibPerSecond),
		P50:          of(func(r *result) float64 { return float64(r.P50) }),
		P90:          of(func(r *result) float64 { return float64(r.P90) }),
		P99:          of(func(r *result) float64 { return float64(r.P99) }),
		P999:         of(func(r *result) float64 { return float64(r.P999) }),
		CPUPerGiB:    of((*result).cpuPerGiB), CPUPerRequest: of((*result).cpuPerRequest),
		PeakRSS:     of(func(r *result) float64 { return float64(r.PeakRSS) }),
		Allocations: of(func(r *result) float64 { return r.Allocations }),
		KMSCalls:    of(func(r *result) float64 { return r.KMSCalls }),
		Measured:    rounds[0].Measured, ratio: map[string]float64{},
	}
	for i, r := range rounds {
		s.Requests, s.Errors = s.Requests+r.Requests, s.Errors+r.Errors
		if i == 0 || r.cpu() < s.LeastCPU {
			s.LeastCPU = r.cpu()
		}
		s.MostCPU = max(s.MostCPU, r.cpu())
	}
	return s
}

// ratios divides a target's figures by a rival's, round by round, and takes the median: what moved the machine moved
// both.
func (o *outcome) ratios(name, rival string, c cell) map[string]float64 {
	values := map[string][]float64{}
	for i := range o.Results {
		x := &o.Results[i]
		if x.Target != name || x.cell != c || x.Requests == 0 {
			continue
		}
		for j := range o.Results {
			y := &o.Results[j]
			if y.Target != rival || y.cell != c || y.Round != x.Round || y.Requests == 0 {
				continue
			}
			for figure, f := range figures {
				if a, b := f(x), f(y); a > 0 && b > 0 {
					values[figure] = append(values[figure], a/b)
				}
			}
		}
	}
	ratio := map[string]float64{}
	for figure, list := range values {
		ratio[figure] = median(list)
	}
	return ratio
}

// figures are what ratios are made of.
var figures = map[string]func(*result) float64{
	"CPU":        (*result).cpu,
	"throughput": (*result).perSecond,
	"p50":        func(r *result) float64 { return float64(r.P50) },
	"p99":        func(r *result) float64 { return float64(r.P99) },
}
