package instance

import (
	"runtime/debug"
	"testing"
)

func TestASmallHeapIsCollectedSeldomAndALargeOneOften(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 800},
		{2 << 20, 800},
		{8 << 20, 400},
		{32 << 20, 100},
		{33 << 20, 100},
		{64 << 20, 100},
		{128 << 20, 50},
		{200 << 20, 32},
		{300 << 20, 25},
		{4 << 30, 25},
	} {
		if got := growth(c.live); got != c.want {
			t.Errorf("growth(%d) = %d, want %d", c.live, got, c.want)
		}
	}
}

func TestTheCollectorIsPacedUnlessGOGCIsSet(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	inForce := func() int {
		percent := debug.SetGCPercent(100)
		debug.SetGCPercent(percent)
		return percent
	}
	t.Setenv("GOGC", "")
	c := newPacing()
	for _, step := range []struct {
		live uint64
		want int
	}{{8 << 20, 400}, {7 << 20, 400}, {16 << 20, 200}, {60 << 20, 100}, {1 << 30, 25}} {
		c.pace(step.live)
		if got := inForce(); got != step.want {
			t.Errorf("with %d live: %d %%, want %d", step.live, got, step.want)
		}
	}
	debug.SetGCPercent(100)
	t.Setenv("GOGC", "50")
	c = newPacing()
	c.pace(8 << 20)
	if got := inForce(); got != 100 {
		t.Errorf("GOGC is set, and %d %% are in force", got)
	}
}
