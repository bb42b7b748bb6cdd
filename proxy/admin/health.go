package admin

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"sealfront/proxy/status"
)

// health checks whether store and KMS can be reached, at most every few seconds, however many requests there are.
type health struct {
	needs    []string // names of checks without which the program isn't ready
	checks   []Check
	checking sync.Mutex // one check at a time, so that many calls of KMS don't wait for one slow answer

	mu   sync.Mutex
	at   time.Time
	last []status.Check
}

// A Check reports whether something that the program needs can be reached.
type Check struct {
	Name string
	Ask  func(ctx context.Context) error
}

const (
	healthLife    = 5 * time.Second
	healthTimeout = 4 * time.Second
)

// report returns the latest outcomes.
func (h *health) report(ctx context.Context) []status.Check {
	h.checking.Lock()
	defer h.checking.Unlock()
	h.mu.Lock()
	last, at := h.last, h.at
	h.mu.Unlock()
	if last != nil && time.Since(at) < healthLife {
		return last
	}
	// The request may be canceled; the outcome is for all.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout)
	defer cancel()
	found := make([]status.Check, len(h.checks))
	var wait sync.WaitGroup
	for i, c := range h.checks {
		wait.Go(func() {
			began := time.Now()
			err := c.Ask(ctx)
			found[i] = status.Check{
				Name: c.Name, Took: time.Since(began), Millis: float64(time.Since(began).Microseconds()) / 1000,
			}
			if err != nil {
				found[i].Why = err.Error()
			}
		})
	}
	wait.Wait()
	h.mu.Lock()
	h.last, h.at = found, time.Now()
	h.mu.Unlock()
	return found
}

// missing reports what is needed and can't be reached.
func (h *health) missing(ctx context.Context) (why []string) {
	for _, c := range h.report(ctx) {
		if c.Why != "" && slices.Contains(h.needs, c.Name) {
			why = append(why, fmt.Sprintf("%s: %s", c.Name, c.Why))
		}
	}
	return why
}
