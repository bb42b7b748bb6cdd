package state_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sealfront/proxy/state"
)

// One replica sweeps at a time, and one an interval.
func TestOneReplicaSweeps(t *testing.T) {
	b := newBucket()
	replica := func() *state.State {
		s, err := state.Open(t.Context(), b, &kms{}, state.Options{
			ServiceKey: "service", ClaimAge: 10 * time.Second, ClaimPatience: 100 * time.Millisecond, Now: b.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := replica(), replica()
	swept := 0
	sweep := func(s *state.State) {
		t.Helper()
		if err := s.Sweeping(t.Context(), time.Hour, func(context.Context) error { swept++; return nil }); err != nil {
			t.Error(err)
		}
	}
	err := first.Sweeping(t.Context(), time.Hour, func(ctx context.Context) error {
		sweep(second)
		swept++
		return ctx.Err()
	})
	if err != nil || swept != 1 {
		t.Errorf("%v; %d sweeps while one is at work", err, swept)
	}
	sweep(second)
	if swept != 1 {
		t.Error("it was swept right after another replica had done it")
	}
	b.pass(40 * time.Minute)
	sweep(second)
	sweep(first)
	if swept != 2 {
		t.Errorf("%d sweeps after forty minutes", swept)
	}
	failed := errors.New("failed")
	b.pass(time.Hour)
	if err := first.Sweeping(t.Context(), time.Hour, func(context.Context) error { return failed }); !errors.Is(err,
		failed) {
		t.Error(err)
	}
	if sweep(second); swept != 3 {
		t.Error("a sweep that failed counts")
	}
}
