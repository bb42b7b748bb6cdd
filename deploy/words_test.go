package deploy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unwanted are words that crept into documents, comments and messages before, and what to write. The glossary is in
// CONTRIBUTING.md.
var unwanted = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?i)\bof before\b`), "earlier, existing"},
	{regexp.MustCompile(`(?i)\bgone on with\b`), "resumable"},
	{regexp.MustCompile(`(?i)\btell(s|ing)? of\b`), "report, say"},
	{regexp.MustCompile(`(?i)\bask(s|ed|ing)? KMS\b`), "call KMS"},
	{regexp.MustCompile(`(?i)\b(and|or) else\b`), "otherwise"},
	{regexp.MustCompile(`(?i)\b(white|black)-?list`), "allow list, deny list"},
	{regexp.MustCompile(`(?i)\bmaster key\b`), "KMS key (but customer master key in KMS's own messages)"},
	{regexp.MustCompile(`(?i)\b(utili[sz]e|leverag(e|es|ing)|sanity check|informations|cypher)\b`), "plain words"},
	{regexp.MustCompile(`(?i)\bunder way\b`), "in flight (requests), in progress"},
	{regexp.MustCompile(`(?i)\ballow(s|ing) to\b`), "let, permit someone to"},
}

// TestTheWordsOfTheField refuses words in documents, and in comments and texts of the code, that have a better one.
func TestTheWordsOfTheField(t *testing.T) {
	kinds := []string{".go", ".md", ".yaml", ".service", ".tpl", ".html"}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git" || d.Name() == "results") {
			return filepath.SkipDir
		}
		if d.IsDir() || !slices.Contains(kinds, filepath.Ext(path)) || d.Name() == "words_test.go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			for _, u := range unwanted {
				if found := u.pattern.FindString(line); found != "" && !strings.Contains(line, "customer master key") {
					t.Errorf("%s:%d: %q: write %s", path, n, found, u.instead)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
