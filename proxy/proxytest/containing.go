package proxytest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// FilesContaining returns the names of the files below dir that contain text, and those of the extended attributes that
// do.
func FilesContaining(t *testing.T, dir string, text []byte) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		list := make([]byte, 64<<10)
		if n, err := unix.Llistxattr(name, list); err == nil {
			for _, attribute := range strings.Split(strings.TrimRight(string(list[:n]), "\x00"), "\x00") {
				value := make([]byte, 64<<10)
				if n, err := unix.Lgetxattr(name, attribute, value); err == nil && bytes.Contains(value[:n], text) {
					names = append(names, name+" "+attribute)
				}
			}
		}
		if !d.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(name)
		if bytes.Contains(content, text) {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
