package memstore

import (
	"slices"
	"strings"
	"time"
)

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
	s.buckets[x.bucketName] = &bucket{made: x.now, objects: newOrdered[object](), uploads: make(map[string]*upload)}
	x.ctx.Response.Header.Set("Location", "/"+x.bucketName)
	return nil
}

func validBucketName(name string) bool {
	return len(name) >= 3 && len(name) <= 63 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "" &&
		!strings.HasPrefix(name, "-") && !strings.HasPrefix(name, ".")
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
