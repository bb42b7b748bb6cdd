package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// Besides ErrUnavailable, which both wrap: what kind of no answer it was.
var (
	// ErrHangs: the store took the request, or the connection, and said nothing in the time it had; or it does so now,
	// and wasn't asked.
	ErrHangs = errors.New("the store hangs")
	// ErrAway: no connection could be made, or it was closed without an answer.
	ErrAway = errors.New("the store is away")
)

// Trouble names what became of a request without an answer: "hanging", "away", "canceled" when who wanted it has
// left, "unavailable" for the rest.
func Trouble(err error) string {
	switch {
	case errors.Is(err, ErrHangs):
		return "hanging"
	case errors.Is(err, ErrAway):
		return "away"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "unavailable"
}

// timedOut reports whether an error is that of a deadline.
func timedOut(err error) bool {
	var t net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, fasthttp.ErrTimeout) ||
		errors.As(err, &t) && t.Timeout()
}

// Health is how the store has answered of late.
type Health struct {
	// Trouble is "" as long as it answers; "hanging", "away", or "refusing" when all its answers are 5xx.
	Trouble string
	Since   time.Time // when that began; zero before the first request
	Last    error     // that was met, nil if none was
	LastAt  time.Time
	Took    time.Duration // to the first byte of an answer, on average over the last dozens
}

// A breaker answers for a store that hangs, so that nobody waits for one of whom it is known: it opens when a request
// ran out of time and nobody else has had an answer since it began, and closes with the first answer. While it is open
// one request a second is let through to find out.
type breaker struct {
	answered atomic.Int64 // when the last answer came, in nanoseconds since began
	good     atomic.Int64 // when the last one that wasn't 5xx came
	open     atomic.Bool
	quiet    atomic.Bool  // trouble is "" and since is set
	took     atomic.Int64 // nanoseconds, a moving average
	began    time.Time

	mu      sync.Mutex // all below
	trial   time.Time  // when the next request is let through
	trouble string
	since   time.Time
	last    error
	lastAt  time.Time
}

// trialEvery is how often an open breaker lets a request through.
const trialEvery = time.Second

// ErrNotAsked is what a request gets that wasn't sent: the store has answered nobody for its timeout. It wraps
// ErrHangs.
var ErrNotAsked = fmt.Errorf("%w: it wasn't asked, since it has answered nobody for its timeout", ErrHangs)

// allow returns an error if the store hangs and it isn't time for a trial.
func (b *breaker) allow() error {
	if !b.open.Load() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.open.Load() && now.Before(b.trial) {
		return ErrNotAsked
	}
	b.trial = now.Add(trialEvery)
	return nil
}

// heard notes an answer to a request that was sent at start.
func (b *breaker) heard(status int, start, now time.Time) {
	b.answered.Store(int64(now.Sub(b.began)))
	took, before := int64(now.Sub(start)), b.took.Load()
	b.took.Store(before + (took-before)/32)
	bad := status >= http.StatusInternalServerError && status != http.StatusNotImplemented
	if b.quiet.Load() && !bad {
		b.good.Store(int64(now.Sub(b.began)))
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open.Store(false)
	trouble := ""
	if bad {
		b.last, b.lastAt = fmt.Errorf("the store answered %d", status), now
		if b.good.Load() >= int64(start.Sub(b.began)) {
			return // others had good ones meanwhile
		}
		trouble = "refusing"
	} else {
		b.good.Store(int64(now.Sub(b.began)))
	}
	b.quiet.Store(!bad)
	if b.trouble != trouble || b.since.IsZero() {
		b.trouble, b.since = trouble, now
	}
}

// failed notes that a request which began at start had no answer.
func (b *breaker) failed(start time.Time, err error) {
	trouble := Trouble(err)
	if trouble != "hanging" && trouble != "away" || errors.Is(err, errBusy) || errors.Is(err, ErrNotAsked) {
		return
	}
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
	if trouble == "hanging" && !b.open.Load() {
		b.trial = now.Add(trialEvery)
		b.open.Store(true)
	} else if trouble == "away" {
		b.open.Store(false)
	}
}

// Health is how the store has answered of late. It costs no request.
func (c *Client) Health() Health {
	b := &c.breaker
	b.mu.Lock()
	defer b.mu.Unlock()
	return Health{Trouble: b.trouble, Since: b.since, Last: b.last, LastAt: b.lastAt, Took: time.Duration(b.took.Load())}
}
