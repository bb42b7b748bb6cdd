package main

import (
	"fmt"
	"slices"
	"strings"
)

// markdown is the outcome as tables.
func (o *outcome) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- Machine: %s\n- Go: %s, commit: %s, %s UTC\n- Command: `%s`\n", o.Machine, o.Go, o.Commit,
		o.Date, o.Command)
	for _, n := range o.Notes {
		fmt.Fprintf(&b, "- Note: %s\n", strings.ReplaceAll(n, "\n", "; "))
	}
	list := o.summaries()
	b.WriteString("\n| cell | target | requests/s | GiB/s | p50 ms | p90 ms | p99 ms | p99.9 ms | errors | CPU s/GiB " +
		"| CPU µs/request | least–most | RSS MiB | allocations | KMS calls |\n" +
		"|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for i := range list {
		s := &list[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %d | %s | %s | %s | %s | %s | %s |\n", &s.cell,
			s.Target, figure(s.PerSecond), known(s.GiBPerSecond, "%.2f"),
			milliseconds(s.P50), milliseconds(s.P90), milliseconds(s.P99), milliseconds(s.P999), s.Errors,
			known(s.CPUPerGiB, "%.2f"), known(s.CPUPerRequest, "%.1f"), spread(s), known(s.PeakRSS/(1<<20), "%.0f"),
			measured(s, s.Allocations), measured(s, s.KMSCalls))
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
		if !slices.Contains(names, s.Target) {
			names = append(names, s.Target)
		}
	}
	if len(names) < 2 {
		return
	}
	base := names[0]
	if slices.Contains(names, "nginx") {
		base = "nginx"
	}
	fmt.Fprintf(
		b, "\nDivided by %s in the same round, medians:\n\n| cell | target | CPU | throughput | p50 | p99 "+
			"|\n|---|---|--:|--:|--:|--:|\n", base)
	for i := range list {
		s := &list[i]
		if s.Target == base {
			continue
		}
		r := o.ratios(s.Target, base, s.cell)
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", &s.cell, s.Target, known(r["CPU"], "%.2f"),
			known(r["throughput"], "%.2f"), known(r["p50"], "%.2f"), known(r["p99"], "%.2f"))
	}
}

func measured(s *summary, x float64) string {
	if !s.Measured {
		return "–"
	}
	return figure(x)
}
