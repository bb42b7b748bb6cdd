package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// The shells themselves run the script, on a command line that isn't complete.
func TestShellsCompleteCommandsAndFlags(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh"} {
		script := filepath.Join(t.TempDir(), "completion")
		text := printed(t, "completion", shell)
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if shell == "zsh" {
			if !strings.HasPrefix(text, "autoload -U +X bashcompinit && bashcompinit\n") {
				t.Errorf("zsh's completion doesn't load what runs bash's: %.80s", text)
			}
			if _, err := exec.LookPath("zsh"); err == nil {
				out, err := exec.Command("zsh", "-fc", "autoload -U compinit; compinit -D; source "+script+
					"; print -r -- $_comps[sealfront]").CombinedOutput()
				if err != nil || !strings.Contains(string(out), "_sealfront") {
					t.Errorf("zsh: %v %s", err, out)
				}
			}
			continue
		}
		for line, want := range map[string]string{
			"ver": "verify version", "config ": "check schema", "config check --c": "--config", "serve --li": "--listen",
			"verify s3://b --sh": "--shard", "kms config ch": "check", "kms re": "restore reroot",
			"kms config check --c": "--config",
			"kms --c":              "--config",
		} {
			words := strings.Fields(line)
			if strings.HasSuffix(line, " ") {
				words = append(words, "")
			}
			quoted := "sealfront"
			for _, w := range words {
				quoted += " '" + w + "'"
			}
			out, err := exec.Command("bash", "-c", "source "+script+"; COMP_WORDS=("+quoted+
				"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _sealfront; echo ${COMPREPLY[*]}").CombinedOutput()
			if err != nil || strings.TrimSpace(string(out)) != want {
				t.Errorf("%q: %q, want %q: %v", line, out, want, err)
			}
		}
	}
	if _, errs, status := ran(t, "completion", "fish"); status != StatusUsage || !strings.Contains(errs, "bash and zsh") {
		t.Errorf("fish: %d %s", status, errs)
	}
}

// A page for man has macros where help has headings, no line that man would take for another macro, and fits a terminal
// when it is shown.
func TestPagesForMan(t *testing.T) {
	t.Parallel()
	macros := []string{".PP", ".nf", ".fi", ".nh", ".ad l", ".HP 4", ".TP", ".RS 4", ".RE", ".br"}
	for _, args := range [][]string{
		{"man"}, {"man", "config", "check"}, {"man", "serve"}, {"man", "kms"}, {"man", "explain"},
	} {
		page := printed(t, args...)
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !strings.HasPrefix(line, ".SH ") &&
				!strings.HasPrefix(line, ".TH ") && !slices.Contains(macros, strings.TrimSuffix(line, "\n")) {
				t.Errorf("%q: %q", args, line)
			}
		}
		if !strings.Contains(page, "\n.SH NAME\n") {
			t.Errorf("%q: no name: %.200s", args, page)
		}
		if _, err := exec.LookPath("groff"); err != nil {
			continue
		}
		cmd := exec.Command("groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-P-cbou")
		cmd.Stdin = strings.NewReader(page)
		var said strings.Builder
		cmd.Stderr = &said
		shown, err := cmd.Output()
		if err != nil || said.Len() > 0 {
			t.Errorf("%q: groff: %v %s", args, err, said.String())
		}
		for line := range strings.Lines(string(shown)) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
				t.Errorf("%q: %d columns: %s", args, n, line)
			}
		}
	}
	if page := printed(t, "man", "config", "check"); !strings.Contains(page, `\-\-config`) {
		t.Errorf("the page has no flag: %s", page)
	}
}

// The version is what options ask for elsewhere, too; a configuration is an argument or a flag.
func TestWhatIsTypedInTheFirstMinutes(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--version"}, {"-v"}, {"-version"}} {
		if out := printed(t, args...); out != printed(t, "version") {
			t.Errorf("%q: %s", args, out)
		}
	}
	absent := filepath.Join(t.TempDir(), "absent.yaml")
	for _, args := range [][]string{
		{"serve", absent},
		{"serve", "--config", absent},
		{"--config", absent},
		{"config", "check", absent},
		{"config", "check", "--config", absent},
		{"serve", "--config", absent, absent},
	} {
		if _, errs, status := ran(t, args...); status != StatusUsage || !strings.Contains(errs, "open "+absent) {
			t.Errorf("%q: %d %s", args, status, errs)
		}
	}
	for _, args := range [][]string{{"serve", "--config", absent, "b"}, {"config", "check", "--config", absent, "b"}} {
		if _, errs, status := ran(t, args...); status != StatusUsage || !strings.Contains(errs, "two configurations") {
			t.Errorf("%q: %d %s", args, status, errs)
		}
	}
	if _, errs, status := ran(t, "config", "check"); status != StatusUsage ||
		!strings.Contains(errs, "usage: sealfront config") {
		t.Errorf("config check of nothing: %d %s", status, errs)
	}
}
