package memstore

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Trouble is what the store does to requests before it looks at them. The zero value is none.
type Trouble struct {
	// P50 and P99 are percentiles of how long a request waits: a log-normal distribution that goes through both. With
	// P99 zero, or equal to P50, every request waits P50.
	P50, P99 time.Duration
	// ErrorRate is the share of requests, 0 to 1, that are refused: half of them as 500 InternalError, half as 503
	// ServiceUnavailable.
	ErrorRate float64
	// Throttle is how many requests a second are served; those above are answered 503 SlowDown. A quiet second may
	// be made up for by a burst of as many. 0: no limit.
	Throttle int
}

// trouble is the Trouble in force.
type trouble struct {
	now atomic.Pointer[troubleState]
}

type troubleState struct {
	Trouble
	mu, sigma float64 // of the logarithm of the wait in seconds

	bucket sync.Mutex
	tokens float64
	filled time.Time
}

// z99 is the 99th percentile of the normal distribution.
const z99 = 2.3263478740408408

func (t *trouble) set(to Trouble) {
	n := &troubleState{Trouble: to, tokens: float64(to.Throttle)}
	if to.P50 > 0 {
		n.mu = math.Log(to.P50.Seconds())
		if to.P99 > to.P50 {
			n.sigma = (math.Log(to.P99.Seconds()) - n.mu) / z99
		}
	}
	t.now.Store(n)
}

// wait is how long the next request waits.
func (t *troubleState) wait() time.Duration {
	if t.P50 <= 0 {
		return 0
	}
	return time.Duration(math.Exp(t.mu+t.sigma*rand.NormFloat64()) * float64(time.Second))
}

// admit reports whether one more request at this time is within the throttle.
func (t *troubleState) admit(now time.Time) bool {
	if t.Throttle <= 0 {
		return true
	}
	t.bucket.Lock()
	defer t.bucket.Unlock()
	if !t.filled.IsZero() {
		t.tokens = min(float64(t.Throttle), t.tokens+max(0, now.Sub(t.filled).Seconds())*float64(t.Throttle))
	}
	t.filled = now
	if t.tokens < 1 {
		return false
	}
	t.tokens--
	return true
}

// meet lets a request wait and refuses it, as the trouble in force has it.
func (t *trouble) meet(now time.Time) error {
	n := t.now.Load()
	if !n.admit(now) {
		return refuse("SlowDown")
	}
	if d := n.wait(); d > 0 {
		time.Sleep(d)
	}
	if n.ErrorRate > 0 && rand.Float64() < n.ErrorRate {
		if rand.IntN(2) == 0 {
			return refuse("InternalError")
		}
		return refuse("ServiceUnavailable")
	}
	return nil
}
