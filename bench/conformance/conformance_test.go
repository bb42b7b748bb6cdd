package conformance

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
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
	t.Cleanup(x.client.CloseIdleConnections)
	t.Cleanup(func() { x.remove(t) })
	var results summary
	for i, r := range rows() {
		t.Run(r.name(), func(t *testing.T) {
			t.Cleanup(func() { results.add(t, &r) })
			r.run(&check{T: t, target: x, row: &r, key: fmt.Sprintf("case-%03d", i)})
		})
	}
	results.print(os.Stdout)
}

// A summary is what came of the rows.
type summary struct{ passed, failed, skipped []outcome }

type outcome struct {
	name string
	open bool
}

func (s *summary) add(t *testing.T, r *row) {
	o := outcome{r.name(), r.open != ""}
	switch {
	case t.Failed():
		s.failed = append(s.failed, o)
	case t.Skipped():
		s.skipped = append(s.skipped, o)
	default:
		s.passed = append(s.passed, o)
	}
}

func (s *summary) print(w io.Writer) {
	for _, group := range []struct {
		what     string
		outcomes []outcome
	}{{"failed", s.failed}, {"skipped", s.skipped}} {
		for _, o := range group.outcomes {
			fmt.Fprintf(w, "%s: %s\n", group.what, o.name)
		}
	}
	ids := make([]string, 0, len(outOfReach))
	for id := range outOfReach {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		fmt.Fprintf(w, "out of reach: %s: %s\n", id, outOfReach[id])
	}
	line := make([]string, 0, 3)
	for _, group := range []struct {
		what     string
		outcomes []outcome
	}{{"passed", s.passed}, {"failed", s.failed}, {"skipped", s.skipped}} {
		open := 0
		for _, o := range group.outcomes {
			if o.open {
				open++
			}
		}
		line = append(line, fmt.Sprintf("%d cases %s (%d UNVERIFIED)", len(group.outcomes), group.what, open))
	}
	fmt.Fprintln(w, "conformance: "+strings.Join(line, ", "))
}
