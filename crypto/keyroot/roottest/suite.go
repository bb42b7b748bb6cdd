// Package roottest is the suite that every root of a key service passes, and what its tests need: the programs of real
// ones.
package roottest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"

	"sealfront/crypto/keyroot"
)

// Run checks that root does what keyroot.Root promises. other is a root of the same kind with another key, again is
// root once more, as after a restart: its Identity is the same, and it opens what root wrapped. Run closes none of
// them.
func Run(t *testing.T, root, other, again keyroot.Root) {
	t.Helper()
	ctx := t.Context()
	key := newKey()
	wrap := func(t *testing.T, r keyroot.Root, name string, key *[32]byte) []byte {
		t.Helper()
		before := *key
		wrapped, err := r.Wrap(ctx, name, key)
		if err != nil {
			t.Fatalf("wrap under %.40q: %v", name, err)
		}
		if *key != before {
			t.Fatal("Wrap changed the key")
		}
		return wrapped
	}

	t.Run("a key comes back under its name", func(t *testing.T) {
		for _, name := range []string{
			"", "a", "key/1234abcd-12ab-34cd-56ef-1234567890ab/1", "ümläut/\x00\xff\"\\\n", strings.Repeat("n", 1024),
		} {
			wrapped := wrap(t, root, name, key)
			kept := bytes.Clone(wrapped)
			for i, r := range []keyroot.Root{root, again} {
				var got [32]byte
				if err := r.Unwrap(ctx, name, wrapped, &got); err != nil || got != *key {
					t.Errorf("name %.40q, root %d: the same key: %t, %v", name, i, got == *key, err)
				}
			}
			if !bytes.Equal(wrapped, kept) {
				t.Error("Unwrap changed what was wrapped")
			}
		}
	})
	t.Run("the identity is short, printable and stays", func(t *testing.T) {
		id := root.Identity()
		if id == "" || len(id) > 200 || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q", id)
		}
		if again.Identity() != id || other.Identity() == id {
			t.Errorf("%q, again %q, another key's %q", id, again.Identity(), other.Identity())
		}
	})
	t.Run("it is well", func(t *testing.T) {
		if err := root.Well(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("the same key is wrapped differently each time, and never in clear", func(t *testing.T) {
		a, b := wrap(t, root, "name", key), wrap(t, root, "name", key)
		if bytes.Equal(a, b) {
			t.Error("two wrapped keys are the same")
		}
		if bytes.Contains(a, key[:8]) || bytes.Contains(a, key[24:]) {
			t.Error("the key stands in what was wrapped")
		}
	})
	t.Run("attacks are ErrWrong", func(t *testing.T) { attack(t, root, other, wrap(t, root, "name", key), key) })
	t.Run("a call ends with its context", func(t *testing.T) {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		wrapped := wrap(t, root, "name", key)
		var got [32]byte
		if err := root.Unwrap(ended, "name", wrapped, &got); err != nil && !errors.Is(err, context.Canceled) ||
			errors.Is(err, keyroot.ErrWrong) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("many goroutines wrap and unwrap at once", func(t *testing.T) {
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for range 8 {
					key, got := newKey(), [32]byte{}
					wrapped, err := root.Wrap(ctx, "name", key)
					if err != nil {
						t.Error(err)
						return
					}
					if err := root.Unwrap(ctx, "name", wrapped, &got); err != nil || got != *key {
						t.Errorf("the same key: %t, %v", got == *key, err)
					}
				}
			})
		}
		all.Wait()
	})
}

func newKey() *[32]byte {
	var key [32]byte
	_, _ = rand.Read(key[:])
	return &key
}

// attack unwraps what nobody wrapped.
func attack(t *testing.T, root, other keyroot.Root, wrapped []byte, key *[32]byte) {
	t.Helper()
	refused := func(what, name string, wrapped []byte) {
		t.Helper()
		got := [32]byte{1, 2, 3}
		if err := root.Unwrap(t.Context(), name, wrapped, &got); !errors.Is(err, keyroot.ErrWrong) {
			t.Errorf("%s: %v", what, err)
		}
		if got == *key {
			t.Errorf("%s: the key came back", what)
		}
	}
	for i := range wrapped {
		altered := bytes.Clone(wrapped)
		altered[i] ^= 1 << (i % 8)
		refused("a bit of byte "+string(rune('0'+i%10))+" flipped", "name", altered)
	}
	for _, n := range []int{0, 1, 2, len(wrapped) / 2, len(wrapped) - 16, len(wrapped) - 1} {
		refused("cut off", "name", wrapped[:n])
	}
	refused("nothing", "name", nil)
	refused("a byte more", "name", append(bytes.Clone(wrapped), 0))
	refused("twice", "name", append(bytes.Clone(wrapped), wrapped...))
	refused("a foreign prefix", "name", append([]byte("vault:v1:"), wrapped...))
	refused("zeros", "name", make([]byte, len(wrapped)))
	refused("random bytes", "name", random(len(wrapped)))
	refused("very long", "name", random(1<<20))
	for _, name := range []string{"", "Name", "name ", "nam", "name\x00", "namename"} {
		refused("the name "+name, name, wrapped)
	}
	theirs, err := other.Wrap(t.Context(), "name", key)
	if err != nil {
		t.Fatal(err)
	}
	refused("another root's", "name", theirs)
	// Parts of two wrapped keys put together.
	second, err := root.Wrap(t.Context(), "name", newKey())
	if err != nil {
		t.Fatal(err)
	}
	if len(second) == len(wrapped) {
		half := len(wrapped) / 2
		refused("two halves", "name", append(bytes.Clone(wrapped[:half]), second[half:]...))
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
