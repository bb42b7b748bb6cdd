package main

import (
	"io"
	"strings"
	"testing"

	"sealfront/bench/conformance"
)

func TestConformanceFlags(t *testing.T) {
	for _, wrong := range [][]string{
		{},
		{"argument", "-endpoint", "https://x"},
		{"-endpoint", "https://x", "-servers", "all"},
		{"-servers", "all", "-only", "PUT"},
		{"-servers", "all", "-record", "file"},
		{"-endpoint", "https://x", "-only", "("},
		{"-endpoint", "https://x", "-concurrency", "0"},
	} {
		if _, err := parseExamination(wrong, io.Discard); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
	if _, err := parseExamination([]string{"-endpoint", "https://x", "-only", "^PUT-"}, io.Discard); err != nil {
		t.Error(err)
	}
}

// TestScores has a table of one server, at which a row of each kind came to each end.
func TestScores(t *testing.T) {
	sum := &conformance.Summary{}
	for _, o := range []conformance.Outcome{
		{Row: &conformance.Row{ID: "PUT-1", Says: "a"}, What: conformance.Passed},
		{Row: &conformance.Row{ID: "PUT-2", Says: "b", Open: "?"}, What: conformance.Failed},
		{Row: &conformance.Row{ID: "CS-1", Says: "c"}, What: conformance.Skipped},
		{Row: &conformance.Row{ID: "GP-GET", Says: "d", General: true}, What: conformance.Passed},
	} {
		sum.Add(o)
	}
	table := scoreTable([]score{{"server", "v1", sum}}, "the command")
	for _, line := range []string{
		"| rows about | server v1 |", "| writes under each session and default | 1/2 |", "| CreateSession | 0/0 (1) |",
		"| general purpose buckets | 1/1 |", "| **all of directory buckets** | 1/2 (1) |",
		"| of these, published answers | 1/1 (1) |", "`the command`",
	} {
		if !strings.Contains(table, line) {
			t.Errorf("no %q in\n%s", line, table)
		}
	}
}

// TestEveryRowHasAChapter keeps rows from being left out of the table.
func TestEveryRowHasAChapter(t *testing.T) {
	rows, err := conformance.Rows()
	if err != nil || len(rows) < 1000 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, r := range rows {
		if r.Chapter() == "" {
			t.Errorf("%s is in no chapter", r.Name())
		}
	}
}
