package instance

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheControlGroupsLimitIsFound(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("pods/one/memory.max", "max\n")
	write("pods/memory.max", "268435456\n")
	write("memory/docker/x/memory.limit_in_bytes", "134217728\n")
	write("memory/memory.limit_in_bytes", "9223372036854771712\n")
	write("memory.max", "max\n")
	for groups, want := range map[string]int64{
		"0::/pods/one\n":                         256 * (1 << 20),
		"0::/\n":                                 0,
		"0::/../../elsewhere\n":                  0,
		"12:cpu:/docker/x\n4:memory:/docker/x\n": 128 * (1 << 20),
		"":                                       0,
	} {
		if got := cgroupLimitBelow(root, groups); got != want {
			t.Errorf("%q: %d, want %d", groups, got, want)
		}
	}
}
