package state

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A StrayUpload is an upload that is listed as open and has no record: the request that began it failed, and the name
// that it removed came back, as a write does that the store carries out when its sender has given up.
type StrayUpload struct {
	Initiated time.Time
	name      string
}

// StrayUpload returns the stray upload of a key that has this id, ErrNoUpload if there is none. It costs a listing for
// a thousand open uploads of the key.
func (s *State) StrayUpload(ctx context.Context, b *Bucket, key, id string) (*StrayUpload, error) {
	d, names := digest(b.Incarnation), s.walk(string(appendKey([]byte(openPrefix+b.Name+"/"), key, false)), "")
	for {
		listed, err := names.next(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the open uploads of a key: %w", err)
		}
		if listed == nil {
			return nil, ErrNoUpload
		}
		o, err := s.parseOpenName(b.Name, listed.name)
		if err != nil {
			return nil, err
		}
		// What isn't whole is listed by its record (resolve).
		if !o.whole || o.Key != key || o.ID != id || o.incarnation != d {
			continue
		}
		// Only now: a name is written after its record.
		_, _, err = s.uploadRecord(ctx, b.Name, id)
		switch {
		case errors.Is(err, ErrNoUpload):
			return &StrayUpload{o.Initiated, listed.name}, nil
		case err != nil:
			return nil, err
		}
		return nil, ErrNoUpload
	}
}

// RemoveStray takes a stray upload from listings.
func (s *State) RemoveStray(ctx context.Context, u *StrayUpload) error {
	if err := s.objects.Delete(ctx, u.name); err != nil {
		return fmt.Errorf("remove the name of an upload without a record: %w", err)
	}
	return nil
}
