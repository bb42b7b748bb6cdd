package access

import (
	"sync"
	"sync/atomic"
	"time"

	"sealfront/proxy/s3"
)

// A share is what an identity uses at the moment. It belongs to the identity's name and outlives a reload.
type share struct {
	active atomic.Int64

	mu   sync.Mutex
	left float64 // requests that may come at once
	at   time.Time
}

// take takes one of the requests that may come: rate a second, burst at once.
func (s *share) take(rate, burst float64, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() {
		s.left = burst
	} else if passed := now.Sub(s.at); passed > 0 {
		s.left += passed.Seconds() * rate
	}
	s.left, s.at = min(s.left, burst), now
	if s.left < 1 {
		return false
	}
	s.left--
	return true
}

// keepShares gives identities that stay what they use at the moment.
func (ids *Identities) keepShares(before *Identities) {
	for name, id := range ids.byName {
		if before != nil && before.byName[name] != nil {
			id.share = before.byName[name].share
		}
	}
}

// charge counts a request whose signature is right as its identity's, or turns it away: nobody uses up what is another one's.
func (x *Grant) charge(id *Identity) error {
	s := id.share
	if id.RequestsPerSecond > 0 {
		burst := float64(id.Burst)
		if burst <= 0 {
			burst = max(1, id.RequestsPerSecond)
		}
		if !s.take(id.RequestsPerSecond, burst, x.Start) {
			return x.slowDown(ShedRate)
		}
	}
	active := s.active.Add(1)
	x.charged = s
	if id.Concurrency > 0 && active > int64(id.Concurrency) {
		return x.slowDown(ShedConcurrency)
	}
	return nil
}

// slowDown is the refusal of a caller that has used up its share.
func (x *Grant) slowDown(reason string) error {
	x.c.shed(reason)
	return s3.SlowDown()
}
