package proxytest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// SmallDisk is a directory of a file system of 256 KiB, which only this test's processes see: that of a process with
// mounts of its own.
func SmallDisk(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
		`mount -t tmpfs -o size=256k small "$0" && echo mounted && exec sleep 600`, dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Skip("a file system of one's own: ", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "mounted\n" {
		t.Skip("a file system of one's own can't be mounted: ", err)
	}
	inside := filepath.Join("/proc", fmt.Sprint(cmd.Process.Pid), "root", dir)
	if _, err := os.ReadDir(inside); err != nil {
		t.Skip("a file system of one's own: ", err)
	}
	return inside
}

// Fill fills a disk, and returns what makes room again.
func Fill(t testing.TB, dir string) (empty func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, size := range []int{4096, 1} { // to the last byte
		for b := make([]byte, size); err == nil; {
			_, err = f.Write(b)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil {
			t.Fatal(err)
		}
	}
}
