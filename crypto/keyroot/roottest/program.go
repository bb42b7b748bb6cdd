package roottest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
)

// Tool returns the path of a file below $SEALFRONT_TOOLS. Where it is missing, the test is skipped, or fails when
// SEALFRONT_E2E=require.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(os.Getenv("SEALFRONT_TOOLS"), name)
	if _, err := os.Stat(path); err != nil || os.Getenv("SEALFRONT_TOOLS") == "" {
		if os.Getenv("SEALFRONT_E2E") == "require" {
			t.Fatalf("%s isn't in $SEALFRONT_TOOLS, and SEALFRONT_E2E=require", name)
		}
		t.Skipf("%s isn't in $SEALFRONT_TOOLS", name)
	}
	return path
}

// A Vault is the core of HashiCorp Vault as a process of its own, with everything in memory: see .tools/vault.
type Vault struct {
	Address string `json:"address"` // http://127.0.0.1:PORT
	Token   string `json:"token"`   // of root
	Unseal  string `json:"unseal"`  // the one key
	process *os.Process
	keys    atomic.Int32 // made
}

// StartVault starts one and kills it when the test ends. Where the program is missing, see Tool.
func StartVault(t testing.TB) *Vault {
	t.Helper()
	cmd := exec.Command(Tool(t, "bin/sealfront-vault"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("Vault didn't start: %v", err)
	}
	v := &Vault{process: cmd.Process}
	if err := json.Unmarshal(line, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Hang stops the process without ending it: it takes connections and says nothing. It returns when all threads have
// stopped, which takes a moment after the signal.
func (v *Vault) Hang() error {
	if err := v.process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(v.process.Pid, &status, syscall.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("wait until the server has stopped: %w", err)
		case !status.Stopped():
			return errors.New("the server has ended")
		default:
			return nil
		}
	}
}

// Resume lets it go on.
func (v *Vault) Resume() error { return v.process.Signal(syscall.SIGCONT) }
