package objects

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"sealfront/crypto"
)

// A knownLayout is what a multipart object's trailer says, as far as reads need it. It counts for one version of the
// object: ETags may repeat and are chosen by the store, so the object id must match, too (S10).
type knownLayout struct {
	etag     string // the store's, quoted
	objectID [crypto.SaltSize]byte
	total    int64 // stored size
	layout   *crypto.Layout
	checksum *crypto.Checksum
}

// layouts caches known layouts of multipart objects, so that a range of one costs a single request to the store. It is
// bounded in bytes. The writer of an object fills it, and every reader.
type layouts struct {
	mu     sync.Mutex
	known  *simplelru.LRU[string, *knownLayout]
	bytes  int
	budget int
}

// layoutBudget is the memory for layouts: those of 200 objects of 10,000 parts, or of 50,000 of 40.
const layoutBudget = 64 << 20

// layoutOverhead is what an entry takes beside its layout and its name.
const layoutOverhead = 320

func newLayouts() *layouts {
	l := &layouts{budget: layoutBudget}
	known, err := simplelru.NewLRU(1<<20, func(name string, k *knownLayout) { l.bytes -= k.size(name) })
	if err != nil {
		panic("gateway: internal error: " + err.Error())
	}
	l.known = known
	return l
}

func (k *knownLayout) size(name string) int { return layoutOverhead + len(name) + k.layout.Size() }

// get returns what is known of an object, nil if nothing is.
func (l *layouts) get(name string) *knownLayout {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, _ := l.known.Get(name)
	return k
}

func (l *layouts) put(name string, k *knownLayout) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known.Remove(name)
	l.known.Add(name, k)
	l.bytes += k.size(name)
	for l.bytes > l.budget {
		if _, _, ok := l.known.RemoveOldest(); !ok {
			return
		}
	}
}

func (l *layouts) drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known.Remove(name)
}
