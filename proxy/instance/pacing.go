package instance

import (
	"os"
	"runtime/debug"
)

// pacing is that of the garbage collector of a program whose heap is small: by default it would run for every few
// mebibytes that requests of some kilobytes leave behind, dozens of times a second, and while it marks, every request
// pays for write barriers. So a collection comes after collectAfter at the earliest. A larger heap may double, as by
// default, up to doubleUntil; beyond it grows by a smaller share, since what thousands of connections hold is mostly
// buffers, which cost little to mark and much to have twice.
type pacing struct {
	percent int  // in force
	given   bool // GOGC is set: it decides
}

const (
	collectAfter = 32 << 20
	doubleUntil  = 64 << 20
	leastGrowth  = 25  // percent of what was live
	plainGrowth  = 100 // Go's own pace
	mostGrowth   = 800
)

func newPacing() *pacing {
	return &pacing{percent: plainGrowth, given: os.Getenv("GOGC") != ""}
}

// pace adjusts to the live heap after the last collection, in bytes. Each change stops the world for some
// microseconds, so there is none for a small difference.
func (p *pacing) pace(live uint64) {
	if want := growth(live); !p.given && (want > p.percent/4*5 || want < p.percent/5*4) {
		p.percent = want
		debug.SetGCPercent(want)
	}
}

// growth is by how many percent a heap with so many live bytes may grow.
func growth(live uint64) int {
	live = max(1, live)
	if live > doubleUntil {
		return int(max(leastGrowth, plainGrowth*doubleUntil/live))
	}
	return int(min(mostGrowth, max(plainGrowth, collectAfter*100/live)))
}
