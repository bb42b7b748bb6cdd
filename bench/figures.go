package main

import (
	"fmt"
	"slices"
)

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

// known writes a figure, or a dash when there is none.
func known(x float64, format string) string {
	if x == 0 {
		return "–"
	}
	return fmt.Sprintf(format, x)
}

func milliseconds(us float64) string { return figure(us / 1000) }

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// brief is one line for progress.
func (r *result) brief() string {
	return fmt.Sprintf("%s/s, %.2f GiB/s, p50 %s ms, p99 %s ms, CPU %s, %d errors", figure(r.perSecond()),
		r.gibPerSecond(), milliseconds(float64(r.P50)), milliseconds(float64(r.P99)), figure(r.cpu()), r.Errors)
}
