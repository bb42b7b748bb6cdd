package access

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// FailedLogins bounds how often a source address may fail to authenticate with an access key. Beyond it, requests of
// that address with that access key, valid ones too, are answered 503 SlowDown before their signature is checked.
// Unknown access keys and tokens of an address count together. Other addresses with the same access key are not
// affected, so an owner can't be locked out from elsewhere.
type FailedLogins struct {
	Rate    float64 // how many a second are forgotten; 0: failures aren't counted
	Burst   int     // how many in a row; default 500
	Entries int     // pairs of address and access key that are remembered, the latest; default 16,384
}

// logins holds a token bucket for each address and access key that failed recently; without failures a check reads one
// flag. Its memory is bounded: access keys are those of identities, and the pair idle for longest is dropped. It is
// safe for concurrent use. A nil *logins counts nothing.
type logins struct {
	o           FailedLogins
	rate, burst float64
	now         func() time.Time

	failures atomic.Bool // there has been a failure

	mu       sync.RWMutex
	buckets  *simplelru.LRU[loginPair, tokenBucket]
	sessions *simplelru.LRU[[16]byte, struct{}] // ids of session keys under which a token has opened
}

// loginPair is an address, of IPv6 its network of 64 bits, and the access key of an identity, "" for all others.
type loginPair struct {
	address   netip.Addr
	accessKey string
}

// A tokenBucket is how many failures are left at a time.
type tokenBucket struct {
	left float64
	at   time.Time
}

// seenSessionKeys bounds how many ids of session keys are remembered: each replica makes one a day.
const seenSessionKeys = 1024

func (o FailedLogins) withDefaults() FailedLogins {
	if o.Burst <= 0 {
		o.Burst = 500
	}
	if o.Entries <= 0 {
		o.Entries = 16384
	}
	return o
}

func newLogins(o FailedLogins, now func() time.Time) *logins {
	if o.Rate <= 0 {
		return nil
	}
	o = o.withDefaults()
	l := &logins{o: o, rate: o.Rate, burst: float64(o.Burst), now: now}
	l.buckets, _ = simplelru.NewLRU[loginPair, tokenBucket](o.Entries, nil) // fails for sizes below 1 only
	l.sessions, _ = simplelru.NewLRU[[16]byte, struct{}](seenSessionKeys, nil)
	return l
}

// inheritCounts takes over the counts of the logins that l replaces.
func (l *logins) inheritCounts(replaced *logins) {
	if l == nil || replaced == nil {
		return
	}
	replaced.mu.RLock()
	defer replaced.mu.RUnlock()
	for _, p := range replaced.buckets.Keys() { // the oldest first
		b, _ := replaced.buckets.Peek(p)
		b = replaced.refilled(b, l.now())
		l.failures.Store(true)
		l.buckets.Add(p, tokenBucket{left: l.burst * b.left / replaced.burst, at: b.at})
	}
	for _, id := range replaced.sessions.Keys() {
		l.sessions.Add(id, struct{}{})
	}
}

func (l *logins) refilled(b tokenBucket, now time.Time) tokenBucket {
	if passed := now.Sub(b.at); passed > 0 {
		b.left = min(l.burst, b.left+passed.Seconds()*l.rate)
	}
	b.at = now
	return b
}

// allows reports whether the pair has a failure left.
func (l *logins) allows(p loginPair) bool {
	l.mu.RLock()
	b, ok := l.buckets.Peek(p)
	l.mu.RUnlock()
	return !ok || l.refilled(b, l.now()).left >= 1
}

// countFailure counts a failure.
func (l *logins) countFailure(p loginPair) {
	now := l.now()
	l.failures.Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets.Get(p)
	if !ok {
		b = tokenBucket{left: l.burst, at: now}
	}
	b = l.refilled(b, now)
	b.left = max(0, b.left-1)
	l.buckets.Add(p, b)
}

// knowsSessionKey reports whether a token has opened under the session key.
func (l *logins) knowsSessionKey(id [16]byte) bool {
	if l == nil {
		return true
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.sessions.Contains(id)
}

// recordSessionKey records that a token has opened under the session key.
func (l *logins) recordSessionKey(id [16]byte) {
	if l == nil || l.knowsSessionKey(id) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions.Add(id, struct{}{})
}
