package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// series remembers what a vector's labels lead to: Prometheus would hash them for each event. Looking one up takes no
// lock.
type series[K comparable, V any] struct {
	find func(K) V

	known atomic.Pointer[map[K]V]
	mu    sync.Mutex // one writer at a time
}

func newSeries[K comparable, V any](find func(K) V) *series[K, V] {
	s := &series[K, V]{find: find}
	s.known.Store(&map[K]V{})
	return s
}

func (s *series[K, V]) of(k K) V {
	if v, ok := (*s.known.Load())[k]; ok {
		return v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.find(k)
	more := maps.Clone(*s.known.Load())
	more[k] = v
	s.known.Store(&more)
	return v
}
