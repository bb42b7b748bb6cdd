package keyserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"sealfront/crypto/keyservice"
	"sealfront/proxy/store"
)

// A Bucket is the records of a key service as objects of one bucket, which change under the store's own conditions.
type Bucket struct{ objects *store.Objects }

var _ keyservice.Records = (*Bucket)(nil)

// NewBucket makes records of a bucket, which Probe must have found fit for it.
func NewBucket(objects *store.Objects) *Bucket { return &Bucket{objects} }

// Get reads an object; its tag is the ETag. No two states of a record have the same bytes, so an ETag that comes back
// is a state that was brought back, which the record's counter shows.
func (b *Bucket) Get(ctx context.Context, name string) (data []byte, tag string, err error) {
	data, tag, err = b.objects.Get(ctx, name)
	if err == nil && tag == "" {
		err = fmt.Errorf("the store gave no ETag of %s", name)
	}
	return data, tag, err
}

// Put writes an object under If-None-Match: * or If-Match.
func (b *Bucket) Put(ctx context.Context, name string, data []byte, tag string) error {
	_, err := b.objects.Put(ctx, name, data, tag)
	return err
}

// List lists objects, page by page.
func (b *Bucket) List(ctx context.Context, prefix string, found func(name, tag string)) error {
	for start := ""; ; {
		last := start
		more, err := b.objects.List(ctx, prefix, start, func(name, tag string, _ int64, _ time.Time) {
			if last = name; strings.HasPrefix(name, prefix) {
				found(name, tag)
			}
		})
		if err != nil || !more {
			return err
		}
		if last == start {
			return errors.New("the store's listing doesn't go on")
		}
		start = last
	}
}

// Probe makes the bucket if it is missing, and tries whether the store's conditions on PUT hold: each alone would let
// replicas overwrite each other's changes. An error that names a condition means that the store can't be used.
func Probe(ctx context.Context, objects *store.Objects) (err error) {
	if err := objects.Create(ctx); err != nil {
		return fmt.Errorf("open the bucket of the records: %w", err)
	}
	var salt [8]byte
	_, _ = rand.Read(salt[:]) // never fails
	name := "probe-" + hex.EncodeToString(salt[:])
	defer func() {
		if e := objects.Delete(ctx, name); e != nil && err == nil {
			err = fmt.Errorf("remove the probe's object: %w", e)
		}
	}()
	refused := func(what, condition string) error {
		_, err := objects.Put(ctx, name, []byte("x"), condition)
		if err == nil {
			return &ConditionError{what}
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("probe the store of the records: %w", err)
		}
		return nil
	}
	taken := func(data, condition string) (string, error) {
		if _, err := objects.Put(ctx, name, []byte(data), condition); err != nil {
			return "", fmt.Errorf("probe the store of the records: %w", err)
		}
		_, tag, err := objects.Get(ctx, name)
		return tag, err
	}
	const absent = `"00000000000000000000000000000000"`
	if err := refused("If-Match on an object that doesn't exist", absent); err != nil {
		return err
	}
	first, err := taken("1", "")
	if err != nil {
		return err
	}
	if err := refused("If-None-Match: * on an object that exists", ""); err != nil {
		return err
	}
	if err := refused("If-Match with another ETag", absent); err != nil {
		return err
	}
	if _, err := taken("2", first); err != nil {
		return err
	}
	return refused("If-Match with the ETag of an earlier state", first)
}

// A ConditionError is a condition that a store took and didn't keep.
type ConditionError struct{ What string }

// Error says what that means.
func (e *ConditionError) Error() string {
	return "the store doesn't keep " + e.What + ": replicas would lose each other's changes, and with them keys. Use a " +
		"store with conditional PUT, or records.dir with one replica"
}
