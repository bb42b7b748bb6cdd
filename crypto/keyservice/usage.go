package keyservice

import (
	"context"
	"time"
)

// usageStep is how old the usage in a record may be before a newer one is written: a write for each use would cost more
// than the use. What another service over the records says of a key, and what is left after a restart, is at most so
// old.
const usageStep = time.Hour

// used takes note of a successful use of a key. That the record can't be written is no reason to fail the use.
func (c *call) used(k *key, operation string) {
	u := usage{Time: c.o.Now().UTC(), Operation: operation, RequestID: c.requestID}
	s := c.Service
	s.mu.Lock()
	s.usage[k.ID] = u
	write := u.Time.Sub(k.LastUsed.Time) >= usageStep && u.Time.Sub(s.noted[k.ID]) >= usageStep
	if write {
		s.noted[k.ID] = u.Time
	}
	s.mu.Unlock()
	if !write {
		return
	}
	id, ctx := k.ID, context.WithoutCancel(c.ctx)
	s.notes.Go(func() { // the use doesn't wait for the records
		v, err := s.records.update(ctx, func(st *state) *Error {
			if k := st.Keys[id]; k != nil {
				k.note(u)
			}
			return nil
		}, id)
		if err == nil {
			v.wipe()
		}
	})
}

type lastUsage struct {
	KeyId             string
	KeyCreationDate   timestamp
	TrackingStartDate timestamp
	KeyLastUsage      struct {
		Operation    string    `json:",omitempty"`
		Timestamp    timestamp `json:",omitempty"`
		KmsRequestId string    `json:",omitempty"`
	}
}

// getKeyLastUsage has no id of an event in CloudTrail, which there is none of.
func (c *call) getKeyLastUsage(in *keyInput) (*lastUsage, error) {
	k, err := c.findByID("GetKeyLastUsage", in.KeyId)
	if err != nil {
		return nil, err
	}
	last := k.LastUsed
	c.mu.Lock()
	if u := c.usage[k.ID]; u.Time.After(last.Time) {
		last = u
	}
	c.mu.Unlock()
	out := &lastUsage{KeyId: k.ID, KeyCreationDate: stamp(k.Created), TrackingStartDate: stamp(k.Created)}
	if !last.Time.IsZero() {
		out.KeyLastUsage.Operation, out.KeyLastUsage.Timestamp, out.KeyLastUsage.KmsRequestId = last.Operation,
			stamp(last.Time), last.RequestID
	}
	return out, nil
}
