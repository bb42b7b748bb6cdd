package file_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/file"
)

func made(t *testing.T) (*file.Root, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := file.Create(path); err != nil {
		t.Fatal(err)
	}
	r, err := file.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return r, path
}

func TestWrappedKeysAreBound(t *testing.T) {
	r, path := made(t)
	other, _ := made(t)
	key := [32]byte{1, 2, 3}
	wrapped, err := r.Wrap(t.Context(), "keys/a", &key)
	if err != nil || bytes.Contains(wrapped, key[:]) {
		t.Fatal(err)
	}
	again, err := file.Open(path)
	if err != nil || again.Identity() != r.Identity() || other.Identity() == r.Identity() {
		t.Fatalf("identities: %v", err)
	}
	var got [32]byte
	if err := again.Unwrap(t.Context(), "keys/a", wrapped, &got); err != nil || got != key {
		t.Errorf("got %v", err)
	}
	if err := r.Unwrap(t.Context(), "keys/b", wrapped, &got); !errors.Is(err, keyroot.ErrWrong) {
		t.Errorf("another name: %v", err)
	}
	if err := other.Unwrap(t.Context(), "keys/a", wrapped, &got); !errors.Is(err, keyroot.ErrWrong) {
		t.Errorf("another root: %v", err)
	}
	for i := range wrapped {
		wrapped[i] ^= 1
		if err := r.Unwrap(t.Context(), "keys/a", wrapped, &got); !errors.Is(err, keyroot.ErrWrong) {
			t.Errorf("byte %d: %v", i, err)
		}
		wrapped[i] ^= 1
	}
	for n := range wrapped {
		if err := r.Unwrap(t.Context(), "keys/a", wrapped[:n], &got); !errors.Is(err, keyroot.ErrWrong) {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
}

func TestTheFileIsGuarded(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"readable by the group": func(path string) error { return os.Chmod(path, 0o640) },
		"cut short":             func(path string) error { return os.Truncate(path, 31) },
		"lost":                  os.Remove,
	} {
		r, path := made(t)
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		if r, err := file.Open(path); err == nil || r != nil {
			t.Errorf("%s: opened", name)
		}
		if r.Well(t.Context()) == nil {
			t.Errorf("%s: well", name)
		}
	}
}

func TestCreateReplacesNothing(t *testing.T) {
	r, path := made(t)
	if err := file.Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if err := r.Well(t.Context()); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}
