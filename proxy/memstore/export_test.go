package memstore

import "time"

// Free is what is left of MaxBytes.
func (s *Store) Free() int64 { return s.memory.free.Load() }

// Waits are n draws of a trouble's latency.
func Waits(t Trouble, n int) []time.Duration {
	var in trouble
	in.set(t)
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = in.now.Load().wait()
	}
	return list
}

// Keys is the skip list of names.
type Keys struct{ o *ordered[object] }

// NewKeys is empty.
func NewKeys() Keys { return Keys{newOrdered[object]()} }

// Set puts a name in, and reports whether it was there.
func (k Keys) Set(key string) bool { return k.o.set(key, &object{}) != nil }

// Remove takes a name out, and reports whether it was there.
func (k Keys) Remove(key string) bool { return k.o.remove(key) != nil }

// From lists the names from key on.
func (k Keys) From(key string) (list []string) {
	for n := k.o.from(key); n != nil; n = n.next[0] {
		list = append(list, n.key)
	}
	return list
}
