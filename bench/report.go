package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// smallBody is the size below which CPU is told by request.
const smallBody = 64 << 10

// report writes the results as Markdown tables, and the ratios where there are two targets.
func report(out io.Writer, targets []*target, results [][]result) error {
	var b strings.Builder
	b.WriteString("\n| target | cell | MiB/s | requests/s | p50 | p90 | p99 | errors | CPU | RSS MiB |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for i := range results[0] {
		for t := range targets {
			r := &results[t][i]
			fmt.Fprintf(&b, "| %s | %s | %.1f | %.0f | %s | %s | %s | %d | %s | %s |\n", targets[t].name, cellText(r), r.bytesPerSecond()/(1<<20), r.perSecond(),
				latency(r.percentile(50)), latency(r.percentile(90)), latency(r.percentile(99)), r.errors, cpuText(r), memoryText(r.usage.rss))
		}
	}
	if len(targets) == 2 {
		fmt.Fprintf(&b, "\n%s divided by %s:\n\n| cell | throughput | p50 | p99 | CPU |\n|---|--:|--:|--:|--:|\n", targets[0].name, targets[1].name)
		for i := range results[0] {
			x, y := &results[0][i], &results[1][i]
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cellText(x), ratio(x.perSecond(), y.perSecond()),
				ratio(float64(x.percentile(50)), float64(y.percentile(50))), ratio(float64(x.percentile(99)), float64(y.percentile(99))),
				ratio(x.cpuPerByte(), y.cpuPerByte()))
		}
	}
	for t := range targets {
		for i := range results[t] {
			if r := &results[t][i]; r.failure != nil {
				fmt.Fprintf(&b, "\n%s %s, first errors: %v\n", targets[t].name, cellText(r), r.failure)
			}
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func cellText(r *result) string {
	return fmt.Sprintf("%s %s ×%d", r.operation, bytesText(r.size), r.concurrency)
}

func bytesText(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

func latency(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }

func memoryText(n int64) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%d", n>>20)
}

func cpuText(r *result) string {
	switch {
	case r.usage.rss == 0:
		return "–"
	case r.size < smallBody:
		return fmt.Sprintf("%.0f µs", r.cpuPerByte()*float64(r.size)*1e6)
	}
	return fmt.Sprintf("%.2f s/GiB", r.cpuPerByte()*(1<<30))
}

func ratio(x, y float64) string {
	if x == 0 || y == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", x/y)
}
