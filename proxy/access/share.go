package access

import (
	"sync"
	"sync/atomic"
	"time"
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

// inheritShares gives identities and roles that stay the shares that they use at the moment.
func (ids *Identities) inheritShares(replaced *Identities) {
	if replaced == nil {
		return
	}
	for name, id := range ids.byName {
		if replaced.byName[name] != nil {
			id.share = replaced.byName[name].share
		}
	}
	for name, r := range ids.roles {
		if replaced.roles[name] != nil {
			r.share = replaced.roles[name].share
		}
	}
}
