package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Check reports whether Open would succeed, and changes nothing: a file that is there is opened for writing and its
// last record read; for one that isn't, a file is made in its directory and removed.
func Check(name string) error {
	if _, err := readHead(name); err != nil {
		return fmt.Errorf("read %s: %w", headFile(name), err)
	}
	for _, file := range []string{name, headFile(name)} {
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			err = canMake(filepath.Dir(file))
			if err != nil {
				return fmt.Errorf("make %s: %w", file, err)
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("open %s for writing: %w", file, err)
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("it isn't a regular file")
		}
		if err == nil && file == name {
			_, _, err = lastLink(f)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("read the last record of %s: %w", file, err)
		}
	}
	return nil
}

// canMake makes a file in a directory, and removes it.
func canMake(dir string) error {
	f, err := os.CreateTemp(dir, ".sealfront-check-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
