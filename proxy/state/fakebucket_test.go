package state_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"sealfront/proxy/state"
)

// bucket is a store's bucket in memory, with its own clock.
type bucket struct {
	mu        sync.Mutex
	stored    map[string]object
	etags     int
	now       time.Time
	getCount  int
	listCount int
	size      int            // of a page; 0 for three
	states    []*state.State // that open has opened here
	// requests that delete up to a thousand objects
	deletions int
}

type object struct {
	body     []byte
	etag     string
	modified time.Time
}

func newBucket() *bucket {
	return &bucket{stored: make(map[string]object), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// settle waits for what states remove behind a test's back: requests are counted and objects looked at afterwards.
func (b *bucket) settle() {
	b.mu.Lock()
	states := b.states
	b.mu.Unlock()
	for _, s := range states {
		s.Settle()
	}
}

func (b *bucket) gets() int {
	b.settle()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.getCount
}

func (b *bucket) lists() int {
	b.settle()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.listCount
}

// objects are those that are there, for a test to change while nothing else does.
func (b *bucket) objects() map[string]object {
	b.settle()
	return b.stored
}

func (b *bucket) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bucket) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *bucket) Get(_ context.Context, name string) ([]byte, string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.getCount++
	o, ok := b.stored[name]
	if !ok {
		return nil, "", fmt.Errorf("get %q: %w", name, fs.ErrNotExist)
	}
	return bytes.Clone(o.body), o.etag, nil
}

func (b *bucket) Put(_ context.Context, name string, body []byte, ifMatch string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.stored[name]
	if ifMatch == "" && ok || ifMatch != "" && ifMatch != "*" && (!ok || o.etag != ifMatch) {
		return "", fmt.Errorf("put %q: %w", name, fs.ErrExist)
	}
	b.etags++
	etag := fmt.Sprintf(`"%d"`, b.etags)
	b.stored[name] = object{bytes.Clone(body), etag, b.now}
	return etag, nil
}

func (b *bucket) Delete(_ context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.stored, name)
	return nil
}

func (b *bucket) DeleteIf(_ context.Context, name, etag string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch o, ok := b.stored[name]; {
	case !ok:
		return fmt.Errorf("delete %q: %w", name, fs.ErrNotExist)
	case o.etag != etag:
		return fmt.Errorf("delete %q: %w", name, fs.ErrExist)
	}
	delete(b.stored, name)
	return nil
}

func (b *bucket) DeleteAll(_ context.Context, names []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deletions++
	for _, name := range names {
		delete(b.stored, name)
	}
	return nil
}

// List gives pages of three, so that every walk crosses pages, unless size says otherwise.
func (b *bucket) List(_ context.Context, prefix, start string, f func(string, string, int64, time.Time)) (bool, error) {
	b.mu.Lock()
	b.listCount++
	var names []string
	for name := range b.stored {
		if strings.HasPrefix(name, prefix) && name > start {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	size := cmp.Or(b.size, 3)
	more := len(names) > size
	names = names[:min(size, len(names))]
	var page []object
	for _, name := range names {
		page = append(page, b.stored[name])
	}
	b.mu.Unlock()
	for i, name := range names {
		f(name, page[i].etag, int64(len(page[i].body)), page[i].modified)
	}
	return more, nil
}

// before takes away what earlier releases know nothing of.
func (b *bucket) before() {
	b.settle()
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.stored {
		if name == "layout" || strings.HasPrefix(name, "open/") || strings.HasPrefix(name, "bucketlist/") {
			delete(b.stored, name)
		}
	}
}

// names returns the names below a prefix.
func (b *bucket) names(prefix string) (names []string) {
	b.settle()
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.stored {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// kms wraps by adding the key id and context in front.
type kms struct{ calls int }

func (k *kms) GenerateDataKey(_ context.Context, keyID string, c map[string]string) ([]byte, []byte, error) {
	k.calls++
	key := bytes.Repeat([]byte{byte(k.calls)}, 32)
	return key, append([]byte(fmt.Sprint(keyID, c)), key...), nil
}

func (k *kms) Decrypt(_ context.Context, keyID string, blob []byte, c map[string]string) ([]byte, error) {
	key, ok := bytes.CutPrefix(blob, []byte(fmt.Sprint(keyID, c)))
	if !ok {
		return nil, errors.New("InvalidCiphertextException")
	}
	return bytes.Clone(key), nil
}
