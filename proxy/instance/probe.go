package instance

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/proxy/store"
)

// Probe finds out what the store can do, and refuses a store that can't fulfil a promise: the error is a config.Faults
// then, since only another store or setting helps.
func (s *Storage) Probe(ctx context.Context, c *config.Config) (err error) {
	if err := s.Client.Objects(c.Store.StateBucket).Create(ctx); err != nil {
		return fmt.Errorf("open the state bucket %q in the store: %w", c.Store.StateBucket, err)
	}
	if s.Abilities, err = s.Client.Probe(ctx, c.Store.StateBucket); err != nil {
		return err
	}
	a := &s.Abilities
	switch {
	case !a.CutOffRefused && !c.Store.SignPayload:
		return unsuitable("the store stores uploads that were cut off: an upload that fails a check would become visible, " +
			"so it can't be used. " +
			"Set store.sign_payload: true, so that the store detects an incomplete body, or use another store")
	case !a.CutOffRefused:
		return unsuitable("the store stores uploads that were cut off, even signed ones: an upload that fails a check " +
			"would become visible, so it can't be used")
	case !a.SomeMetadata:
		return unsuitable("the store doesn't store 1,200 bytes of user metadata: an object's envelope would be lost, so it " +
			"can't be used")
	case !a.ConditionalPut && !c.Store.SingleWriter:
		return unsuitable("the store has no conditional PUT: two replicas could overwrite each other's records. Run a " +
			"single replica and set store.single_writer: true, or use another store")
	case !a.Names.Distinct:
		return unsuitable("the store takes names that differ in case or in Unicode's normal form only for one: objects " +
			"would replace each other, so it can't be used")
	}
	if *a != store.AllAbilities() {
		s.log.Info("the store was probed; OPERATING.md, \"What the probe says\", has what follows", zap.Stringer("it", *a))
	}
	return nil
}

func unsuitable(why string) error { return config.Faults{{Path: "store", Why: why}} }
