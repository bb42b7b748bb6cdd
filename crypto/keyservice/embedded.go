package keyservice

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/file"
	"sealfront/crypto/keyservice/folder"
)

// The embedded key service lies in one folder:
//
//	root.key     the root key
//	records/     the records
//	keys         of earlier releases: all keys in one file; afterwards a text that says where they went
const (
	rootName = "root.key"
	keysName = "keys"
)

// recordsName is the folder of the records in Options.Dir.
const recordsName = "records"

func recordsDir(dir string) string { return filepath.Join(dir, recordsName) }

// openFolder opens the folder of an embedded key service, or makes it and its root key. Keys of earlier releases are
// moved into records.
func openFolder(dir string) (Records, []keyroot.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	records, err := folder.Open(recordsDir(dir))
	if err != nil {
		return nil, nil, err
	}
	unlock, err := lockEarlier(dir)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	root, err := openRoot(dir, records)
	if err != nil {
		return nil, nil, err
	}
	if err := moveEarlier(dir, records, root); err != nil {
		return nil, nil, err
	}
	return records, []keyroot.Root{root}, nil
}

// openRoot opens the root key, or makes it in a folder without keys.
func openRoot(dir string, records Records) (keyroot.Root, error) {
	path := filepath.Join(dir, rootName)
	root, err := file.Open(path)
	if err == nil {
		return root, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	_, err = os.Lstat(filepath.Join(dir, keysName))
	some := !errors.Is(err, fs.ErrNotExist)
	err = records.List(context.Background(), keyPrefix, func(string, string) { some = true })
	if err != nil {
		return nil, err
	}
	if some {
		return nil, fmt.Errorf("%s is missing, but there are keys sealed under it", path)
	}
	if err := file.Create(path); err != nil {
		return nil, err
	}
	return file.Open(path)
}
