package instance

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"sealfront/proxy/config"
	"sealfront/proxy/gateway"
)

// Memory is how much memory the process may use, and where the limit comes from.
type Memory struct {
	Limit  int64  // bytes; 0: no limit is known
	Source string // limits.memory | GOMEMLIMIT | control group
}

// memoryLimit decides how much memory the process uses, and sets it as the Go runtime's limit, whose collector works
// harder near it, unless the process is shared. group is the control group's limit, 0 for none; a tenth of it stays for
// what the runtime doesn't count.
func memoryLimit(c *config.Config, group int64, shared bool) Memory {
	m := Memory{}
	limit := runtimeLimit
	switch {
	case c.Limits.Memory > 0:
		m = Memory{int64(c.Limits.Memory), "limits.memory"}
		limit = m.Limit
	case os.Getenv("GOMEMLIMIT") != "" && os.Getenv("GOMEMLIMIT") != "off":
		m = Memory{runtimeLimit, "GOMEMLIMIT"}
	case group > 0:
		m = Memory{group / 10 * 9, "control group"}
		limit = m.Limit
	}
	if !shared {
		debug.SetMemoryLimit(limit)
	}
	return m
}

// runtimeLimit is what the Go runtime was started with: GOMEMLIMIT, or no limit.
var runtimeLimit = debug.SetMemoryLimit(-1)

// What a process needs in addition to its requests, and a request at most with its connection: buffers of both sides,
// slabs of an upload (a small body isn't streamed), and a goroutine's stack.
const (
	baseMemory    = 48 << 20
	requestMemory = 640 << 10
	fewestAtOnce  = 16
	documentShare = 8 // documents may hold this fraction of it
)

// requests is how many may be in flight at once so that memory suffices; 0: no limit.
func (m Memory) requests() int {
	if m.Limit <= 0 {
		return 0
	}
	return int(max(fewestAtOnce, (m.Limit-baseMemory)/requestMemory))
}

// gatewayLimits are those for all requests together.
func (m Memory) gatewayLimits(c *config.Config) gateway.Limits {
	l := gateway.Limits{Requests: m.requests(), Documents: m.Limit / documentShare}
	if c.Limits.Requests > 0 {
		l.Requests = c.Limits.Requests
	}
	return l
}

// cgroupLimit reads the memory limit of the control group that the process is in, or of one above it; 0: none.
func cgroupLimit() int64 {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	return cgroupLimitBelow("/sys/fs/cgroup", string(text))
}

// cgroupLimitBelow is cgroupLimit with the groups' files below root and the process's groups as /proc/self/cgroup has
// them.
func cgroupLimitBelow(root, groups string) int64 {
	least := int64(math.MaxInt64)
	read := func(file string) {
		text, err := os.ReadFile(file)
		if err != nil {
			return
		}
		// Version 1 says "no limit" with a number near the largest.
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 && n < 1<<60 {
			least = min(least, n)
		}
	}
	for line := range strings.Lines(groups) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		base, name := "", ""
		switch {
		case id == "0" && controllers == "":
			base, name = root, "memory.max"
		case strings.Contains(","+controllers+",", ",memory,"):
			base, name = filepath.Join(root, "memory"), "memory.limit_in_bytes"
		default:
			continue
		}
		for {
			read(filepath.Join(base, group, name))
			if group == "/" || group == "." || group == "" {
				break
			}
			group = filepath.Dir(group)
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// watchMemory paces the collector, and reports to the gateway when memory runs out, until ctx ends: the estimate of
// requests can be wrong, since part tables, caches and embedded parts need memory, too.
func watchMemory(ctx context.Context, limit func() int64, pressed func(bool)) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	collector := newPacing()
	for {
		metrics.Read(samples)
		live, stacks := samples[0].Value.Uint64(), samples[1].Value.Uint64()
		collector.pace(live)
		most := limit()
		pressed(most > 0 && int64(live+stacks) > most/10*9)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
