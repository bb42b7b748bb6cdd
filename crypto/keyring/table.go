package keyring

import (
	"math/rand/v2"
	"time"
)

// A table holds a bounded number of entries. Which one makes room for another is a choice between two dangers: requests
// for very many buckets, one after the other, must not drive out the keys of those that are always in use; and when a
// few more are in use than there is room for, most must still be found, where the entry used least recently is just the
// one that is wanted next.
//
// So an entry is new first, and proven once it was used again after a while: the several requests that make up one
// visit prove nothing. Of new entries a random one makes room, of proven ones none. Four fifths can be proven; beyond
// that each further one makes a random other one new again, which is proven as before when it is used.
//
//	all: proven … | new …
//	     ◄ demoted   promoted ►, one in, one out; only what is right of the bar is driven out
//
// Entries that are over leave with the keyring's sweep, so that a proven one doesn't take a place for ever. All methods
// take constant time, except for each and the sweep. A table isn't safe for concurrent use.
type table[K comparable, V any] struct {
	size       int           // most entries
	mostProven int           // most proven entries
	visit      time.Duration // uses this soon after an entry came are the visit that it came for
	left       func(V)       // called with each value that leaves, replaced ones too

	found  map[K]*entry[K, V]
	all    []*entry[K, V]
	proven int // that many of all are
}

type entry[K comparable, V any] struct {
	key   K
	value V
	came  time.Time
	index int // in all
}

func newTable[K comparable, V any](size int, visit time.Duration, left func(V)) *table[K, V] {
	return &table[K, V]{
		size: size, mostProven: size / 5 * 4, visit: visit, left: left, found: make(map[K]*entry[K, V]),
	}
}

func (t *table[K, V]) len() int { return len(t.all) }

// get is a use of the entry.
func (t *table[K, V]) get(key K, now time.Time) (value V, ok bool) {
	e, ok := t.found[key]
	if !ok {
		return value, false
	}
	if e.index >= t.proven && t.mostProven > 0 && now.Sub(e.came) >= t.visit {
		t.prove(e)
	}
	return e.value, true
}

// peek is get that isn't a use.
func (t *table[K, V]) peek(key K) (value V, ok bool) {
	if e, ok := t.found[key]; ok {
		return e.value, true
	}
	return value, false
}

// prove moves a new entry across the bar.
func (t *table[K, V]) prove(e *entry[K, V]) {
	if t.proven < t.mostProven {
		t.swap(e.index, t.proven)
		t.proven++
		return
	}
	t.swap(e.index, rand.IntN(t.proven))
}

// put adds an entry, or replaces the value of one, which keeps its place. It returns the value that was driven out.
func (t *table[K, V]) put(key K, value V, now time.Time) (evicted V, ok bool) {
	if e, ok := t.found[key]; ok {
		old := e.value
		e.value = value
		t.left(old)
		return evicted, false
	}
	if len(t.all) >= t.size {
		e := t.all[t.proven+rand.IntN(len(t.all)-t.proven)]
		evicted, ok = e.value, true
		t.remove(e.key)
	}
	e := &entry[K, V]{key, value, now, len(t.all)}
	t.found[key] = e
	t.all = append(t.all, e)
	return evicted, ok
}

func (t *table[K, V]) remove(key K) {
	e, ok := t.found[key]
	if !ok {
		return
	}
	delete(t.found, key)
	if e.index < t.proven {
		t.proven--
		t.swap(e.index, t.proven)
	}
	last := len(t.all) - 1
	t.swap(e.index, last)
	t.all[last] = nil
	t.all = t.all[:last]
	t.left(e.value)
}

func (t *table[K, V]) swap(i, j int) {
	t.all[i], t.all[j] = t.all[j], t.all[i]
	t.all[i].index, t.all[j].index = i, j
}

// each calls f for every entry. f must not change the table.
func (t *table[K, V]) each(f func(key K, value V)) {
	for _, e := range t.all {
		f(e.key, e.value)
	}
}

// removeIf removes the entries among the n below end, an index of all, for which over is true. It returns where they
// begin, which is the next call's end; 0 says that there are no more. What enters or moves between two calls may not be
// seen until the next round.
func (t *table[K, V]) removeIf(end, n int, over func(V) bool) (begin int) {
	end = min(end, len(t.all))
	begin = max(end-n, 0)
	for i := end - 1; i >= begin; i-- { // what takes a removed entry's place comes from behind
		if i < len(t.all) && over(t.all[i].value) {
			t.remove(t.all[i].key)
		}
	}
	return begin
}
