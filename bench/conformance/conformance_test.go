package conformance

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestConformance runs every row on the endpoint.
func TestConformance(t *testing.T) {
	if testing.Short() && *endpointFlag == "" {
		t.Skip("it builds and starts the program")
	}
	s := givenSettings()
	if s.endpoint == "" {
		s = startProgram(t)
	}
	x, err := newTarget(s)
	if err != nil {
		t.Fatal(err)
	}
	var results summary
	t.Cleanup(x.client.CloseIdleConnections)
	t.Cleanup(func() { x.remove(t) })
	t.Cleanup(func() { results.print(os.Stdout) }) // all these run when the last row has ended
	for i, r := range rows() {
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			c := &check{T: t, target: x, row: &r, key: fmt.Sprintf("case-%03d", i)}
			t.Cleanup(func() { results.add(c) })
			r.run(c)
		})
	}
}

// A summary is what came of the rows.
type summary struct {
	mu       sync.Mutex
	outcomes []outcome
}

type outcome struct {
	what, name, id, reason string
	open                   bool
}

const (
	passed  = "passed"
	failed  = "failed"
	skipped = "skipped"
)

func (s *summary) add(c *check) {
	o := outcome{what: passed, name: c.row.name(), id: c.row.id, reason: c.reason, open: c.row.open != ""}
	switch {
	case c.Failed():
		o.what = failed
	case c.Skipped():
		o.what = skipped
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes = append(s.outcomes, o)
}

// print says which cases failed and which were skipped and why, which rows can't be tried, and the numbers.
func (s *summary) print(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortStableFunc(s.outcomes, func(a, b outcome) int { return strings.Compare(a.name, b.name) })
	var numbers []string
	ids := make(map[string]string) // the worst that came of an id's cases
	for _, what := range []string{passed, skipped, failed} {
		cases, open := 0, 0
		for _, o := range s.outcomes {
			if o.what != what {
				continue
			}
			cases++
			if o.open {
				open++
			}
			if what != passed {
				fmt.Fprintf(w, "%s: %s%s\n", what, o.name, o.reason)
			}
			if ids[o.id] != passed || what == failed { // an id is skipped when all its cases are
				ids[o.id] = what
			}
		}
		numbers = append(numbers, fmt.Sprintf("%d %s (%d UNVERIFIED)", cases, what, open))
	}
	unreached := make([]string, 0, len(outOfReach))
	for id := range outOfReach {
		unreached = append(unreached, id)
	}
	slices.Sort(unreached)
	for _, id := range unreached {
		fmt.Fprintf(w, "out of reach: %s: %s\n", id, outOfReach[id])
	}
	count := make(map[string]int)
	for _, what := range ids {
		count[what]++
	}
	fmt.Fprintf(w, "conformance: cases: %s\n", strings.Join(numbers, ", "))
	fmt.Fprintf(w, "conformance: rows: %d passed, %d skipped, %d failed, %d out of reach\n", count[passed],
		count[skipped], count[failed], len(outOfReach))
}
