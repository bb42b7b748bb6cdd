// Package folder keeps a key service's records in files of a folder, one a record.
//
//	DIR/keys/ID, DIR/aliases/HASH    the records, mode 0600
//	DIR/lock                         held while one is changed
//
// Promises: a change is there whole or not at all, also after a crash (TestACrashLeavesWholeRecords); of two changes of
// one state one succeeds, also in several processes (TestOneOfTwoChangesWins). The folder belongs on a disk of the
// machine: file locks of network file systems aren't relied on.
package folder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sealfront/crypto/durable"
)

// A Folder is the records in a directory. It is safe for concurrent use, also by several processes.
type Folder struct {
	dir string

	mu   sync.Mutex
	seen map[string]state // by name: files that had settled when they were read
}

// A state is what a file was when it had a tag.
type state struct{ look, tag string }

// settled is how old a file must be for its look to tell its states apart: clocks of file systems are coarse, and a
// freed inode is used again.
const settled = time.Second

const lockName = "lock"

// Open opens or makes the directory, mode 0700. It keeps no file open.
func Open(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, seen: make(map[string]state)}
	unlock, err := f.Lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return f, f.removeTemporary()
}

// Lock holds off changes by others until unlock is called.
func (f *Folder) Lock() (unlock func(), err error) { return LockFile(filepath.Join(f.dir, lockName)) }

// removeTemporary takes away what a crash in Put has left; the lock is held, so nobody is writing.
func (f *Folder) removeTemporary() error {
	left, err := filepath.Glob(filepath.Join(f.dir, "*", "*"+durable.Suffix))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// path is where a record lies.
func (f *Folder) path(name string) (string, error) {
	if !filepath.IsLocal(name) || strings.HasSuffix(name, durable.Suffix) || strings.Count(name, "/") != 1 {
		return "", fmt.Errorf("%q can't be the name of a record", name)
	}
	return filepath.Join(f.dir, filepath.FromSlash(name)), nil
}

// Get reads a record and the tag of the state that it is in; fs.ErrNotExist without one.
func (f *Folder) Get(_ context.Context, name string) (data []byte, tag string, err error) {
	path, err := f.path(name)
	if err != nil {
		return nil, "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return nil, "", err
	}
	data = make([]byte, info.Size())
	if _, err := file.ReadAt(data, 0); err != nil && len(data) > 0 {
		return nil, "", fmt.Errorf("read %s: %w", path, err)
	}
	sum := sha256.Sum256(data)
	tag = hex.EncodeToString(sum[:])
	if time.Since(info.ModTime()) > settled {
		f.mu.Lock()
		f.seen[name] = state{look(info), tag}
		f.mu.Unlock()
	}
	return data, tag, nil
}

// Tag is Get's tag without the record; it mostly costs a look at the file.
func (f *Folder) Tag(ctx context.Context, name string) (tag string, err error) {
	path, err := f.path(name)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	known := f.seen[name]
	f.mu.Unlock()
	if known.look == look(info) {
		return known.tag, nil
	}
	_, tag, err = f.Get(ctx, name)
	return tag, err
}

// Put writes a record in place of the one with the tag, or where there is none with "". Otherwise it is fs.ErrExist. No
// two states of a record may have the same bytes: the tag is made of them.
func (f *Folder) Put(ctx context.Context, name string, data []byte, tag string) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	unlock, err := f.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	_, now, err := f.Get(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if now != tag {
		return fmt.Errorf("the record %s was changed meanwhile: %w", name, fs.ErrExist)
	}
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, 0o700); err == nil {
		if err := durable.SyncDir(f.dir); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.Replace(path, data)
}

// List calls found for each record whose name begins with a prefix that ends with a slash, in order.
func (f *Folder) List(ctx context.Context, prefix string, found func(name, tag string)) error {
	entries, err := os.ReadDir(filepath.Join(f.dir, filepath.FromSlash(prefix)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), durable.Suffix) {
			continue
		}
		tag, err := f.Tag(ctx, prefix+entry.Name())
		if err != nil {
			return err
		}
		found(prefix+entry.Name(), tag)
	}
	return nil
}
