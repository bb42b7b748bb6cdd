package state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Stash is an object of the state bucket with a client's sealed bytes: a part that the store can't take as one, or an
// object on its way back to its own key. No listing of the client's bucket shows it.
type Stash struct {
	Name     string // in the state bucket
	Size     int64
	Modified time.Time // the store's clock
	Open     bool      // it is of an upload that is in progress
	Ended    time.Time // when its upload ended; zero where it hasn't, or isn't known
}

// Stashes calls f for each stash of a bucket's objects until it returns an error. It costs a listing of what the state
// bucket has of the bucket's uploads, and a request for each upload with stashes.
func (s *State) Stashes(ctx context.Context, b *Bucket, f func(*Stash) error) error {
	type fact struct {
		open  bool
		ended time.Time
	}
	known := map[string]fact{} // of the upload at hand, by its directory
	err := s.each(ctx, uploadPrefix+b.Name+"/", func(o *listed) error {
		dir, _, ok := strings.Cut(o.name, "/"+stashDir)
		if !ok {
			return nil
		}
		dir += "/"
		of, ok := known[dir]
		if !ok {
			u, _, err := s.uploadByName(ctx, dir+uploadRecord)
			if err != nil && !errors.Is(err, ErrNoUpload) {
				return err
			}
			if err == nil {
				of = fact{u.State == UploadOpen && u.Incarnation == b.Incarnation, u.Ended}
			}
			clear(known)
			known[dir] = of
		}
		return f(&Stash{Name: o.name, Size: o.size, Modified: o.modified, Open: of.open, Ended: of.ended})
	})
	if err != nil {
		return fmt.Errorf("list the stashes of a bucket: %w", err)
	}
	return nil
}
