package memstore

import (
	"sync"
	"time"
)

// A bucket is its objects and uploads.
type bucket struct {
	made time.Time

	mu      sync.RWMutex
	objects *ordered[object]
	uploads map[string]*upload
	gone    bool // deleted while somebody still holds it
}

// An object never changes; another takes its place.
type object struct {
	body     *body
	etag     string // with quotes
	header   []headerField
	modified time.Time
	shown    string // modified, as a header
	room     int64  // of names and headers in the budget
}

type headerField struct{ name, value string }

// overhead is what an object takes besides its body, name and headers: a fair guess.
const overhead = 512

// An upload is a multipart upload that hasn't been completed. It is guarded by its bucket's lock.
type upload struct {
	key    string
	header []headerField
	made   time.Time
	parts  map[int]*part
}

type part struct {
	body     *body
	etag     string
	modified time.Time
}

func (u *upload) release() {
	for _, p := range u.parts {
		p.body.release()
	}
}

// find returns an object and a use of its body, that the caller releases.
func (b *bucket) find(key string) (*object, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	o := b.objects.get(key)
	if o == nil {
		return nil, refuse("NoSuchKey")
	}
	o.body.retain()
	return o, nil
}
