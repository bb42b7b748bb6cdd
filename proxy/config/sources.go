package config

import (
	"context"
	"crypto/sha256"
	"maps"
	"os"
	"sync"
	"time"
)

// Sources are the files that one configuration comes from, and what each held when it was first read, or before: what
// is changed later, even while the program starts or reloads, shows in a comparison. The zero value has none yet.
type Sources struct {
	sums map[string]sum
}

type sum [sha256.Size]byte

// read reads a file that the configuration is made of.
func (s *Sources) read(name string) ([]byte, error) {
	regular := isRegular(name)
	text, err := os.ReadFile(name)
	s.add(name, digest(text, err == nil && regular))
	return text, err
}

// note adds files that others read later.
func (s *Sources) note(names []string) {
	for _, name := range names {
		if _, ok := s.sums[name]; !ok {
			s.add(name, contentOf(name))
		}
	}
}

// add keeps what a file held first.
func (s *Sources) add(name string, content sum) {
	if s.sums == nil {
		s.sums = make(map[string]sum)
	}
	if _, ok := s.sums[name]; !ok {
		s.sums[name] = content
	}
}

// contentOf is what a file holds; the zero sum for one that can't be read, and for what isn't a regular file. A pipe can
// be read once, by whoever needs it.
func contentOf(name string) sum {
	if !isRegular(name) {
		return sum{}
	}
	text, err := os.ReadFile(name)
	return digest(text, err == nil)
}

func digest(text []byte, known bool) sum {
	if !known {
		return sum{}
	}
	return sha256.Sum256(text)
}

func isRegular(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// current is what the same files hold now.
func (s *Sources) current() *Sources {
	now := &Sources{}
	for name := range s.sums {
		now.add(name, contentOf(name))
	}
	return now
}

func (s *Sources) equal(other *Sources) bool { return maps.Equal(s.sums, other.sums) }

// A Watcher finds out when a configuration has changed. It compares contents, since files may be links that are
// swapped, or be written twice within the resolution of a file system's clock. It is safe for concurrent use.
type Watcher struct {
	mu     sync.Mutex
	loaded *Sources
}

// NewWatcher returns one for what was loaded at the start.
func NewWatcher(loaded *Sources) *Watcher { return &Watcher{loaded: loaded} }

// Loaded notes what the last attempt to load has read, whether or not it succeeded.
func (w *Watcher) Loaded(s *Sources) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loaded = s
}

func (w *Watcher) sources() *Sources {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loaded
}

// Watch calls reload, which calls Loaded, when a source holds something else than when it was loaded. It reads the
// files at this interval, until ctx ends; 0: not at all. It waits until it has read the same content twice, since the
// beginning of a file that is being written may be a valid configuration.
func (w *Watcher) Watch(ctx context.Context, every time.Duration, reload func()) {
	if every <= 0 {
		return
	}
	seen := &Sources{}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		loaded := w.sources()
		now := loaded.current()
		if !now.equal(loaded) && now.equal(seen) {
			reload()
		}
		seen = now
	}
}
