package instance

import (
	"context"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/state"
)

// How long a heartbeat may take, and the end of the process waits to take it back.
const (
	heartbeatTime = 10 * time.Second
	farewellTime  = 500 * time.Millisecond
)

// Heartbeat says to the other replicas that this one is there, now, every state.BeatEvery and after each revocation
// that this one has acted on, until ctx ends; then it takes that back. Where no other replica can be it does nothing.
func (i *Instance) Heartbeat(ctx context.Context, me func() state.Replica) {
	if i.Replicas == nil {
		return
	}
	ticker := time.NewTicker(state.BeatEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		beat, cancel := context.WithTimeout(ctx, heartbeatTime)
		if err := i.Replicas.Beat(beat, me()); err != nil && ctx.Err() == nil {
			i.Log.Debug("the other replicas could not be informed of this one", zap.Error(err))
		}
		cancel()
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-i.State.Acted():
		}
	}
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
	defer cancel()
	if err := i.Replicas.Leave(leave); err != nil {
		i.Log.Debug("the other replicas could not be informed of this one's end", zap.Error(err))
	}
}
