package status

import (
	"sync"
	"time"
)

// A Failure is a request that failed or was refused. It names no key of an object.
type Failure struct {
	Time      time.Time `json:"time"`
	Request   string    `json:"request"` // id
	Operation string    `json:"operation"`
	Bucket    string    `json:"bucket"`
	Status    int       `json:"status"`
	Code      string    `json:"code"`
	Cause     string    `json:"cause"` // without secrets
	Row       string    `json:"row,omitempty"`
	Why       string    `json:"why,omitempty"` // what the row says; a Report sets it
}

// KeptFailures is how many of the failed and how many of the refused requests a Failures holds.
const KeptFailures = 40

// Failures are the last requests that failed, by a fault of the service (5xx), and the last that were refused. They are
// apart, so that a client that is refused all the time hides no fault. The zero value is empty; it is safe for
// concurrent use.
type Failures struct {
	mu              sync.Mutex
	failed, refused ring
}

// ring holds the last ones added.
type ring struct {
	list [KeptFailures]Failure
	n    int // added so far
}

func (r *ring) add(f Failure) {
	r.list[r.n%len(r.list)] = f
	r.n++
}

// last are those held, the newest first.
func (r *ring) last() []Failure {
	list := make([]Failure, 0, min(r.n, len(r.list)))
	for i := r.n - 1; i >= 0 && len(list) < cap(list); i-- {
		list = append(list, r.list[i%len(r.list)])
	}
	return list
}

// Add adds one. What isn't carried out by design (501) counts as refused.
func (f *Failures) Add(one Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one.Status >= 500 && one.Status != 501 {
		f.failed.add(one)
	} else {
		f.refused.add(one)
	}
}

// Last returns copies of those held, the newest first.
func (f *Failures) Last() (failed, refused []Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed.last(), f.refused.last()
}
