package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// markdown is the outcome as tables.
func (o *outcome) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- Machine: %s\n- Go: %s, commit: %s, %s UTC\n- Command: `%s`\n", o.Machine, o.Go, o.Commit, o.Date, o.Command)
	for _, n := range o.Notes {
		fmt.Fprintf(&b, "- Note: %s\n", strings.ReplaceAll(n, "\n", "; "))
	}
	list := o.summaries()
	b.WriteString("\n| cell | target | requests/s | GiB/s | p50 ms | p90 ms | p99 ms | p99.9 ms | errors | CPU s/GiB | CPU µs/request | least–most | RSS MiB | allocations | KMS calls |\n" +
		"|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for i := range list {
		s := &list[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %d | %s | %s | %s | %s | %s | %s |\n", &s.cell, s.Target, figure(s.PerSecond), known(s.GiBPerSecond, "%.2f"),
			milliseconds(s.P50), milliseconds(s.P90), milliseconds(s.P99), milliseconds(s.P999), s.Errors,
			known(s.CPUPerGiB, "%.2f"), known(s.CPUPerRequest, "%.1f"), spread(s), known(s.PeakRSS/(1<<20), "%.0f"), measured(s, s.Allocations), measured(s, s.KMSCalls))
	}
	o.writeRatios(&b, list)
	return b.String()
}

func spread(s *summary) string {
	if s.MostCPU == 0 || s.Rounds < 2 {
		return "–"
	}
	return figure(s.LeastCPU) + "–" + figure(s.MostCPU)
}

// writeRatios writes what everybody takes of nginx's figures, or where there is no nginx, of the first target's.
func (o *outcome) writeRatios(b *strings.Builder, list []summary) {
	var names []string
	for _, s := range list {
		if !contains(names, s.Target) {
			names = append(names, s.Target)
		}
	}
	if len(names) < 2 {
		return
	}
	base := names[0]
	if contains(names, "nginx") {
		base = "nginx"
	}
	fmt.Fprintf(b, "\nDivided by %s in the same round, medians:\n\n| cell | target | CPU | throughput | p50 | p99 |\n|---|---|--:|--:|--:|--:|\n", base)
	for i := range list {
		s := &list[i]
		if s.Target == base {
			continue
		}
		r := o.ratios(s.Target, base, s.cell)
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", &s.cell, s.Target, known(r["CPU"], "%.2f"), known(r["throughput"], "%.2f"), known(r["p50"], "%.2f"), known(r["p99"], "%.2f"))
	}
}

func contains(list []string, name string) bool {
	for _, n := range list {
		if n == name {
			return true
		}
	}
	return false
}

// known writes a figure, or a dash when there is none.
func known(x float64, format string) string {
	if x == 0 {
		return "–"
	}
	return fmt.Sprintf(format, x)
}

func measured(s *summary, x float64) string {
	if !s.Measured {
		return "–"
	}
	return figure(x)
}

// figure writes a number with three digits or so.
func figure(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

func milliseconds(us float64) string { return figure(us / 1000) }

// brief is one line for progress.
func (r *result) brief() string {
	return fmt.Sprintf("%s/s, %.2f GiB/s, p50 %s ms, p99 %s ms, CPU %s, %d errors", figure(r.perSecond()), r.gibPerSecond(), milliseconds(float64(r.P50)), milliseconds(float64(r.P99)), figure(r.cpu()), r.Errors)
}

// The marks in RESULTS.md between which reports stand.
const (
	beginMark = "<!-- bench: made by go run ./bench report -->\n"
	endMark   = "<!-- /bench -->"
)

// reportCommand makes tables and plots of results.
func reportCommand(args []string, out, progress io.Writer) error {
	f := flag.NewFlagSet("bench report", flag.ContinueOnError)
	f.SetOutput(progress)
	page := f.String("page", "bench/RESULTS.md", "page whose part between the marks is written")
	dir := f.String("dir", "bench/results", "directory for tables and plots")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if f.NArg() == 0 {
		return usagef("report wants the files that -json wrote")
	}
	var text strings.Builder
	for _, file := range f.Args() {
		o, err := readOutcome(file)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(*dir, 0o755); err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		table := o.markdown()
		if err := os.WriteFile(filepath.Join(*dir, name+".md"), []byte("# "+name+"\n\n"+table), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&text, "\n## %s\n\n%s", name, table)
		for _, p := range o.plots() {
			plot := name + "-" + p.name + ".svg"
			if err := os.WriteFile(filepath.Join(*dir, plot), []byte(p.svg()), 0o644); err != nil {
				return err
			}
			rel, err := filepath.Rel(filepath.Dir(*page), filepath.Join(*dir, plot))
			if err != nil {
				return err
			}
			fmt.Fprintf(&text, "\n![%s](%s)\n", p.title, filepath.ToSlash(rel))
		}
		fmt.Fprintln(out, "reported", file)
	}
	return replacePart(*page, text.String())
}

// replacePart puts text between the marks of a page.
func replacePart(page, text string) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s lacks the marks %q and %q", page, strings.TrimSpace(beginMark), endMark)
	}
	return os.WriteFile(page, []byte(before+beginMark+text+endMark+after), 0o644)
}
