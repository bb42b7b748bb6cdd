package check

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"sealfront/proxy/instance"
)

// dataDirectory checks that embedded parts can store their data.
func (k *checkup) dataDirectory() {
	dir := k.c.Data
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		// A start makes it, in the nearest existing directory.
		above := filepath.Dir(dir)
		for {
			if info, err = os.Stat(above); !errors.Is(err, fs.ErrNotExist) || above == filepath.Dir(above) {
				break
			}
			above = filepath.Dir(above)
		}
		dir = above
	}
	switch {
	case err != nil:
		k.fault("data", "looked for %s: %v", dir, err)
		return
	case !info.IsDir():
		k.fault("data", "%s isn't a directory", dir)
		return
	}
	f, err := os.CreateTemp(dir, ".sealfront-check-")
	if err != nil {
		k.fault("data", "tried to make a file in %s: %v; the program's user needs to write there", dir, err)
		return
	}
	_, _ = f.Close(), os.Remove(f.Name())
	if dir != k.c.Data {
		return
	}
	if info.Mode()&0o077 != 0 {
		k.warn("data", "%s holds keys, and others may enter it, its mode being %v: chmod 700", dir, info.Mode().Perm())
	}
	if _, err := instance.ShareData(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.fault("data", "%v; restore it from a backup: the keys that it names open the objects", err)
	}
}
