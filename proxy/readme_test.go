package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// README's recipes do what README says: their blocks are run by a shell, and what is behind "# =>" must be printed, in
// that order.
func TestRecipesOfREADME(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)<!-- recipe: (\\w+) -->\n```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 3 {
		t.Fatalf("README.md has %d recipes, want 3", len(blocks))
	}
	for _, block := range blocks {
		t.Run(block[1], func(t *testing.T) {
			t.Parallel()
			runRecipe(t, block[2])
		})
	}
}

// README is a page that is read in a minute: what is reference has pages of its own.
func TestREADMEIsShort(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 11<<10 {
		t.Errorf("README.md has %d bytes, more than 11 KiB", len(text))
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[a-z-]+)?\)`).FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join("..", link[1])); err != nil {
			t.Errorf("README.md links what isn't there: %v", err)
		}
	}
}

// The block that starts the program ends when the start fails, with a message that says what to do.
func TestTheFirstBlockOfREADMEEndsWhenTheStartFails(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "<!-- recipe: minutes -->\n```sh\n")
	start, _, ok := strings.Cut(block, "eval ")
	if !ok {
		t.Fatal("README.md's first recipe has no exports")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	taken := ln.Addr().String()
	script := strings.ReplaceAll(built(start), "127.0.0.1:8443", taken)
	script = strings.ReplaceAll(script, "127.0.0.1:9090", "127.0.0.1:0") + "END\n"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-uc", script)
	cmd.Dir = t.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil || err == nil ||
		!strings.Contains(string(out), "another program listens on "+taken+": stop it, or choose") {
		t.Errorf("%v: %s", ctx.Err(), out)
	}
}

func runRecipe(t *testing.T, recipe string) {
	// The programs that a recipe calls, and where this machine has them.
	path := os.Getenv("PATH")
	for _, name := range []string{"minio", "aws", "curl", "python3"} {
		if !regexp.MustCompile(`(?m)(^|\| |until |=\S+ )` + name + " ").MatchString(recipe) {
			continue
		}
		program := proxytest.ProgramPath(t, name)
		if found, err := exec.LookPath(name); err != nil || found != program {
			path = filepath.Dir(program) + ":" + path
		}
		if name == "python3" && exec.Command(program, "-c", "import boto3").Run() != nil {
			proxytest.MissingPython(t, "python3 has no boto3")
		}
	}
	// All that is changed in it: addresses, and the program, which has been built already.
	script := built(recipe)
	for _, address := range []string{"127.0.0.1:8443", "127.0.0.1:9090", "127.0.0.1:9000"} {
		script = strings.ReplaceAll(script, address, proxytest.Loopback(t))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euc", script)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PATH="+path, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that none of it is left when time is over
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out, problems proxytest.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &problems, 10*time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out.String(), problems.String())
	}
	left := out.String()
	for line := range strings.Lines(recipe) {
		_, wants, _ := strings.Cut(line, "# => ")
		for want := range strings.SplitSeq(wants, " => ") {
			want = strings.TrimSpace(want)
			_, rest, ok := strings.Cut(left, want)
			if !ok {
				t.Fatalf("%q isn't printed, or not in its place:\n%s\n%s", want, out.String(), problems.String())
			}
			left = rest
		}
	}
}

// built is a recipe with the program that has been built already.
func built(recipe string) string {
	recipe = strings.ReplaceAll(recipe, "go build -o try/sealfront ./proxy", "true")
	return strings.ReplaceAll(recipe, "./sealfront ", "SEALFRONT_TEST_PROGRAM=1 '"+must(filepath.Abs(os.Args[0]))+"' ")
}
