package command

import (
	"bytes"
	"flag"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestHelpIsTheManual(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"help"}, {"--help"}, {"-h"}} {
		text := printed(t, args...)
		for _, want := range []string{"# Commands", "# Signals", "SIGHUP", "/readyz"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q doesn't say %q", args, want)
			}
		}
		for _, c := range commands() {
			if !strings.Contains(text, "\tsealfront "+c.name) && c.name != "serve" {
				t.Errorf("%q doesn't report %s", args, c.name)
			}
		}
		if strings.Contains(text, "//\t") || strings.Contains(text, "depguard") {
			t.Errorf("%q shows the source: %.300s", args, text)
		}
	}
}

// run is the program, with its manual.
func run(t *testing.T, args []string, stdout, stderr io.Writer) error {
	t.Helper()
	manual, err := os.ReadFile("../doc.go")
	if err != nil {
		t.Fatal(err)
	}
	return Run(t.Context(), args, stdout, stderr, Options{Manual: string(manual)})
}

func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out, problems bytes.Buffer
	if err := run(t, args, &out, &problems); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	if problems.Len() > 0 {
		t.Errorf("%q: on stderr: %s", args, &problems)
	}
	return out.String()
}

// Every command has a page of one form, by --help and by help, that lists the flags which the command parses, and no
// others.
func TestEveryCommandHasAPage(t *testing.T) {
	t.Parallel()
	sections := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS", "FILES", "ENVIRONMENT"}
	optional := []string{"OPTIONS", "FILES", "ENVIRONMENT"}
	for _, c := range commands() {
		words := strings.Fields(c.name)
		page := printed(t, append(words, "--help")...)
		if by := printed(t, append([]string{"help"}, words...)...); by != page {
			t.Errorf("help %s and %s --help differ", c.name, c.name)
		}
		at := 0
		for _, line := range regexp.MustCompile(`(?m)^\S.*$`).FindAllString(page, -1) {
			i := slices.Index(sections, line)
			if i < at {
				t.Fatalf("%s: section %q is unknown or out of its place", c.name, line)
			}
			for _, left := range sections[at:i] {
				if !slices.Contains(optional, left) {
					t.Errorf("%s: there is no %s", c.name, left)
				}
			}
			at = i + 1
		}
		if at <= slices.Index(sections, "EXIT STATUS") || c.summary == "" || len(c.examples) == 0 || len(c.synopsis) == 0 ||
			len(c.description) == 0 {
			t.Errorf("%s: the page is not whole:\n%s", c.name, page)
		}
		v := newInvocation(&c, io.Discard, io.Discard, Options{})
		c.prepare(v)
		v.VisitAll(func(f *flag.Flag) {
			if !strings.Contains(page, "\n    --"+f.Name) {
				t.Errorf("%s: OPTIONS has no --%s", c.name, f.Name)
			}
			if _, what := flag.UnquoteUsage(f); what == "" {
				t.Errorf("%s: nothing is said of --%s", c.name, f.Name)
			}
		})
		for _, named := range regexp.MustCompile(`--[a-z][a-z-]*`).FindAllString(strings.Join(c.synopsis, " "), -1) {
			if v.Lookup(named[2:]) == nil {
				t.Errorf("%s: the synopsis has %s, the command hasn't", c.name, named)
			}
		}
		for line := range strings.Lines(page) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > pageWidth && !strings.HasPrefix(line, "        sealfront ") {
				t.Errorf("%s: a line of %d: %s", c.name, n, line)
			}
		}
	}
}

// Every example parses, and passes all that is checked before the configuration is read.
func TestEveryExampleParses(t *testing.T) {
	t.Parallel()
	for _, c := range commands() {
		for _, e := range c.examples {
			line, _, _ := strings.Cut(e.line, " > ")
			words := shellWords(line)
			if words[0] != "sealfront" {
				t.Errorf("%s: %q doesn't begin with the program's name", c.name, e.line)
			}
			found, rest := find(words[1:])
			if found == nil || found.name != c.name {
				t.Errorf("%s: %q is another command", c.name, e.line)
				continue
			}
			v := newInvocation(found, io.Discard, io.Discard, Options{})
			found.prepare(v)
			if _, err := v.parse(rest); err != nil {
				t.Errorf("%s: %q: %v", c.name, e.line, err)
			}
			i := slices.Index(words, "--config")
			if i < 0 {
				continue
			}
			words[i+1] = t.TempDir() + "/absent.yaml"
			err := run(t, words[1:], io.Discard, io.Discard)
			if c.name == "open" { // looks for its RAWFILE first
				if err == nil || !strings.Contains(err.Error(), "raw.bin: no such file") {
					t.Errorf("%s: %q: %v", c.name, e.line, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), "read the configuration: open "+words[i+1]) {
				t.Errorf("%s: %q: %v", c.name, e.line, err)
			}
		}
	}
}

// shellWords splits a command line with single quotes.
func shellWords(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// What can't be understood says what there is, and ends with the status of usage.
func TestWhatCannotBeUnderstood(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"verfy"}, `there is no command "verfy"`},
		{[]string{"config"}, "sealfront config schema"},
		{[]string{"config", "chekc", "x"}, "sealfront config check"},
		{[]string{"help", "verfy"}, "sealfront verify"},
		{[]string{"verify"}, "verify takes 1 argument, but got []\nusage: sealfront verify s3://BUCKET[/PREFIX]"},
		{[]string{"verify", "s3://a", "s3://b"}, "verify takes 1 argument"},
		{[]string{"verify", "s3://a", "--no-such-flag"}, "'sealfront verify --help' lists its flags"},
		{[]string{"keys", "dorp"}, "sealfront keys drop"},
		{[]string{"keys", "--kms-key", "x"}, "--kms-key goes with keys drop"},
		{[]string{"roles", "stop", "x"}, "roles takes nothing, or end and a role"},
		{[]string{"roles", "end"}, "sealfront roles end ROLE"},
		{[]string{"rewrap", "s3://a", "--rate", "-1"}, "must not be negative"},
		{[]string{"verify", "s3://a", "--shard", "0/4"}, "1/4 to 4/4 for four"},
		{[]string{"verify", "s3://a", "--progress", "bar"}, "--progress must be auto, line, log or none"},
		{[]string{"open", "--bucket", "b", "file"}, "open needs --bucket or --arn, --key and --envelope"},
		{[]string{"audit", "verify"}, "1 or more arguments"},
		{[]string{"--config", "x", "--data", "y"}, "a configuration FILE excludes the other flags"},
		{[]string{"verify", "s3://a", "--config", "x", "--data", "y"}, "--config excludes --data"},
	} {
		var problems bytes.Buffer
		err := run(t, test.args, io.Discard, io.Discard)
		if status := ExitStatus(err, &problems); status != StatusUsage || !strings.Contains(problems.String(), test.want) {
			t.Errorf("%q: status %d: %s", test.args, status, &problems)
		}
	}
}
