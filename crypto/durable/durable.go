// Package durable writes files of mode 0600 that a crash of the machine leaves whole: keys, records of keys, what was
// signed, and where a walk stands.
//
//	NAME.….tmp ─ written, synced ─▶ NAME ─ by rename or link ─▶ its directory synced
//
// It is for disks of the machine: what network file systems do at these calls isn't relied on.
package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Suffix ends the names of files that aren't whole yet. A crash may leave one.
const Suffix = ".tmp"

// Replace writes a file, in place of one of its name if there is one: a crash leaves the old one or the new one.
func Replace(name string, content []byte) error {
	return write(name, os.Rename, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// Create writes a file where there is none of its name, fs.ErrExist otherwise: a crash leaves none or the whole one.
func Create(name string, content func(w io.Writer) error) error {
	return write(name, os.Link, content)
}

func write(name string, place func(from, to string) error, content func(w io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*"+Suffix) // mode 0600
	if err != nil {
		return err
	}
	err = content(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = place(f.Name(), name)
	}
	if gone := os.Remove(f.Name()); !errors.Is(gone, os.ErrNotExist) { // after a rename, it is
		err = errors.Join(err, gone)
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// Append adds to the end of a file, which it makes where there is none. A crash leaves all of it, or a part.
func Append(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
