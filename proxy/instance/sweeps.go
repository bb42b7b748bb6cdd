package instance

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/gateway"
	"sealfront/proxy/state"
)

const (
	freeNamesEvery = 5 * time.Second // names of deleted buckets are checked
	// removalsEnd is how long the end of the process waits for what is removed behind requests' backs.
	removalsEnd = 500 * time.Millisecond
)

// startSweeps removes leftovers of the state bucket now and at intervals of every, one replica at a time, and frees the
// names of deleted buckets, until stop.
func startSweeps(
	ctx context.Context, s *state.State, g *gateway.Gateway, every time.Duration, log *zap.Logger,
) (stop func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	janitor := state.NewJanitor(s, g.Objects().UploadGone)
	sweep := func(ctx context.Context) error {
		return errors.Join(s.SweepSessionKeys(ctx), s.SweepRenames(ctx), s.SweepClaims(ctx, g.Objects().FinishMove),
			s.SweepReplicas(ctx), janitor.Sweep(ctx))
	}
	go func() {
		defer close(done)
		ticker, names := time.NewTicker(every), time.NewTicker(freeNamesEvery)
		defer ticker.Stop()
		defer names.Stop()
		for due := true; ; {
			if !due {
				if err := s.FreeNames(ctx); err != nil && ctx.Err() == nil {
					log.Warn("the name of a deleted bucket could not be freed; the next attempt is soon", zap.Error(err))
				}
			} else if err := s.Sweeping(ctx, every, sweep); err != nil && ctx.Err() == nil {
				log.Warn("leftovers in the state bucket could not be removed; the next sweep tries again", zap.Error(err))
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				due = true
			case <-names.C:
				due = false
			}
		}
	}()
	return func() error {
		cancel()
		<-done
		waiting, cancel := context.WithTimeout(context.Background(), removalsEnd)
		defer cancel()
		s.Close(waiting)
		return nil
	}
}
