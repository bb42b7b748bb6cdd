package crypto_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestThePythonReaderAgrees runs testdata/naive_reader.py over all vectors: a third opinion, with another language's
// AES-GCM and HKDF.
func TestThePythonReaderAgrees(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not there")
	}
	if err := exec.Command(python, "-c", "import cryptography").Run(); err != nil {
		t.Skip("python3 is there without its package cryptography")
	}
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors")
	}
	out, err := exec.Command(python, append([]string{"testdata/naive_reader.py", "vectors"}, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
