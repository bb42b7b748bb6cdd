package main

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// usage is what a process used while a cell ran.
type usage struct {
	cpu time.Duration
	rss int64 // the highest resident memory seen, bytes
}

const (
	ticksPerSecond = 100 // USER_HZ, on every Linux that Go runs on
	sampling       = 20 * time.Millisecond
)

// watchProcess looks at a process until the function it returns is called. Without a pid, or where /proc doesn't tell,
// the usage is zero.
func watchProcess(pid int) func() usage {
	before, _ := readProcess(pid)
	stop, done := make(chan struct{}), make(chan int64, 1)
	go func() {
		tick := time.NewTicker(sampling)
		defer tick.Stop()
		var highest int64
		for {
			if u, ok := readProcess(pid); ok {
				highest = max(highest, u.rss)
			}
			select {
			case <-tick.C:
			case <-stop:
				done <- highest
				return
			}
		}
	}()
	return func() usage {
		close(stop)
		highest := <-done
		after, _ := readProcess(pid)
		return usage{after.cpu - before.cpu, highest}
	}
}

// readProcess reads /proc/PID/stat. Source: proc(5); the fields are counted behind the name, which may hold anything.
func readProcess(pid int) (u usage, ok bool) {
	if pid <= 0 {
		return usage{}, false
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return usage{}, false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 22 {
		return usage{}, false
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(string(fields[i]), 10, 64)
		return n
	}
	ticks := number(11) + number(12) // utime, stime
	return usage{time.Duration(ticks) * time.Second / ticksPerSecond, number(21) * int64(os.Getpagesize())}, true
}
