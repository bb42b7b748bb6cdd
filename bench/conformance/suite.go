package conformance

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// A Suite is the rows at one endpoint.
type Suite struct {
	target *target
	rows   []*Row
}

// Open reads the rows and finds the endpoint; it sends nothing. Close it.
func Open(s Settings) (*Suite, error) {
	x, err := newTarget(s)
	if err != nil {
		return nil, err
	}
	all, err := Rows()
	if err != nil {
		return nil, err
	}
	return &Suite{x, all}, nil
}

// Rows are the suite's, in the order in which they run.
func (s *Suite) Rows() []*Row { return s.rows }

// Close removes the buckets that were made, with what is in them, and schedules the deletion of keys. It outlives ctx,
// for five minutes at most.
func (s *Suite) Close(ctx context.Context) error {
	defer s.target.client.CloseIdleConnections()
	return s.target.remove(ctx)
}

// What came of a row.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped"
)

// An Outcome is what came of a row at an endpoint.
type Outcome struct {
	Row    *Row
	What   string   // Passed, Failed or Skipped
	Reason string   // of Skipped
	Lines  []string // what was wrong, and what was noted
	Answer string   // what the row is judged by, as it came, where there is such a thing: for rows/answers.txt
}

// Try runs a row. Rows may run at the same time.
func (s *Suite) Try(ctx context.Context, r *Row) Outcome {
	c := &check{target: s.target, ctx: ctx, row: r, key: fmt.Sprintf("case-%03d", slices.Index(s.rows, r))}
	done := make(chan struct{})
	go func() { // ended by Goexit when the case can't go on
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				c.failed = true
				c.note("it panicked: %v\n%s", p, stack())
			}
		}()
		r.play(c)
	}()
	<-done
	o := Outcome{Row: r, What: Passed, Reason: c.reason, Lines: c.lines, Answer: c.judged}
	switch {
	case c.failed:
		o.What = Failed
	case c.skipped:
		o.What = Skipped
	}
	return o
}

func stack() []byte {
	b := make([]byte, 8<<10)
	return b[:runtime.Stack(b, false)]
}

// Run tries the rows that want says, as many at once as workers, and hands each outcome to each, one at a time.
func (s *Suite) Run(ctx context.Context, workers int, want func(*Row) bool, each func(Outcome)) {
	work := make(chan *Row)
	var wait sync.WaitGroup
	var mu sync.Mutex
	for range workers {
		wait.Go(func() {
			for r := range work {
				o := s.Try(ctx, r)
				mu.Lock()
				each(o)
				mu.Unlock()
			}
		})
	}
	for _, r := range s.rows {
		if ctx.Err() != nil {
			break
		}
		if want(r) {
			work <- r
		}
	}
	close(work)
	wait.Wait()
}

// A Summary is what came of many rows.
type Summary struct{ outcomes []Outcome }

// Add takes an outcome.
func (s *Summary) Add(o Outcome) { s.outcomes = append(s.outcomes, o) }

// Failures is how many rows have failed.
func (s *Summary) Failures() int { return s.Tally(func(*Row) bool { return true })[Failed] }

// Tally counts the outcomes of the rows that of takes: Passed, Failed, Skipped.
func (s *Summary) Tally(of func(*Row) bool) map[string]int {
	n := make(map[string]int)
	for _, o := range s.outcomes {
		if of(o.Row) {
			n[o.What]++
		}
	}
	return n
}

// String says which rows failed and which were skipped and why, which ids can't be tried, and the numbers.
func (s *Summary) String() string {
	slices.SortStableFunc(s.outcomes, func(a, b Outcome) int { return strings.Compare(a.Row.Name(), b.Row.Name()) })
	var w strings.Builder
	var numbers []string
	ids := make(map[string]string) // the worst that came of an id's rows
	for _, what := range []string{Passed, Skipped, Failed} {
		n, open := 0, 0
		for _, o := range s.outcomes {
			if o.What != what {
				continue
			}
			n++
			if o.Row.Open != "" {
				open++
			}
			if what == Skipped {
				fmt.Fprintf(&w, "%s: %s: %s\n", what, o.Row.Name(), o.Reason)
			} else if what == Failed {
				fmt.Fprintf(&w, "%s: %s\n", what, o.Row.Name())
				for _, line := range o.Lines {
					fmt.Fprintf(&w, "        %s\n", strings.ReplaceAll(line, "\n", "\n        "))
				}
			}
			if ids[o.Row.ID] != Passed || what == Failed { // an id is skipped when all its rows are
				ids[o.Row.ID] = what
			}
		}
		numbers = append(numbers, fmt.Sprintf("%d %s (%d UNVERIFIED)", n, what, open))
	}
	for _, id := range slices.Sorted(maps.Keys(outOfReach)) {
		fmt.Fprintf(&w, "out of reach: %s: %s\n", id, outOfReach[id])
	}
	count := make(map[string]int)
	for _, what := range ids {
		count[what]++
	}
	fmt.Fprintf(&w, "conformance: cases: %s\n", strings.Join(numbers, ", "))
	fmt.Fprintf(&w, "conformance: rows: %d passed, %d skipped, %d failed, %d out of reach\n", count[Passed],
		count[Skipped], count[Failed], len(outOfReach))
	return w.String()
}
