package drills_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const pageFile = "../../deploy/PROGRAMS.md"

// updateCommand is the one that makes the page's tables and settings.
const updateCommand = "SEALFRONT_E2E=require go test ./bench/drills -drills all -update"

// TestThePageIsThatOfTheDrills holds that deploy/PROGRAMS.md has a section for each program with the settings that its
// drill uses, and the tables of what was drilled; and that every drill was played over every store, and restored.
func TestThePageIsThatOfTheDrills(t *testing.T) {
	results := readResults(t)
	for _, p := range programs {
		if p.drill == nil {
			continue
		}
		for _, s := range stores {
			restored := 0
			for i := range results {
				if r := &results[i]; r.Program == p.name && r.Store == s.name && r.Restored && r.Version != "" && r.Seconds > 0 {
					restored++
				}
			}
			if restored != 1 {
				t.Errorf("%s over %s: %d results of a restore, want 1; make it by %s", p.name, s.name, restored, updateCommand)
			}
		}
	}
	if n := len(stores) * drilled(); len(results) != n {
		t.Errorf("%d results, want %d: some are of no drill", len(results), n)
	}
	page, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	made := string(page)
	for name, text := range blocks(results) {
		if made, err = replaceBlock(made, name, text); err != nil {
			t.Error(err)
		}
	}
	for _, p := range programs {
		if p.heldBy != "" {
			mustBeATest(t, p.heldBy)
		}
	}
	switch {
	case made == string(page):
	case *updateFlag:
		if err := os.WriteFile(pageFile, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s isn't that of the drills: make it by %s", pageFile, updateCommand)
	}
}

func drilled() (n int) {
	for _, p := range programs {
		if p.drill != nil {
			n++
		}
	}
	return n
}

// blocks are the parts of the page that are made, by their names.
func blocks(results []played) map[string]string {
	all := map[string]string{"drills": tableOf(results), "outcomes": outcomes()}
	for _, p := range programs {
		var b strings.Builder
		for _, s := range p.settings {
			fmt.Fprintf(&b, "```%s\n", s.language)
			if s.file != "environment" {
				fmt.Fprintf(&b, "# %s\n", s.file)
			}
			fmt.Fprintf(&b, "%s```\n", s.render(example))
		}
		all["settings of "+p.name] = b.String()
	}
	return all
}

// outcomes is the table of what to expect.
func outcomes() string {
	var b strings.Builder
	b.WriteString("| program | general purpose buckets | directory buckets | held by |\n| --- | --- | --- | --- |\n")
	for _, p := range programs {
		directory, held := p.directory, p.heldBy
		if directory != works {
			directory = "501: sends " + directory
		}
		if p.drill != nil {
			held = "its restore drill"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.name, works, directory, held)
	}
	return b.String()
}

// replaceBlock replaces what stands between the marks of a block, which must occur once.
func replaceBlock(page, name, text string) (string, error) {
	begin, end := "<!-- made: "+name+" -->\n", "<!-- end -->\n"
	before, rest, ok := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended || strings.Contains(rest, begin) {
		return page, fmt.Errorf("%s has not one block %q", pageFile, name)
	}
	return before + begin + text + end + after, nil
}

// mustBeATest checks that package proxy has a test of this name.
func mustBeATest(t *testing.T, name string) {
	t.Helper()
	files, err := filepath.Glob("../../proxy/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return
		}
	}
	t.Errorf("package proxy has no %s", name)
}
