package conn

import "time"

// A pace is how fast a client must send within a request. Every `floor` bytes must come within `patience` of waiting for
// them; the time in which the proxy doesn't read, because the store is slow, isn't the client's. A deadline on each read alone
// would let a client live for years by a byte a minute. It belongs to the connection's reader.
type pace struct {
	left  time.Duration // of patience for the bytes that are missing
	bytes int           // that came since patience was full
}

// begin is a new request.
func (p *pace) begin(patience time.Duration) { p.left, p.bytes = patience, 0 }

// add counts the n bytes of a read that waited so long.
func (p *pace) add(n int, waited, patience time.Duration, rate int) {
	p.left -= waited
	p.bytes += n
	if p.bytes >= int(patience.Seconds()*float64(rate)) {
		p.begin(patience)
	}
}
