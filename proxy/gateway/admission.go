package gateway

import "sealfront/proxy/s3"

// admit counts the request among those under way, or turns it away. It costs nothing but reading the head: what is turned
// away here has no slab, no signature checked and no body asked for.
func (x *exchange) admit() error {
	a := &x.g.admission
	active := a.active.Add(1)
	x.use.admitted = true
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
	if x.use.admitted {
		x.g.admission.active.Add(-1)
	}
	if x.use.held > 0 {
		x.g.admission.held.Add(-x.use.held)
	}
	x.grant.Release()
	x.use = use{}
}

// hold charges n bytes of memory that are about to be held, or turns the request away. They are given back with the
// request.
func (x *exchange) hold(n int64) error {
	a := &x.g.admission
	x.use.held += n
	if held, limit := a.held.Add(n), a.limits.Load(); limit != nil && limit.Documents > 0 && held > limit.Documents {
		return x.slowDown(ShedMemory)
	}
	return nil
}

// slowDown is the refusal of a request that there is no room for.
func (x *exchange) slowDown(reason string) error {
	x.g.shed(reason)
	return s3.SlowDown()
}
