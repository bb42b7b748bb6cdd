package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Package comments and documents name the test that fails when a promise is broken: each of them exists.
func TestTestsThatDocumentsNameExist(t *testing.T) {
	tests := make(map[string]bool)
	named := make(map[string]string) // where
	name := regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]+\b`)
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		test := strings.HasSuffix(path, "_test.go")
		if err != nil || d.IsDir() || !test && d.Name() != "doc.go" && filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !test {
			for _, n := range name.FindAllString(string(text), -1) {
				named[n] = path
			}
			return nil
		}
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for n, path := range named {
		if !tests[n] {
			t.Errorf("%s names %s, which there isn't", path, n)
		}
	}
	if len(named) < 200 {
		t.Errorf("only %d tests are named", len(named))
	}
}
