package gateway

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sealfront/proxy/s3"
)

// Limits bound what clients can use up together. They are swapped whole by SetLimits; 0 means no limit.
type Limits struct {
	// Requests is how many may be under way at once. Beyond it a request is answered 503 SlowDown before its signature is
	// looked at and before its body is asked for.
	Requests int
	// Documents is how many bytes of memory the documents in requests' bodies may hold at once, documentCost for each
	// of theirs, and files of forms that are taken in whole. A request that would go beyond it is answered 503 SlowDown
	// where it stands.
	Documents int64
}

// documentCost is what a byte of a document costs while it is read, at most: the shortest entry of DeleteObjects has 29
// bytes and becomes a deletion of some 100.
const documentCost = 4

// The reasons for which a request is turned away with 503 SlowDown, as Observer.Shed hears them.
const (
	ShedRequests    = "requests"    // as many as Limits.Requests are under way
	ShedMemory      = "memory"      // memory is running out
	ShedConcurrency = "concurrency" // as many of the identity's as Identity.Concurrency are under way
	ShedRate        = "rate"        // the identity's requests come faster than Identity.RequestsPerSecond
	ShedLogins      = "logins"      // too many failed logins
	ShedConnections = "connections" // a connection that was closed at once; counted by Server
	ShedAudit       = "audit"       // the audit log can't be written, and audit.on_failure says refuse
)

// admission is what requests use up at the moment.
type admission struct {
	limits  atomic.Pointer[Limits]
	active  atomic.Int64
	held    atomic.Int64 // by documents and forms
	pressed atomic.Bool  // memory is running out
}

// SetLimits replaces the limits. Requests under way are not touched.
func (g *Gateway) SetLimits(l Limits) { g.admission.limits.Store(&l) }

// SetPressed says whether memory is running out. While it does, new requests are answered 503 SlowDown.
func (g *Gateway) SetPressed(pressed bool) { g.admission.pressed.Store(pressed) }

// Active is the number of requests under way.
func (g *Gateway) Active() int64 { return g.admission.active.Load() }

// enter admits a request and decides it.
func (x *exchange) enter() error {
	if err := x.admit(); err != nil {
		return err
	}
	if err := x.reserveRecord(); err != nil {
		return err
	}
	err := x.decide()
	x.permitted = err == nil
	return err
}

// admit counts the request among those under way, or turns it away. It costs nothing but reading the head: what is turned
// away here has no slab, no signature checked and no body asked for.
func (x *exchange) admit() error {
	a := &x.g.admission
	active := a.active.Add(1)
	x.admitted = true
	if limit := a.limits.Load(); limit != nil && limit.Requests > 0 && active > int64(limit.Requests) {
		return x.slowDown(ShedRequests)
	}
	if a.pressed.Load() {
		return x.slowDown(ShedMemory)
	}
	return nil
}

// leave gives back what admit, charge and hold took.
func (x *exchange) leave() {
	if x.admitted {
		x.g.admission.active.Add(-1)
	}
	if x.charged != nil {
		x.charged.active.Add(-1)
	}
	if x.held > 0 {
		x.g.admission.held.Add(-x.held)
	}
	x.admitted, x.charged, x.held = false, nil, 0
}

// hold charges n bytes of memory that are about to be held, or turns the request away. They are given back with the
// request.
func (x *exchange) hold(n int64) error {
	a := &x.g.admission
	x.held += n
	if held, limit := a.held.Add(n), a.limits.Load(); limit != nil && limit.Documents > 0 && held > limit.Documents {
		return x.slowDown(ShedMemory)
	}
	return nil
}

// orderly runs f. Where f ends by a bug, its request is no longer counted as under way, and has its record: the exchange
// itself isn't used again.
func (x *exchange) orderly(f func()) {
	ended := false
	defer func() {
		if !ended {
			x.audit("InternalError", "", x.g.o.Now().Sub(x.start))
			x.leave()
		}
	}()
	f()
	ended = true
}

// slowDown is the refusal of a request that there is no room for.
func (x *exchange) slowDown(reason string) error {
	x.g.shed(reason)
	return s3.Refuse("SlowDown", "Please reduce your request rate.")
}

// Refused counts a connection that was closed because there are too many.
func (g *Gateway) Refused() { g.shed(ShedConnections) }

func (g *Gateway) shed(reason string) {
	if g.o.Observe.Shed != nil {
		g.o.Observe.Shed(reason)
	}
}

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

// charge counts a request whose signature is right as its identity's, or turns it away: nobody uses up what is another one's.
func (x *exchange) charge(id *Identity) error {
	s := id.share
	if id.RequestsPerSecond > 0 {
		burst := float64(id.Burst)
		if burst <= 0 {
			burst = max(1, id.RequestsPerSecond)
		}
		if !s.take(id.RequestsPerSecond, burst, x.start) {
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

// keepShares gives identities that stay what they use at the moment.
func (ids *Identities) keepShares(before *Identities) {
	for name, id := range ids.byName {
		if before != nil && before.byName[name] != nil {
			id.share = before.byName[name].share
		}
	}
}

// errLeft is a client that asked whether its body is wanted, and left.
var errLeft = errors.New("the client left before it sent its body")

// Close ends an exchange that ExpectHandler began and no handler took up: the HTTP server closes what it was given to keep.
func (x *exchange) Close() error {
	if !x.done {
		e := s3.IncompleteBody(errLeft)
		x.finish(e.Code, e)
	}
	return nil
}

// Limits are those in force.
func (g *Gateway) Limits() Limits {
	if l := g.admission.limits.Load(); l != nil {
		return *l
	}
	return Limits{}
}
