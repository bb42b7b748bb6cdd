package policy_test

import (
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryRowIsCovered holds the tests to the reference: each id of testdata/rows.txt is in the first column of a
// table, or in a text or a test's name of a Go file here. Comments don't count.
func TestEveryRowIsCovered(t *testing.T) {
	cases := casesOfTables(t) + casesOfTests(t)
	list, err := os.ReadFile("testdata/rows.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(list)) {
		id, elsewhere, decided := strings.Cut(strings.TrimSpace(line), " | ")
		if strings.HasPrefix(id, "#") {
			continue
		}
		rows++
		t.Run(id, func(t *testing.T) {
			found := len(regexp.MustCompile(`\b`+id+`\b|\bTest`+strings.ReplaceAll(id, "-", "")+`[A-Z]`).FindAllString(
				cases, -1))
			switch {
			case found == 0 && !decided:
				t.Error("no case names the row")
			case found != 0 && decided:
				t.Errorf("there are cases, but the list says that it is decided elsewhere: %s", elsewhere)
			case decided:
				t.Log("decided elsewhere:", elsewhere)
			default:
				t.Logf("named %d times", found)
			}
		})
	}
	if rows < 130 {
		t.Errorf("the list has %d rows only", rows)
	}
}

// casesOfTables are the first columns of all tables in testdata but the list itself.
func casesOfTables(t *testing.T) string {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range files {
		if filepath.Base(name) == "rows.txt" {
			continue
		}
		_, rows := table(t, filepath.Base(name))
		for _, row := range rows {
			all.WriteString(row[0] + "\n")
		}
	}
	return all.String()
}

// casesOfTests are the texts and the names of functions in the tests here.
func casesOfTests(t *testing.T) string {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		var s scanner.Scanner
		s.Init(set.AddFile(name, set.Base(), len(source)), source, nil, 0)
		for {
			_, kind, text := s.Scan()
			if kind == token.EOF {
				break
			}
			if kind == token.STRING || kind == token.IDENT && strings.HasPrefix(text, "Test") {
				all.WriteString(text + "\n")
			}
		}
	}
	return all.String()
}
