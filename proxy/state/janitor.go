package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// How long the janitor waits before it takes something for a leftover.
const (
	leftoverAge   = 24 * time.Hour // of uploads and of records without one
	leftoverPause = time.Hour      // between the two looks at which an upload must be gone
)

// A Janitor removes what requests that broke off have left in the state bucket. It removes the record of an open upload
// only on the store's own word that the upload is gone, given twice, an hour apart, on an upload older than a day:
// listings of uploads prove nothing, since some stores don't list them all (L11).
type Janitor struct {
	state *State
	gone  func(ctx context.Context, u *Upload) (bool, error)
	seen  map[string]time.Time // uploads found gone once, by record name
}

// NewJanitor returns a janitor. gone reports, from the store, whether an upload is over and did not become an object.
func NewJanitor(s *State, gone func(ctx context.Context, u *Upload) (bool, error)) *Janitor {
	return &Janitor{state: s, gone: gone, seen: make(map[string]time.Time)}
}

// Sweep inspects every upload once. It returns the first error but goes on to the other uploads.
func (j *Janitor) Sweep(ctx context.Context) error {
	s := j.state
	var failed error
	start := ""
	for {
		dir := ""
		var modified time.Time
		_, err := s.objects.List(ctx, uploadPrefix, start, func(name, _ string, _ int64, m time.Time) {
			if dir != "" {
				return
			}
			if parts := strings.SplitN(name, "/", 4); len(parts) == 4 {
				dir, modified = strings.Join(parts[:3], "/")+"/", m
			}
		})
		if err != nil {
			return fmt.Errorf("list the uploads: %w", err)
		}
		if dir == "" {
			return failed
		}
		if err := j.inspect(ctx, dir, modified); err != nil && failed == nil {
			failed = err
		}
		start = dir + "~"
	}
}

// inspect decides about one upload. modified is the date of one of its objects.
func (j *Janitor) inspect(ctx context.Context, dir string, modified time.Time) error {
	s := j.state
	now := s.o.Now()
	u, _, err := s.uploadByName(ctx, dir+"upload")
	switch {
	case errors.Is(err, ErrNoUpload):
		// Part records or stashes without an upload: written while it was being removed.
		if now.Sub(modified) < leftoverAge {
			return nil
		}
		return s.removeParts(ctx, dir)
	case err != nil:
		return err
	case u.State != UploadOpen:
		if now.Sub(u.Ended) < endedUploadLife {
			return nil
		}
		return j.remove(ctx, dir)
	case now.Sub(u.Initiated) < leftoverAge:
		return nil
	}
	gone, err := j.gone(ctx, u)
	if err != nil {
		return err
	}
	if !gone {
		delete(j.seen, dir)
		return nil
	}
	first, before := j.seen[dir]
	if !before {
		j.seen[dir] = now
		return nil
	}
	if now.Sub(first) < leftoverPause {
		return nil
	}
	return j.remove(ctx, dir)
}

// remove takes part records, then stashes, and the upload's record last.
func (j *Janitor) remove(ctx context.Context, dir string) error {
	s := j.state
	if err := s.removeParts(ctx, dir); err != nil {
		return err
	}
	if err := s.objects.Delete(ctx, dir+"upload"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the record of an upload: %w", err)
	}
	s.uploads.Remove(dir + "upload")
	delete(j.seen, dir)
	return nil
}
