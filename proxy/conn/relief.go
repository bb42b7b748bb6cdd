package conn

import (
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// A relief gives memory back to the system that connections no longer hold: once many of them have ended or been
// parked. Otherwise the collector would let the heap double first, which in a program whose load has gone takes
// minutes, and their buffers would stay resident all that time.
//
// It costs two collections, so it waits until a good part of what was held is gone, and doesn't come often. It comes
// once more a while after the last of them, for what ends later: idle workers of the HTTP server, and connections to
// the store.
type relief struct {
	least int           // fewer units than these are not worth it
	every time.Duration // at most
	later time.Duration // when it comes once more
	free  func()

	mu    sync.Mutex
	held  int // units
	most  int // that were held since the last one
	due   bool
	last  time.Time
	again *time.Timer
}

// What a connection holds, in units of a parked one's memory, which is about 20 KiB.
const (
	openUnits   = 4
	parkedUnits = 1
)

func newRelief() *relief {
	return &relief{
		least: 256 * openUnits, every: 5 * time.Second, later: 22 * time.Second, free: giveMemoryBack,
	}
}

// giveMemoryBack collects twice, since what pools hold goes at the second time, and returns what is free to the system.
func giveMemoryBack() {
	runtime.GC()
	debug.FreeOSMemory()
}

// change notes that connections hold so many units more, or less when negative.
func (r *relief) change(units int) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held += units
	r.most = max(r.most, r.held)
	if r.due || r.most-r.held < max(r.least, r.most/4) {
		return
	}
	r.due = true
	time.AfterFunc(r.every-time.Since(r.last), func() {
		r.mu.Lock()
		r.due, r.last, r.most = false, time.Now(), r.held
		if r.again == nil {
			r.again = time.AfterFunc(r.later, r.free)
		} else {
			r.again.Reset(r.later)
		}
		r.mu.Unlock()
		r.free()
	})
}
