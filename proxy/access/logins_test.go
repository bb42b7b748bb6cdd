package access

import (
	"net/netip"
	"sync"
	"testing"
	"time"
)

func TestFailedLoginsAreCountedByAddressAndAccessKey(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLogins(FailedLogins{Rate: 2, Burst: 5, Entries: 3}, func() time.Time { return now })
	pair := func(address, accessKey string) loginPair { return loginPair{netip.MustParseAddr(address), accessKey} }
	here, there, other := pair("192.0.2.1", "A"), pair("192.0.2.2", "A"), pair("192.0.2.1", "B")
	for i := range 5 {
		if !l.allows(here) {
			t.Fatalf("refused after %d failures of 5", i)
		}
		l.countFailure(here)
	}
	if l.allows(here) {
		t.Error("allowed after 5 failures of 5")
	}
	if !l.allows(there) || !l.allows(other) {
		t.Error("another address or access key is refused as well")
	}
	now = now.Add(499 * time.Millisecond)
	if l.allows(here) {
		t.Error("allowed before half a second at 2 a second")
	}
	now = now.Add(time.Millisecond)
	if !l.allows(here) {
		t.Error("refused after half a second at 2 a second")
	}
	l.countFailure(here)
	now = now.Add(-time.Hour) // a clock that was set back neither fills nor empties
	if l.allows(here) {
		t.Error("allowed by a clock that was set back")
	}
	for _, address := range []string{"192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"} {
		l.countFailure(pair(address, ""))
	}
	if n := l.buckets.Len(); n != 3 {
		t.Errorf("%d pairs are remembered, want 3", n)
	}
}

func TestFailedLoginsAreNotCountedAtRateZero(t *testing.T) {
	if newLogins(FailedLogins{Burst: 1}, time.Now) != nil {
		t.Error("counted at rate 0")
	}
}

// The race detector is the judge.
func TestConcurrentFailedLogins(t *testing.T) {
	l := newLogins(FailedLogins{Rate: 1, Burst: 10, Entries: 8}, time.Now)
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			for n := range 500 {
				p := loginPair{netip.AddrFrom4([4]byte{10, 0, 0, byte(n % 32)}), string(rune('a' + i%4))}
				if l.allows(p) {
					l.countFailure(p)
				}
				id := [16]byte{byte(n)}
				if !l.knowsSessionKey(id) {
					l.recordSessionKey(id)
				}
			}
		})
	}
	group.Wait()
}
