package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheUnit has systemd's own tool read the unit, and holds it to what the program does: it reports when it is ready,
// ends with status 2 when a person is needed, and may have to wait for a store for long.
func TestTheUnit(t *testing.T) {
	analyze := toolPath(t, "systemd-analyze")
	text, err := os.ReadFile("sealfront.service")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, want := range []string{
		"Type=notify", "Restart=on-failure", "RestartSec=5", "StartLimitIntervalSec=0", "RestartPreventExitStatus=2",
		"WatchdogSec=60", "LimitCORE=0",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("the unit has no line %s", want)
		}
	}
	// A command before the start that fails ends the unit with its own status, and is tried in place of the program.
	if regexp.MustCompile(`(?m)^Exec(StartPre|Condition)=`).Match(text) {
		t.Error("a command before the start decides whether the program is started")
	}
	// The tool wants the program to be there.
	unit := filepath.Join(t.TempDir(), "sealfront.service")
	write(t, unit, strings.ReplaceAll(string(text), "/usr/local/bin/sealfront", "/bin/sh"))
	if out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v %s", err, out)
	}
	// In tenths; 1.1 is for the network and the sockets that it serves.
	out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=12", unit).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v %s", err, out)
	}
}
