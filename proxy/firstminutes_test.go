package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// The exports name what a client of a configuration with parts of the program's own needs, but no credentials where the
// configuration has identities; and the process to end.
func TestTheExportsOfAConfiguration(t *testing.T) {
	t.Parallel()
	p := proxytest.StartProcess(t, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	if pid := strconv.Itoa(p.PID()); p.Env["SEALFRONT_PID"] != pid {
		t.Errorf("SEALFRONT_PID is %q, the process %s", p.Env["SEALFRONT_PID"], pid)
	}
	if log := p.Stderr.String(); strings.Contains(log, "INTERNAL ERROR") || strings.Contains(log, "\x1b[31m") {
		t.Errorf("the embedded store's errors, which are expected, are shown: %s", log)
	}
	for _, own := range []bool{true, false} {
		dir := t.TempDir()
		text := "listen: {https: \"127.0.0.1:0\"}\nregion: eu-west-1\nkms: {kind: embedded}\ndata: " + dir +
			"\nstore: {kind: memory}\n"
		if !own {
			text += "identities: [{name: app, access_key: app, secret_key: s, policy: []}]\n"
		}
		file := filepath.Join(dir, "sealfront.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := proxytest.StartProcess(t, "serve", file)
		if p.Env["AWS_CA_BUNDLE"] != filepath.Join(dir, "tls", "ca.pem") || p.Env["AWS_REGION"] != "eu-west-1" ||
			p.Env["SEALFRONT_BUCKET"] == "" || (p.Env["AWS_SECRET_ACCESS_KEY"] != "") != own {
			t.Errorf("credentials of its own: %v; exported: %v", own, p.Env)
		}
	}
}

// A start that fails ends by itself with a line that says what to do.
func TestStartsThatFailSayWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartProcess(t, "serve", "--data", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	pid := strconv.Itoa(p.PID())
	taken := strings.TrimPrefix(p.Env["AWS_ENDPOINT_URL"], "https://")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"the same data": {
			[]string{"--data", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"},
			"is in use by another sealfront, process " + pid + ": stop it (kill " + pid + "), or choose another with --data",
		},
		"the same port": {
			[]string{"--data", t.TempDir(), "--listen", taken, "--admin", "127.0.0.1:0"},
			"another program listens on " + taken + ": stop it, or choose another address (--listen",
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, os.Args[0], append([]string{"serve"}, c.args...)...)
		cmd.Env = append(os.Environ(), "SEALFRONT_TEST_PROGRAM=1")
		out, err := cmd.CombinedOutput()
		cancel()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if last := lines[len(lines)-1]; err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(last, c.want) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}
