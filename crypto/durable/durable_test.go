package durable_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sealfront/crypto/durable"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	list := make([]string, 0, len(entries))
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func holds(t *testing.T, name, want string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", filepath.Base(name), got, err, want)
	}
}

func TestWhatIsWrittenIsWhole(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "key")
	write := func(text string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
	}
	if err := durable.Create(name, write("one")); err != nil {
		t.Fatal(err)
	}
	if err := durable.Create(name, write("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that is there: %v", err)
	}
	holds(t, name, "one")
	if err := durable.Replace(name, []byte("three")); err != nil {
		t.Fatal(err)
	}
	holds(t, name, "three")
	if err := durable.Append(name, []byte(" and four")); err != nil {
		t.Fatal(err)
	}
	holds(t, name, "three and four")
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	// Half of it, and then an error.
	broken := errors.New("broken")
	err := durable.Create(filepath.Join(dir, "other"), func(w io.Writer) error {
		return errors.Join(write("half")(w), broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if got := names(t, dir); got != "key" {
		t.Errorf("left: %s", got)
	}

	// No directory, and one that is in the place of a file.
	for _, place := range []string{filepath.Join(dir, "no", "key"), dir} {
		if err := durable.Replace(place, nil); err == nil {
			t.Errorf("replaced %s", place)
		}
		if err := durable.Append(place, nil); err == nil {
			t.Errorf("added to %s", place)
		}
	}
	if err := durable.SyncDir(filepath.Join(dir, "no")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Of many that create one file, one does, and its content is there whole.
func TestOneCreates(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "key")
	var all sync.WaitGroup
	created := make([]bool, 20)
	for i := range created {
		all.Go(func() {
			err := durable.Create(name, func(w io.Writer) error {
				_, err := io.WriteString(w, strings.Repeat(string(rune('a'+i)), 4096))
				return err
			})
			if created[i] = err == nil; err != nil && !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	winner, winners := 0, 0
	for i, yes := range created {
		if yes {
			winner, winners = i, winners+1
		}
	}
	if winners != 1 {
		t.Fatalf("%d created it", winners)
	}
	holds(t, name, strings.Repeat(string(rune('a'+winner)), 4096))
	if got := names(t, dir); got != "key" {
		t.Errorf("left: %s", got)
	}
}
