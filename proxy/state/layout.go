package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// layoutName is the record of which releases have written what is here.
//
// Releases before it knew no names that say what a record holds (buckets that are listed, uploads that are open). Their
// records are found and named by the first Sweep; and since a replica of such a release may serve next to this one
// while an upgrade rolls on, for mixedTime more no listing of uploads is used that hasn't been compared with the
// records.
const layoutName = "layout"

// mixedTime is for how long replicas of an earlier release are expected next to this one, after the first sweep.
const mixedTime = 24 * time.Hour

// layout is that record.
type layout struct {
	Format int `json:"format"`
	// when a sweep had named all records; zero for an installation begun with them
	Named time.Time `json:"named,omitzero"`
}

const layoutFormat = 2

// readLayout finds out whether an earlier release may be at work.
func (s *State) readLayout(ctx context.Context) error {
	var l layout
	_, err := s.read(ctx, layoutName, &l)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.noteLayout(nil)
		return nil
	case err != nil:
		return err
	case l.Format > layoutFormat:
		return fmt.Errorf("the state bucket has the layout %d of a later release, and this one knows %d: "+
			"start that release, or a later one", l.Format, layoutFormat)
	}
	s.noteLayout(&l)
	return nil
}

// noteLayout keeps what was read; nil is a bucket without the record.
func (s *State) noteLayout(l *layout) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case l == nil:
		s.unnamed, s.mixedUntil = true, time.Time{}
	case l.Named.IsZero():
		s.unnamed, s.mixedUntil = false, time.Time{}
	default:
		// Another machine's clock says when: it may be wrong by its error, which costs requests or a later repair.
		s.unnamed, s.mixedUntil = false, l.Named.Add(mixedTime)
	}
}

// mixed reports whether a record may have been written by an earlier release and not been named.
func (s *State) mixed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unnamed || s.o.Now().Before(s.mixedUntil)
}

// writeLayout writes the record of an installation that begins now, or whose records have all been named.
func (s *State) writeLayout(ctx context.Context, named time.Time) error {
	l := layout{Format: layoutFormat, Named: named.UTC()}
	if named.IsZero() {
		l.Named = time.Time{}
	}
	_, err := s.write(ctx, layoutName, &l, "")
	if errors.Is(err, fs.ErrExist) { // another replica was first
		return s.readLayout(ctx)
	}
	if err == nil {
		s.noteLayout(&l)
	}
	return err
}

// layoutDone writes down that all records have names, if that isn't known yet.
func (s *State) layoutDone(ctx context.Context) error {
	s.mu.Lock()
	unnamed := s.unnamed
	s.mu.Unlock()
	if !unnamed {
		return nil
	}
	return s.writeLayout(ctx, s.o.Now())
}
