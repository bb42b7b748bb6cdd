package objects

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"sealfront/crypto"
)

// A cachedLayout has what reads need of a multipart object's trailer. It is valid for one version of the object: ETags
// may repeat and are chosen by the store, so the object id must match, too (S10).
type cachedLayout struct {
	etag     string // the store's, quoted
	objectID [crypto.SaltSize]byte
	total    int64 // stored size
	layout   *crypto.Layout
	checksum *crypto.Checksum
}

// layouts caches layouts of multipart objects, so that a range of one costs a single request to the store. It is
// bounded in bytes. The writer of an object fills it, and every reader.
type layouts struct {
	mu      sync.Mutex
	entries *simplelru.LRU[string, *cachedLayout]
	bytes   int
	budget  int
}

// layoutBudget is the memory for layouts: those of 200 objects of 10,000 parts, or of 50,000 of 40.
const layoutBudget = 64 << 20

// layoutOverhead is what an entry takes in addition to its layout and its name, in bytes.
const layoutOverhead = 320

func newLayouts() *layouts {
	l := &layouts{budget: layoutBudget}
	entries, err := simplelru.NewLRU(1<<20, func(name string, k *cachedLayout) { l.bytes -= k.size(name) })
	if err != nil {
		panic("gateway: internal error: " + err.Error())
	}
	l.entries = entries
	return l
}

func (k *cachedLayout) size(name string) int { return layoutOverhead + len(name) + k.layout.Size() }

// get returns an object's entry, nil if there is none.
func (l *layouts) get(name string) *cachedLayout {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, _ := l.entries.Get(name)
	return k
}

func (l *layouts) put(name string, k *cachedLayout) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries.Remove(name)
	l.entries.Add(name, k)
	l.bytes += k.size(name)
	for l.bytes > l.budget {
		if _, _, ok := l.entries.RemoveOldest(); !ok {
			return
		}
	}
}

func (l *layouts) drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries.Remove(name)
}
