package access

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// FailedLogins bounds how often a source address may fail to authenticate with an access key. Beyond it, requests of
// that address with that access key, good ones too, are answered 503 SlowDown before their signature is looked at.
// Access keys and tokens that nobody has count together, one for an address. Others with the same access key are not
// affected, so nobody can lock an owner out from elsewhere.
type FailedLogins struct {
	Rate    float64 // how many a second are forgotten; 0: failures aren't counted
	Burst   int     // how many in a row; default 500
	Entries int     // pairs of address and access key that are remembered, the latest; default 16,384
}

// logins holds a token bucket for each address and access key that lately failed; while nobody has
// failed it costs a look at a flag. Its memory is bounded: access keys are those of identities, and the longest silent
// pair is dropped. It is safe for concurrent use. A nil *logins counts nothing.
type logins struct {
	o           FailedLogins
	rate, burst float64
	now         func() time.Time

	failures atomic.Bool // somebody has failed

	mu       sync.RWMutex
	buckets  *simplelru.LRU[loginPair, tokenBucket]
	sessions *simplelru.LRU[[16]byte, struct{}] // ids of session keys under which a token has opened
}

// loginPair is an address, of IPv6 its network of 64 bits, and the access key of an identity, "" for all others.
type loginPair struct {
	address   netip.Addr
	accessKey string
}

// tokenBucket has this many failures left at that time.
type tokenBucket struct {
	left float64
	at   time.Time
}

// seenSessionKeys bounds how many ids of session keys are remembered: replicas make one a day each.
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

// keep takes over what another has counted.
func (l *logins) keep(before *logins) {
	if l == nil || before == nil {
		return
	}
	before.mu.RLock()
	defer before.mu.RUnlock()
	for _, p := range before.buckets.Keys() { // the oldest first
		b, _ := before.buckets.Peek(p)
		b = before.refilled(b, l.now())
		l.failures.Store(true)
		l.buckets.Add(p, tokenBucket{left: l.burst * b.left / before.burst, at: b.at})
	}
	for _, id := range before.sessions.Keys() {
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

// may reports whether the pair has a failure left.
func (l *logins) may(p loginPair) bool {
	l.mu.RLock()
	b, ok := l.buckets.Peek(p)
	l.mu.RUnlock()
	return !ok || l.refilled(b, l.now()).left >= 1
}

// failed counts a failure.
func (l *logins) failed(p loginPair) {
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

// seen reports whether a token has opened under the session key.
func (l *logins) seen(id [16]byte) bool {
	if l == nil {
		return true
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.sessions.Contains(id)
}

// see takes note that a token has opened under the session key.
func (l *logins) see(id [16]byte) {
	if l == nil || l.seen(id) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions.Add(id, struct{}{})
}
