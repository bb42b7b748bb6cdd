package access

import (
	"sealfront/proxy/s3"
)

// charge counts a request whose signature is right as its identity's, or turns it away: nobody uses up what is another one's.
func (x *Grant) charge(id *Identity) error {
	s := id.share
	if id.RequestsPerSecond > 0 {
		burst := float64(id.Burst)
		if burst <= 0 {
			burst = max(1, id.RequestsPerSecond)
		}
		if !s.take(id.RequestsPerSecond, burst, x.Start) {
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

// slowDown is the refusal of a caller that has used up its share.
func (x *Grant) slowDown(reason string) error {
	x.c.shed(reason)
	return s3.SlowDown()
}
