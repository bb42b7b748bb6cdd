package state

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// SweepClaims removes the records of keys that nobody has claimed for a while, and has finish called for each move
// whose holder has gone.
func (s *State) SweepClaims(ctx context.Context, finish func(ctx context.Context, bucket string, m *Move) error) error {
	var failed error
	err := s.each(ctx, claimPrefix, func(o *listed) error {
		if s.o.Now().Sub(o.modified) < time.Hour {
			return nil
		}
		if err := s.sweepClaim(ctx, o.name, finish); err != nil && !errors.Is(err, ErrBusy) {
			if ctx.Err() != nil {
				return err
			}
			failed = errors.Join(failed, err)
		}
		return nil
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("remove claims: %w", err)
	}
	return nil
}

// FinishMoves has finish called for each move of a bucket whose holder has gone, however long ago. Moves of those who
// still hold their claims are left to them. Whoever is about to change many objects calls it first: an object that was
// changed is no longer recognized as the copy of an interrupted move, whose original would then stay beside it.
func (s *State) FinishMoves(ctx context.Context, b *Bucket,
	finish func(ctx context.Context, bucket string, m *Move) error,
) error {
	var failed error
	err := s.each(ctx, claimPrefix+b.Name+"/", func(o *listed) error {
		var found claimRecord
		_, err := s.read(ctx, o.name, &found)
		if errors.Is(err, fs.ErrNotExist) || err == nil && found.Move == nil {
			return nil
		}
		if err == nil {
			err = s.sweepClaim(ctx, o.name, finish)
		}
		if err != nil && !errors.Is(err, ErrBusy) {
			failed = errors.Join(failed, err)
		}
		return ctx.Err()
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("finish the interrupted renames of %s: %w", b.Name, err)
	}
	return nil
}

func (s *State) sweepClaim(ctx context.Context, name string,
	finish func(ctx context.Context, bucket string, m *Move) error,
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	c := &Claim{state: s, ctx: ctx, cancel: cancel}
	defer c.Release()
	if err := c.take([]string{name}, "sweep"); err != nil {
		return err
	}
	bucket := name[len(claimPrefix) : len(name)-1-2*sha256.Size]
	for i := range c.Inherited {
		if err := finish(c.ctx, bucket, c.Inherited[i]); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := context.Cause(c.ctx); err != nil {
		return err
	}
	s.claims.keep(name, releasedClaim{})
	c.holds = nil // the record goes, and with it what Release would write
	return s.objects.Delete(c.ctx, name)
}
