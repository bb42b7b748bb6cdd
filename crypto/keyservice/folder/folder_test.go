package folder_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"sealfront/crypto/keyservice/folder"
)

func open(t *testing.T, dir string) *folder.Folder {
	t.Helper()
	f, err := folder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRecords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "records")
	f, ctx := open(t, dir), t.Context()
	if _, _, err := f.Get(ctx, "keys/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if err := f.Put(ctx, "keys/a", []byte("1"), "another"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("replaced what isn't there: %v", err)
	}
	for i, data := range []string{"1", "2", "1"} {
		_, tag, err := f.Get(ctx, "keys/a")
		if err != nil && i > 0 {
			t.Fatal(err)
		}
		if err := f.Put(ctx, "keys/a", []byte(data), tag); err != nil {
			t.Fatal(err)
		}
		got, tag, err := f.Get(ctx, "keys/a")
		if err != nil || string(got) != data {
			t.Errorf("got %q, %v", got, err)
		}
		if cheap, err := f.Tag(ctx, "keys/a"); err != nil || cheap != tag {
			t.Errorf("tag %q, %v", cheap, err)
		}
		if err := f.Put(ctx, "keys/a", []byte("3"), ""); !errors.Is(err, fs.ErrExist) {
			t.Errorf("made twice: %v", err)
		}
	}
	if err := f.Put(ctx, "aliases/b", nil, ""); err != nil {
		t.Fatal(err)
	}
	var names []string
	if err := f.List(ctx, "keys/", func(name, _ string) { names = append(names, name) }); err != nil ||
		fmt.Sprint(names) != "[keys/a]" {
		t.Errorf("listed %v, %v", names, err)
	}
	for _, name := range []string{"a", "../keys/a", "keys/../../x", "keys/a/b", "keys/x.tmp", "/keys/a"} {
		if err := f.Put(ctx, name, nil, ""); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	for path, mode := range map[string]os.FileMode{".": 0o700, "keys": 0o700, "keys/a": 0o600, "lock": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// A crash can only come before or after a rename; what it leaves is a temporary file, which is no record.
func TestACrashLeavesWholeRecords(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Put(t.Context(), "keys/a", []byte("whole"), ""); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "keys", "a.123.tmp")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, _, err := open(t, dir).Get(t.Context(), "keys/a"); err != nil || string(data) != "whole" {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the temporary file is still there")
	}
}

func TestOneOfTwoChangesWins(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Put(t.Context(), "keys/a", []byte("0"), ""); err != nil {
		t.Fatal(err)
	}
	_, tag, err := open(t, dir).Get(t.Context(), "keys/a")
	if err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		f := open(t, dir)
		all.Go(func() {
			err := f.Put(t.Context(), "keys/a", fmt.Append(nil, i+1), tag)
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d changes succeeded", won.Load())
	}
}
