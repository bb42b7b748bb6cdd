package proxytest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// enough has, for programs whose old versions, such as Debian's, don't support directory buckets or AWS_CA_BUNDLE, the
// arguments that print the version, and for each major version the lowest minor one that suffices.
var enough = map[string]struct {
	arg   string
	minor map[int]int
}{
	"rclone": {"version", map[int]int{1: 68}},
	"aws":    {"--version", map[int]int{1: 36, 2: 23}},
}

// ProgramPath finds a program in PATH or below $SEALFRONT_TOOLS. Where it is missing, or too old, the test is skipped,
// or fails when SEALFRONT_E2E=require.
func ProgramPath(t testing.TB, name string) string {
	t.Helper()
	if tools := os.Getenv("SEALFRONT_TOOLS"); tools != "" {
		if path, err := exec.LookPath(filepath.Join(tools, "bin", name)); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	what := name + " is neither in PATH nor in $SEALFRONT_TOOLS/bin"
	if e, ok := enough[name]; err == nil && ok {
		out, versionErr := exec.Command(path, e.arg).CombinedOutput()
		major, minor, found := versionIn(string(out))
		if least, known := e.minor[major]; versionErr != nil || !found || !known || minor < least {
			line, _, _ := strings.Cut(string(out), "\n")
			what = fmt.Sprintf("%s in PATH is %q, which is too old, and none is in $SEALFRONT_TOOLS/bin", name, line)
			err = errors.New(what)
		}
	}
	if err == nil {
		return path
	}
	if name == "aws" || name == "python3" {
		MissingPython(t, what)
	}
	Missing(t, what)
	return ""
}

// versionIn finds the first number like 1.60 in text.
func versionIn(text string) (major, minor int, found bool) {
	for i := range text {
		if (i == 0 || text[i-1] < '0' || text[i-1] > '9') && text[i] >= '0' && text[i] <= '9' {
			if n, _ := fmt.Sscanf(text[i:], "%d.%d", &major, &minor); n == 2 {
				return major, minor, true
			}
		}
	}
	return 0, 0, false
}

// Missing skips the test that needs what is missing, or fails it with SEALFRONT_E2E=require.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("SEALFRONT_E2E") == "require" {
		t.Fatal(what)
	}
	t.Skip(what + "; .ci/run installs it")
}

// MissingPython is Missing for Python's clients, which .ci/run uses where the machine has them, and otherwise installs
// if it can.
func MissingPython(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("SEALFRONT_E2E_PYTHON") == "absent" {
		t.Skip(what + ", and it could not be installed")
	}
	Missing(t, what)
}
