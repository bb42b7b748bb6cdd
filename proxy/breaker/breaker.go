// Package breaker answers for a service that hangs, so that nobody waits for one of whom it is known, and says how the
// service has answered of late.
//
//	closed ─a call ran out of time, and nobody had an answer since it began─▶ open ─the first answer─▶ closed
//
// While it is open one call a second is let through, to find out.
package breaker

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrOpen is what a call gets that isn't made.
var ErrOpen = errors.New("it wasn't asked, since it has answered nobody for its timeout")

// What trouble a service may be in.
const (
	Hanging  = "hanging"  // takes calls and says nothing
	Away     = "away"     // can't be reached
	Refusing = "refusing" // all its answers are bad
)

// Health is how a service has answered of late.
type Health struct {
	Trouble string    // "" as long as it answers
	Since   time.Time // when that began; zero before the first call
	Last    error     // that was met, nil if none was
	LastAt  time.Time
	Took    time.Duration // to an answer, on average over the last dozens
}

// A Breaker is that of one service. It is safe for concurrent use.
type Breaker struct {
	answered atomic.Int64 // when the last answer came, in nanoseconds since began
	good     atomic.Int64 // when the last good one came
	open     atomic.Bool
	quiet    atomic.Bool  // trouble is "" and since is set
	took     atomic.Int64 // nanoseconds, a moving average
	began    time.Time

	mu      sync.Mutex // all below
	trial   time.Time  // when the next call is let through
	trouble string
	since   time.Time
	last    error
	lastAt  time.Time
}

// New returns a closed breaker.
func New() *Breaker { return &Breaker{began: time.Now()} }

// trialEvery is how often an open breaker lets a call through.
const trialEvery = time.Second

// Allow returns ErrOpen if the service hangs and it isn't time for a trial.
func (b *Breaker) Allow() error {
	if !b.open.Load() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.open.Load() && now.Before(b.trial) {
		return ErrOpen
	}
	b.trial = now.Add(trialEvery)
	return nil
}

// Heard notes an answer to a call that was made at start; bad says what is wrong with it, nil for a good one.
func (b *Breaker) Heard(bad error, start, now time.Time) {
	b.answered.Store(int64(now.Sub(b.began)))
	took, before := int64(now.Sub(start)), b.took.Load()
	b.took.Store(before + (took-before)/32)
	if b.quiet.Load() && bad == nil {
		b.good.Store(int64(now.Sub(b.began)))
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open.Store(false)
	trouble := ""
	if bad != nil {
		b.last, b.lastAt = bad, now
		if b.good.Load() >= int64(start.Sub(b.began)) {
			return // others had good ones meanwhile
		}
		trouble = Refusing
	} else {
		b.good.Store(int64(now.Sub(b.began)))
	}
	b.quiet.Store(bad == nil)
	if b.trouble != trouble || b.since.IsZero() {
		b.trouble, b.since = trouble, now
	}
}

// Failed notes that a call made at start had no answer: within its time (Hanging), or since there is nobody (Away).
func (b *Breaker) Failed(trouble string, err error, start time.Time) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last, b.lastAt = err, now
	if b.answered.Load() >= int64(start.Sub(b.began)) {
		return // others have been answered meanwhile
	}
	if b.trouble != trouble {
		b.trouble, b.since = trouble, now
	}
	b.quiet.Store(false)
	if trouble == Hanging && !b.open.Load() {
		b.trial = now.Add(trialEvery)
		b.open.Store(true)
	} else if trouble == Away {
		b.open.Store(false)
	}
}

// Health is how the service has answered of late. It costs no call.
func (b *Breaker) Health() Health {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Health{Trouble: b.trouble, Since: b.since, Last: b.last, LastAt: b.lastAt, Took: time.Duration(b.took.Load())}
}
