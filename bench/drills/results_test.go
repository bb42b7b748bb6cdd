package drills_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// byProgram orders results as the page has the programs, and the drills the stores.
func byProgram(a, b played) int {
	place := func(p *played) int {
		return slices.IndexFunc(programs, func(q *program) bool { return q.name == p.Program })*len(stores) +
			slices.IndexFunc(stores, func(s storeKind) bool { return s.name == p.Store })
	}
	return cmp.Compare(place(&a), place(&b))
}

// tableOf is the table of the page.
func tableOf(results []played) string {
	var b strings.Builder
	b.WriteString("| program | version | store | restored from nothing | new proxy | program's restore | whole drill |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- |\n")
	for i := range results {
		r := &results[i]
		if r.Refused != "" {
			fmt.Fprintf(&b, "| %s | | %s | 501: sends %s | | | |\n", r.Program, r.Store, r.Refused)
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.1f s | %.1f s | %.0f s |\n", r.Program,
			strings.ReplaceAll(r.Version, "\n", ", "),
			r.Store, map[bool]string{true: "yes", false: "**no**"}[r.Restored], r.Again, r.Restore, r.Seconds)
	}
	return b.String()
}

var resultsFile = filepath.Join("testdata", "results.json")

func readResults(t *testing.T) (results []played) {
	t.Helper()
	text, err := os.ReadFile(resultsFile)
	if err == nil {
		err = json.Unmarshal(text, &results)
	}
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// updateResults writes the results of this run over those of the same programs and stores.
func updateResults(t *testing.T, results []played) {
	t.Helper()
	all := results
	if _, err := os.Stat(resultsFile); err == nil {
		for _, earlier := range readResults(t) {
			if !slices.ContainsFunc(results, func(r played) bool {
				return r.Program == earlier.Program && r.Store == earlier.Store
			}) {
				all = append(all, earlier)
			}
		}
	}
	slices.SortFunc(all, byProgram)
	text, err := json.MarshalIndent(all, "", "\t")
	if err == nil {
		err = os.WriteFile(resultsFile, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
