package memstore

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// A bucket is its objects and uploads.
type bucket struct {
	made time.Time

	mu      sync.RWMutex
	objects *ordered
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

// newObject makes an object and takes over the caller's use of b. It returns errFull when there is no room.
func (x *exchange) newObject(b *body, etag string, header []headerField) (*object, error) {
	n := int64(overhead + 2*len(x.key))
	for _, f := range header {
		n += int64(len(f.name) + len(f.value))
	}
	if !x.store.memory.take(n) {
		return nil, errFull
	}
	t := x.now.UTC()
	return &object{body: b, etag: etag, header: header, modified: t, shown: t.Format("Mon, 02 Jan 2006 15:04:05") + " GMT", room: n}, nil
}

// drop gives an object's memory back; nil is none.
func (s *Store) drop(o *object) {
	if o != nil {
		o.body.release()
		s.memory.give(o.room)
	}
}

// commit puts an object into the bucket if the request's conditions hold for what is there; otherwise nothing happens.
// Either way o is the bucket's or gone afterwards.
func (x *exchange) commit(b *bucket, o *object) error {
	b.mu.Lock()
	old, err := x.replace(b, o)
	b.mu.Unlock()
	if err != nil {
		old = o
	}
	x.store.drop(old)
	return err
}

// replace is commit for callers that hold the lock; it returns what was there.
func (x *exchange) replace(b *bucket, o *object) (old *object, err error) {
	if b.gone {
		return nil, refuse("NoSuchBucket")
	}
	if err := x.writeConditions(b.objects.get(x.key)); err != nil {
		return nil, err
	}
	return b.objects.set(x.key, o), nil
}

func (x *exchange) createBucket() error {
	if !validBucketName(x.bucketName) {
		return refuse("InvalidBucketName")
	}
	b, err := x.readBody(maxDocument) // the location: there is one
	if err != nil {
		return err
	}
	b.release()
	s := x.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[x.bucketName] != nil {
		return refuse("BucketAlreadyOwnedByYou")
	}
	s.buckets[x.bucketName] = &bucket{made: x.now, objects: newOrdered(), uploads: make(map[string]*upload)}
	x.ctx.Response.Header.Set("Location", "/"+x.bucketName)
	return nil
}

func validBucketName(name string) bool {
	return len(name) >= 3 && len(name) <= 63 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "" && !strings.HasPrefix(name, "-") && !strings.HasPrefix(name, ".")
}

func (x *exchange) deleteBucket() error {
	s := x.store
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[x.bucketName]
	if b == nil {
		return refuse("NoSuchBucket")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.objects.nodes) > 0 || len(b.uploads) > 0 {
		return refuse("BucketNotEmpty")
	}
	b.gone = true
	delete(s.buckets, x.bucketName)
	x.ctx.Response.SetStatusCode(204)
	return nil
}

func (x *exchange) headBucket() error {
	_, err := x.store.bucket(x.bucketName)
	if err == nil {
		x.ctx.Response.Header.Set("x-amz-bucket-region", x.store.o.Region)
	}
	return err
}

func (x *exchange) getBucketLocation() error {
	if _, err := x.store.bucket(x.bucketName); err != nil {
		return err
	}
	var d document
	d.begin("LocationConstraint")
	d.b.WriteString(x.store.o.Region)
	d.close("LocationConstraint")
	x.show(&d)
	return nil
}

func (x *exchange) listBuckets() error {
	s := x.store
	s.mu.RLock()
	names := make([]string, 0, len(s.buckets))
	made := make(map[string]time.Time, len(s.buckets))
	for name, b := range s.buckets {
		if strings.HasPrefix(name, x.query.Get("prefix")) {
			names, made[name] = append(names, name), b.made
		}
	}
	s.mu.RUnlock()
	slices.Sort(names)
	var d document
	d.begin("ListAllMyBucketsResult")
	d.open("Buckets")
	for _, name := range names {
		d.open("Bucket")
		d.text("Name", name)
		d.time("CreationDate", made[name])
		d.close("Bucket")
	}
	d.close("Buckets")
	d.close("ListAllMyBucketsResult")
	x.show(&d)
	return nil
}
