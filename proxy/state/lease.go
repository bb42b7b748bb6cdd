package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// The claim of whoever sweeps, and the record of when that was done last.
const (
	sweepLease = "leases/sweep"
	sweptName  = "swept"
)

// swept is that record.
type swept struct {
	At time.Time `json:"at"`
}

// Sweeping calls f while no other replica sweeps, with a context that ends when that can't be sure any more. It does
// nothing where another is at work, or was within half of every: the times of two machines are compared, whose
// difference makes a sweep early or late, and no worse.
func (s *State) Sweeping(ctx context.Context, every time.Duration, f func(ctx context.Context) error) error {
	if s.o.Alone {
		return f(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	c := &Claim{state: s, ctx: ctx, cancel: cancel}
	defer c.Release()
	err := c.take([]string{sweepLease}, "sweep")
	if errors.Is(err, ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	var last swept
	if _, err = s.read(c.ctx, sweptName, &last); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.mu.Lock()
	unnamed := s.unnamed
	s.mu.Unlock()
	if s.o.Now().Sub(last.At).Abs() < every/2 && !unnamed {
		return nil
	}
	if err := f(c.ctx); err != nil {
		return err
	}
	if _, err := s.write(c.ctx, sweptName, &swept{s.o.Now().UTC()}, "*"); err != nil {
		return fmt.Errorf("write down that the state bucket was swept: %w", err)
	}
	return nil
}
