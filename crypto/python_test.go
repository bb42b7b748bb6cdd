package crypto_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestThePythonReaderAgrees runs testdata/naive_reader.py over all vectors: a third opinion, with another language's
// AES-GCM and HKDF.
func TestThePythonReaderAgrees(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		missing(t, "python3 is not installed")
	}
	if err := exec.Command(python, "-c", "import cryptography").Run(); err != nil {
		missing(t, "python3 has no package cryptography")
	}
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors")
	}
	out, err := exec.Command(python, append([]string{"testdata/naive_reader.py", "vectors"},
		files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// missing skips a test for which a program or a Python package is missing; where .ci/run has installed it, that is a
// failure.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SEALFRONT_E2E") == "require" && os.Getenv("SEALFRONT_E2E_PYTHON") != "absent" {
		t.Fatal(what)
	}
	t.Skip(what + "; .ci/run installs it")
}
