package memstore

import "math/rand/v2"

// ordered is a skip list of values in the order of their names: insertion, removal and the place from which a listing
// goes on cost O(log n). Not for concurrent use.
type ordered[T any] struct {
	head  node[T]
	nodes map[string]*node[T]
}

type node[T any] struct {
	key   string
	value *T
	next  []*node[T]
}

// levels is enough for 4^16 names.
const levels = 16

func newOrdered[T any]() *ordered[T] {
	return &ordered[T]{head: node[T]{next: make([]*node[T], levels)}, nodes: make(map[string]*node[T])}
}

func (o *ordered[T]) get(key string) *T {
	if n := o.nodes[key]; n != nil {
		return n.value
	}
	return nil
}

// before fills path with the last node before key at every level.
func (o *ordered[T]) before(key string, path *[levels]*node[T]) {
	n := &o.head
	for l := levels - 1; l >= 0; l-- {
		for n.next[l] != nil && n.next[l].key < key {
			n = n.next[l]
		}
		path[l] = n
	}
}

// set puts a value in the place of the one that is returned, nil if there was none.
func (o *ordered[T]) set(key string, to *T) *T {
	if n := o.nodes[key]; n != nil {
		old := n.value
		n.value = to
		return old
	}
	height := 1
	for height < levels && rand.IntN(4) == 0 {
		height++
	}
	var path [levels]*node[T]
	o.before(key, &path)
	n := &node[T]{key, to, make([]*node[T], height)}
	for l := range height {
		n.next[l] = path[l].next[l]
		path[l].next[l] = n
	}
	o.nodes[key] = n
	return nil
}

// remove takes a value out and returns it, nil if there was none.
func (o *ordered[T]) remove(key string) *T {
	n := o.nodes[key]
	if n == nil {
		return nil
	}
	delete(o.nodes, key)
	var path [levels]*node[T]
	o.before(key, &path)
	for l := range n.next {
		path[l].next[l] = n.next[l]
	}
	return n.value
}

// from is the first node whose key is key or follows it.
func (o *ordered[T]) from(key string) *node[T] {
	var path [levels]*node[T]
	o.before(key, &path)
	return path[0].next[0]
}
