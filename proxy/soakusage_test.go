package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// A soakSample is what the program's process takes up.
type soakSample struct {
	at                      time.Duration
	resident                int // KiB
	goroutines, descriptors int
	processor               time.Duration
}

func (u soakSample) String() string {
	return fmt.Sprintf("%5.0f s: %d KiB resident, %d goroutines, %d descriptors, %.1f s of processor time", u.at.Seconds(),
		u.resident, u.goroutines, u.descriptors, u.processor.Seconds())
}

func (s *soak) sample() soakSample {
	s.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", s.p.PID())
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		s.t.Skipf("usage can't be read here: %v", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	resident, _ := strconv.Atoi(strings.Fields(rest)[0])
	descriptors, err := os.ReadDir(proc + "fd")
	if err != nil {
		s.t.Fatal(err)
	}
	return soakSample{
		resident: resident, descriptors: len(descriptors), goroutines: s.p.Metric("go_goroutines"),
		processor: s.processor(proc),
	}
}

// processor returns the time that the process has used, from the stat file's clock ticks, a hundred a second.
func (s *soak) processor(proc string) time.Duration {
	s.t.Helper()
	stat, err := os.ReadFile(proc + "stat")
	if err != nil {
		s.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// watch samples the program's usage, and does now and then what an operator does.
func (s *soak) watch(ctx context.Context, duration time.Duration) {
	tick := time.NewTicker(max(duration/360, 250*time.Millisecond))
	defer tick.Stop()
	began := time.Now()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		u := s.sample()
		u.at = time.Since(began)
		s.mu.Lock()
		s.samples = append(s.samples, u)
		s.mu.Unlock()
		s.front.Seen() // or the test's own memory grows
		if n%12 == 0 {
			s.t.Log(u)
		}
		if n%20 == 10 {
			s.drop(ctx)
		}
		if n%20 == 0 {
			s.p.HangUp()
		}
	}
}

// live collects the program's garbage and returns how much is left, in KiB.
func (s *soak) live() int {
	s.t.Helper()
	s.p.AdminText("/debug/pprof/heap?gc=1")
	return s.p.Metric("go_memstats_heap_alloc_bytes") >> 10
}

// drop has all bucket keys forgotten.
func (s *soak) drop(ctx context.Context) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.p.Env["SEALFRONT_ADMIN"]+"/keys/drop", nil)
	if err != nil {
		s.t.Error(err)
		return
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return // the time is over
	}
	_ = resp.Body.Close()
	s.note("keys/drop", told{ok: resp.StatusCode == http.StatusNoContent, says: fmt.Sprint(resp.StatusCode, " ")})
}

// quiet waits until what requests have held is given back.
func (s *soak) quiet(idle *soakSample) {
	s.t.Helper()
	const slack = 20
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now := s.sample()
		if now.goroutines <= idle.goroutines+slack && now.descriptors <= idle.descriptors+slack {
			live := s.live()
			s.t.Logf("idle at first %v; %d KiB of objects live", idle, s.idleLive)
			s.t.Logf("idle at last  %v; %d KiB of objects live", now, live)
			if live > s.idleLive+16<<10 { // caches fill with what they may hold
				s.t.Error("the heap has grown by more than caches hold")
			}
			return
		}
		select {
		case <-ctx.Done():
			s.t.Errorf("left over: %v; at first %v", now, idle)
			return
		case <-tick.C:
		}
	}
}

// thirds compares the last third of the time after the warm-up with the first.
func (s *soak) thirds(duration time.Duration) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	samples := s.samples[int(soakWarmUp*float64(len(s.samples))):]
	if len(samples) < 3 {
		return
	}
	var mean, goroutines, descriptors [3]int
	for i := range mean {
		part := samples[i*len(samples)/3 : (i+1)*len(samples)/3]
		for _, u := range part {
			mean[i] += u.resident / len(part)
			goroutines[i] = max(goroutines[i], u.goroutines)
			descriptors[i] = max(descriptors[i], u.descriptors)
		}
	}
	s.t.Logf("by thirds: resident on average %d KiB, most goroutines %d, most descriptors %d", mean, goroutines,
		descriptors)
	if duration < 5*time.Minute { // memory is still finding its level
		return
	}
	if mean[2] > mean[0]+mean[0]/10+4<<10 {
		s.t.Error("memory grows")
	}
	if goroutines[2] > goroutines[0]+30 {
		s.t.Error("goroutines grow")
	}
	if descriptors[2] > descriptors[0]+30 {
		s.t.Error("descriptors grow")
	}
}
