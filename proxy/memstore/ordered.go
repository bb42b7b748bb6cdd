package memstore

import "math/rand/v2"

// ordered is a skip list of objects in the order of their names: insertion, removal and the place from which a listing goes
// on cost O(log n). Not for concurrent use.
type ordered struct {
	head  node
	nodes map[string]*node
}

type node struct {
	key    string
	object *object
	next   []*node
}

// levels is enough for 4^16 names.
const levels = 16

func newOrdered() *ordered {
	return &ordered{head: node{next: make([]*node, levels)}, nodes: make(map[string]*node)}
}

func (o *ordered) get(key string) *object {
	if n := o.nodes[key]; n != nil {
		return n.object
	}
	return nil
}

// before fills path with the last node before key at every level.
func (o *ordered) before(key string, path *[levels]*node) {
	n := &o.head
	for l := levels - 1; l >= 0; l-- {
		for n.next[l] != nil && n.next[l].key < key {
			n = n.next[l]
		}
		path[l] = n
	}
}

// set puts an object in the place of the one that is returned, nil if there was none.
func (o *ordered) set(key string, to *object) *object {
	if n := o.nodes[key]; n != nil {
		old := n.object
		n.object = to
		return old
	}
	height := 1
	for height < levels && rand.IntN(4) == 0 {
		height++
	}
	var path [levels]*node
	o.before(key, &path)
	n := &node{key, to, make([]*node, height)}
	for l := range height {
		n.next[l] = path[l].next[l]
		path[l].next[l] = n
	}
	o.nodes[key] = n
	return nil
}

// remove takes an object out and returns it, nil if there was none.
func (o *ordered) remove(key string) *object {
	n := o.nodes[key]
	if n == nil {
		return nil
	}
	delete(o.nodes, key)
	var path [levels]*node
	o.before(key, &path)
	for l := range n.next {
		path[l].next[l] = n.next[l]
	}
	return n.object
}

// from is the first node whose key is key or follows it.
func (o *ordered) from(key string) *node {
	var path [levels]*node
	o.before(key, &path)
	return path[0].next[0]
}
