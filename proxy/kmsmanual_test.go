package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// OPERATING.md's table "When KMS is away" is that of TestWhenKMSIsAway, line by line, and the tests it names exist.
func TestTheManualSaysWhatAnOutageStops(t *testing.T) {
	text, err := os.ReadFile("../deploy/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## When KMS is away\n")
	if !ok {
		t.Fatal("OPERATING.md has no section on outages of KMS")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	lines := 0
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| ") {
			lines++
		}
	}
	if want := len(kmsOperations) + 2; lines != want {
		t.Errorf("the table has %d lines, want %d", lines, want)
	}
	for _, o := range kmsOperations {
		says := map[kmsNeed]string{
			never: "never | works", whenCold: "when cold | works while warm", each: "each time | fails",
		}[o.need]
		if line := "\n| " + o.name + " | " + says; !strings.Contains(section, line) {
			t.Errorf("the table has no line %q", line)
		}
	}
	var tests strings.Builder
	for _, dir := range []string{".", "gateway", "../crypto/keyring", "../crypto/awskms"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	for _, name := range regexp.MustCompile(`\bTest[A-Z][A-Za-z0-9]+\b`).FindAllString(section, -1) {
		if !strings.Contains(tests.String(), "\nfunc "+name+"(") {
			t.Errorf("there is no %s", name)
		}
	}
}
