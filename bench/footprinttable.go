package main

import (
	"fmt"
	"slices"
	"strings"
)

// What users care about.
const (
	mostForTransfer = 512 << 10
	mostForActive   = 64 << 10
	mostAfterStorm  = 32 << 20 // more than before it, -settle after its end
	mostForIdle     = 400 << 20
	idleOfTarget    = 10_000
)

// A row is what n of something took in one round.
type row struct {
	what string
	n    int
	// first is at once, settled a while later, after the collector has been made to run.
	first, settled, after footprint
}

// figures are those of the table's columns, in their order.
func (r *row) figures() (list [9]float64) {
	for i, f := range [...]footprint{r.first, r.settled, r.after} {
		list[3*i], list[3*i+1], list[3*i+2] = f.resident, f.heap, f.runtime
	}
	return list
}

// medians makes one row of all rounds of the same.
func medians(rows []row) (list []row) {
	for _, r := range rows {
		if slices.ContainsFunc(list, func(x row) bool { return x.what == r.what && x.n == r.n }) {
			continue
		}
		var columns [9][]float64
		for _, x := range rows {
			if x.what == r.what && x.n == r.n {
				for i, f := range x.figures() {
					columns[i] = append(columns[i], f)
				}
			}
		}
		list = append(list, row{
			r.what, r.n,
			footprint{median(columns[0]), median(columns[1]), median(columns[2])},
			footprint{median(columns[3]), median(columns[4]), median(columns[5])},
			footprint{median(columns[6]), median(columns[7]), median(columns[8])},
		})
	}
	return list
}

// slope is that of the straight line with the least squares through the points; 0 where all x are the same.
func slope(x, y []float64) float64 {
	var meanX, meanY, over, under float64
	for i := range x {
		meanX, meanY = meanX+x[i]/float64(len(x)), meanY+y[i]/float64(len(x))
	}
	for i := range x {
		over += (x[i] - meanX) * (y[i] - meanY)
		under += (x[i] - meanX) * (x[i] - meanX)
	}
	if under == 0 {
		return 0
	}
	return over / under
}

const nineColumns = "at first: RSS | heap in use | runtime | settled: RSS | heap in use | runtime | after a " +
	"collection: RSS | heap in use | runtime |"

// report is the page: what was held in MiB, and what each one takes of it, in KiB.
func (s *survey) report(o *outcome, rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- Machine: %s\n- Go: %s, commit: %s, %s UTC\n- Command: `%s`\n- Limits: %s\n", o.Machine, o.Go,
		o.Commit, o.Date, o.Command, strings.Join(s.notes, "; "))
	fmt.Fprintf(
		&b, "\nMiB, objects of %s; settled: %s later; full speed: the highest seen in %s, and what is left when all "+
			"have gone:\n\n", bytesText(s.object.size), s.settle, s.duration)
	b.WriteString("| what | at once | " + nineColumns + "\n|---|--:|" + strings.Repeat("--:|", 9) + "\n")
	list := medians(rows)
	for _, r := range list {
		fmt.Fprintf(&b, "| %s | %d |", r.what, r.n)
		for _, f := range r.figures() {
			fmt.Fprintf(&b, " %s |", figure(f/(1<<20)))
		}
		b.WriteString("\n")
	}
	b.WriteString("\nKiB for each one more, by least squares:\n\n| what | " + nineColumns + " target |\n|---|" +
		strings.Repeat("--:|", 9) + "---|\n")
	for _, h := range holdKinds {
		var x []float64
		var y [9][]float64
		var least, highest row
		for _, r := range list {
			if r.what != h.what {
				continue
			}
			x = append(x, float64(r.n))
			for i, f := range r.figures() {
				y[i] = append(y[i], f)
			}
			if len(x) == 1 {
				least = r
			}
			highest = r
		}
		if len(x) < 2 {
			continue
		}
		fmt.Fprintf(&b, "| %s |", h.what)
		var each [9]float64
		for i := range y {
			each[i] = slope(x, y[i])
			fmt.Fprintf(&b, " %.1f |", each[i]/1024)
		}
		fmt.Fprintf(&b, " %s |\n", h.verdict(max(each[0], each[3], each[6]), &least, &highest))
	}
	return b.String()
}

// verdict compares with what users care about: each is the resident memory of one more.
func (h *holdKind) verdict(each float64, least, highest *row) string {
	say := func(held bool) string {
		if held {
			return "held"
		}
		return "**not held**"
	}
	switch {
	case h.form == busy:
		left := highest.settled.resident - least.settled.resident
		return fmt.Sprintf("%d KiB RSS each: %s; %d MiB more RSS afterwards: %s", mostForActive>>10,
			say(each <= mostForActive), mostAfterStorm>>20, say(left <= mostAfterStorm))
	case h.form == moving:
		return fmt.Sprintf("%d KiB RSS each: %s", mostForTransfer>>10, say(each <= mostForTransfer))
	case highest.n < idleOfTarget:
		return "–"
	}
	most := max(highest.settled.resident, highest.after.resident) // at first they aren't idle yet
	return fmt.Sprintf("%d MiB RSS at %d: %s", mostForIdle>>20, highest.n, say(most <= mostForIdle))
}
