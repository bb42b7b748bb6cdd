package state

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// OpenUploads calls f for the open uploads of a bucket whose keys begin with prefix and don't come before from, by key,
// then by the time when they began, then by id, until f returns false. Uploads whose keys begin with what f returns, if
// that isn't "", are passed over without being listed.
//
// It costs a listing for a thousand uploads that aren't passed over, and a request for each key of more than 300 bytes.
// While an earlier release may be at work, the bucket's records are compared first: see layout.go.
func (s *State) OpenUploads(
	ctx context.Context, b *Bucket, prefix, from string, f func(u *OpenUpload) (past string, more bool),
) error {
	if s.mixed() {
		if err := s.nameUploads(ctx, b.Name); err != nil {
			return err
		}
	}
	dir := openPrefix + b.Name + "/"
	w := s.walk(string(appendKey([]byte(dir), prefix, true)), string(appendKey([]byte(dir), from, true)))
	d, past := digest(b.Incarnation), ""
	visit := func(u *OpenUpload) bool {
		if !strings.HasPrefix(u.Key, prefix) || u.Key < from || past != "" && strings.HasPrefix(u.Key, past) {
			return true
		}
		var more bool
		if past, more = f(u); past != "" && len(past) <= namedKey {
			w.skip(string(appendKey([]byte(dir), past, true)) + behindAll)
		}
		return more
	}
	var group []*openName // what the order of names doesn't put in order
	for {
		listed, err := w.next(ctx)
		if err != nil {
			return fmt.Errorf("list the open uploads of a bucket: %w", err)
		}
		var o *openName
		if listed != nil {
			if o, err = s.parseOpenName(b.Name, listed.name); err != nil {
				return err
			}
		}
		if len(group) > 0 && (o == nil || !group[0].together(o)) {
			if group, err = s.resolve(ctx, b, group); err != nil {
				return err
			}
			for _, u := range group {
				if !visit(&u.OpenUpload) {
					return nil
				}
			}
			group = group[:0]
			if o != nil && past != "" && strings.HasPrefix(o.Key, past) {
				continue
			}
		}
		if o == nil {
			return nil
		}
		if o.incarnation == d {
			group = append(group, o)
		}
	}
}

// together reports whether the order of their names says nothing of two uploads: keys that are one, as far as their
// names say, and begun in the same millisecond where that is the whole key.
func (o *openName) together(other *openName) bool {
	truncated := len(o.Key) == namedKey && len(other.Key) == namedKey && (!o.whole || !other.whole)
	return o.Key == other.Key && (truncated || o.Initiated.Equal(other.Initiated))
}

// readAtOnce is how many records are read together.
const readAtOnce = 16

// resolve reads the records of uploads whose names don't say all, and puts the group in order.
func (s *State) resolve(ctx context.Context, b *Bucket, group []*openName) ([]*openName, error) {
	if len(group) == 1 && group[0].whole {
		return group, nil
	}
	reading, within := errgroup.WithContext(ctx)
	reading.SetLimit(readAtOnce)
	for i, o := range group {
		if o.whole {
			continue
		}
		reading.Go(func() error {
			u, _, err := s.uploadByName(within, uploadDirOf(b.Name, o.record)+uploadRecord)
			switch {
			case errors.Is(err, ErrNoUpload), err == nil && (u.State != UploadOpen || u.Incarnation != b.Incarnation):
				group[i] = nil
			case err == nil:
				o.Key, o.ID = u.Key, u.ID
			default:
				return err
			}
			return nil
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	group = slices.DeleteFunc(group, func(o *openName) bool { return o == nil })
	slices.SortFunc(group, func(a, b *openName) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), a.Initiated.Compare(b.Initiated), strings.Compare(a.ID, b.ID))
	})
	return group, nil
}

// nameUploads compares the names of a bucket's open uploads with its records, at most once in Options.CacheLife.
func (s *State) nameUploads(ctx context.Context, bucket string) error {
	if at, ok := s.compared.Get(bucket); ok && s.o.Now().Sub(at) < s.o.CacheLife {
		return nil
	}
	began := s.o.Now()
	p := pass{s: s, careful: true}
	if err := p.run(ctx, uploadPrefix+bucket+"/", openPrefix+bucket+"/"); err != nil {
		return fmt.Errorf("compare the uploads of a bucket with their records: %w", err)
	}
	s.compared.Add(bucket, began)
	return nil
}

// uploadDirOf is uploadDir for the SHA-256 of an id.
func uploadDirOf(bucket string, record [32]byte) string {
	return uploadPrefix + bucket + "/" + hex.EncodeToString(record[:]) + "/"
}
