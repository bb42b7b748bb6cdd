package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what processes used while a cell ran.
type usage struct {
	cpu  time.Duration // of all their threads, user and system
	peak int64         // the highest resident memory of each, added up; bytes
}

const ticksPerSecond = 100 // USER_HZ, on every Linux that Go runs on

// watchProcesses looks at processes and their children until the function it returns is called. The peak is counted
// from now on where that is allowed, otherwise from the processes' start. Without processes, or where /proc doesn't
// say, the usage is zero.
func watchProcesses(roots []int) func() usage {
	var before time.Duration
	for _, pid := range family(roots) {
		_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/clear_refs", []byte("5"), 0o600) // resets VmHWM; proc(5)
		before += cpuOf(pid)
	}
	return func() usage {
		var u usage
		for _, pid := range family(roots) {
			u.cpu += cpuOf(pid)
			u.peak += statusOf(pid, "VmHWM")
		}
		u.cpu -= before
		return u
	}
}

// family is the processes and all that descend from them: nginx works in children.
func family(roots []int) (all []int) {
	for _, pid := range roots {
		if pid <= 0 {
			continue
		}
		all = append(all, pid)
		threads, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
		for _, thread := range threads {
			text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + thread.Name() + "/children")
			var children []int
			for _, child := range strings.Fields(string(text)) {
				n, _ := strconv.Atoi(child)
				children = append(children, n)
			}
			all = append(all, family(children)...)
		}
	}
	return all
}

// cpuOf reads /proc/PID/stat. Source: proc(5); the fields are counted after the name, which may hold anything.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond
}

// statusOf reads a size from /proc/PID/status: VmRSS is what is resident, VmHWM the highest that was. Bytes; 0: not
// known.
func statusOf(pid int, field string) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "\n"+field+":")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.ParseInt(fields[0], 10, 64)
	return n << 10
}
