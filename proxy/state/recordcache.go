package state

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// recordCacheBytes bounds what the cached bucket records take, by estimate. One without a policy takes about 1 KiB.
const recordCacheBytes = 96 << 20

// A cachedBucket is a record as it was read, and when reading it began.
type cachedBucket struct {
	bucket Bucket
	read   time.Time
}

// A recordCache keeps bucket records, the ones used last. It is bounded by number and by memory: a policy may have 20
// KiB, and what is made of it is kept with its record. It is safe for concurrent use.
type recordCache struct {
	mu      sync.Mutex
	entries *simplelru.LRU[string, *cachedBucket]
	bytes   int
	most    int // bytes
}

func newRecordCache(size, bytes int) (*recordCache, error) {
	c := &recordCache{most: bytes}
	var err error
	c.entries, err = simplelru.NewLRU(size, func(_ string, b *cachedBucket) { c.bytes -= b.size() })
	return c, err
}

// size estimates what a record takes in memory. A compiled policy takes several times as much as its text.
func (c *cachedBucket) size() int {
	n := 1024 + 8*len(c.bucket.Policy)
	for _, t := range c.bucket.Tags {
		n += 64 + len(t.Key) + len(t.Value)
	}
	return n
}

func (c *recordCache) Get(name string) (*cachedBucket, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries.Get(name)
}

// Add keeps a record. What was made of the policy of the one it replaces is taken over; it counts for the same policy
// only.
func (c *recordCache) Add(name string, b *cachedBucket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.bucket.made = new(made)
	if old, ok := c.entries.Peek(name); ok {
		b.bucket.made = old.bucket.made
		c.entries.Remove(name) // Add alone wouldn't count it out
	}
	c.entries.Add(name, b)
	c.bytes += b.size()
	for c.bytes > c.most && c.entries.Len() > 1 {
		c.entries.RemoveOldest()
	}
}

func (c *recordCache) Remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries.Remove(name)
}

// A rereadLimit bounds how often the record of one bucket is read because of refusals: a few times at once, so that
// what another replica has just changed is seen, and then once in rereadEvery. It is safe for concurrent use.
type rereadLimit struct {
	mu  sync.Mutex
	due *simplelru.LRU[string, time.Time] // of each bucket, when one may be read without using up the few
}

const (
	rereadsAtOnce = 4
	rereadEvery   = time.Second
	// rereadNames is how many buckets are limited; those beyond begin anew.
	rereadNames = 4096
)

func newRereadLimit() (*rereadLimit, error) {
	due, err := simplelru.NewLRU[string, time.Time](rereadNames, nil)
	return &rereadLimit{due: due}, err
}

// take reports whether the record may be read now, and counts the read. If not, one began less than rereadEvery ago.
func (l *rereadLimit) take(name string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	due, ok := l.due.Get(name)
	if !ok || due.Before(now) {
		due = now
	}
	if due.Sub(now) > (rereadsAtOnce-1)*rereadEvery {
		return false
	}
	l.due.Add(name, due.Add(rereadEvery))
	return true
}
