package keyservice_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/file"
	"sealfront/crypto/keyservice"
)

// memory is Records as a bucket is: conditions hold, and nothing is cheap.
type memory struct {
	mu      sync.Mutex
	n       int
	objects map[string]object
	gets    int
	// fail, if set, is called before each request and may replace its answer; after decides whether it is carried out.
	fail func(call, name string) (after bool, err error)
}

type object struct {
	data []byte
	tag  string
}

func newMemory() *memory { return &memory{objects: make(map[string]object)} }

func (m *memory) trouble(call, name string) (after bool, err error) {
	if m.fail == nil {
		return false, nil
	}
	return m.fail(call, name)
}

func (m *memory) Get(_ context.Context, name string) ([]byte, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	if _, err := m.trouble("Get", name); err != nil {
		return nil, "", err
	}
	o, ok := m.objects[name]
	if !ok {
		return nil, "", fs.ErrNotExist
	}
	return bytes.Clone(o.data), o.tag, nil
}

func (m *memory) Put(_ context.Context, name string, data []byte, tag string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	after, err := m.trouble("Put", name)
	if err != nil && !after {
		return err
	}
	if m.objects[name].tag != tag {
		return errors.Join(err, fs.ErrExist)
	}
	m.n++
	m.objects[name] = object{bytes.Clone(data), fmt.Sprintf("%q", fmt.Sprint(m.n))}
	return err
}

func (m *memory) List(_ context.Context, prefix string, found func(name, tag string)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.trouble("List", prefix); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m.objects)) {
		if strings.HasPrefix(name, prefix) {
			found(name, m.objects[name].tag)
		}
	}
	return nil
}

func (m *memory) set(change func(map[string]object)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m.objects)
}

// copy returns records of their own with the same states.
func (m *memory) copy() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{n: m.n, objects: maps.Clone(m.objects)}
}

// switchable is a root that can be taken away.
type switchable struct {
	keyroot.Root
	mu    sync.Mutex
	away  error
	calls int
}

func (s *switchable) take(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = err
}

func (s *switchable) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *switchable) state() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return s.away
}

func (s *switchable) Wrap(ctx context.Context, name string, key *[32]byte) ([]byte, error) {
	if err := s.state(); err != nil {
		return nil, err
	}
	return s.Root.Wrap(ctx, name, key)
}

func (s *switchable) Unwrap(ctx context.Context, name string, wrapped []byte, key *[32]byte) error {
	if err := s.state(); err != nil {
		return err
	}
	return s.Root.Unwrap(ctx, name, wrapped, key)
}

func newRoot(t testing.TB) *switchable {
	t.Helper()
	path := t.TempDir() + "/root.key"
	if err := file.Create(path); err != nil {
		t.Fatal(err)
	}
	r, err := file.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return &switchable{Root: r}
}

// replica is the options of one of several services on the same records.
func replica(m keyservice.Records, roots ...keyroot.Root) keyservice.Options {
	o := options("")
	o.Records, o.Roots = m, roots
	return o
}
