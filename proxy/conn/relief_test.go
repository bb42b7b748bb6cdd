package conn

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counting is a relief whose calls are counted, and the count. It is used in a bubble of synctest.
func counting(least int) (*relief, *atomic.Int32) {
	freed := new(atomic.Int32)
	r := newRelief()
	r.least, r.free = least, func() { freed.Add(1) }
	return r, freed
}

// Memory is given back once a good part of what was held is gone, not more often than every few seconds, and once more
// at last.
func TestAReliefComesAfterAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, freed := counting(100)
		want := func(after time.Duration, n int32) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if got := freed.Load(); got != n {
				t.Fatalf("freed %d times, want %d", got, n)
			}
		}
		begin := time.Now()
		r.change(1000)
		r.change(-249)
		want(time.Minute, 0) // a quarter is still missing
		r.change(-1)
		want(time.Millisecond, 1)
		r.change(-300) // soon after it
		want(time.Second, 1)
		want(4*time.Second, 2)
		r.change(-100) // less than a quarter of 450, and enough
		want(5*time.Second, 2)
		r.change(-13)
		want(time.Millisecond, 3)
		want(r.later, 4) // the last time
		want(time.Hour, 4)
		if took := time.Since(begin); took < time.Hour {
			t.Errorf("the test took %v", took)
		}
	})
}

// Connections that come and go at the same rate call for nothing.
func TestAReliefDoesntComeForEachConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, freed := counting(100)
		r.change(2000)
		for range 10_000 {
			r.change(openUnits)
			time.Sleep(time.Millisecond)
			r.change(-openUnits)
		}
		synctest.Wait()
		if n := freed.Load(); n != 0 {
			t.Errorf("freed %d times", n)
		}
	})
}

// What is held follows connections that are opened, parked, taken up again and closed, parked or not.
func TestAReliefCountsWhatConnectionsHold(t *testing.T) {
	s, address := parkingServer(t, nil, Timeouts{Park: 20 * time.Millisecond})
	r := s.connections.relief
	holds := func(units int) func() bool {
		return func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.held == units
		}
	}
	var clients []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		clients = append(clients, c)
	}
	eventually(t, "open connections were not counted", holds(3*openUnits))
	ask(t, clients[0], plainRequest)
	ask(t, clients[1], plainRequest)
	eventually(t, "parked connections were not counted", holds(openUnits+2*parkedUnits))
	_, _ = clients[0].Write([]byte("G"))
	eventually(t, "a connection that was taken up was not counted", holds(2*openUnits+parkedUnits))
	for _, c := range clients {
		_ = c.Close()
	}
	eventually(t, "closed connections are still counted", holds(0))
}
