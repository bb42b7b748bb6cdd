package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"sealfront/proxy/config"
	"sealfront/proxy/status"
)

// health asks store and KMS whether they can be reached, not more often than every few seconds, however often it is asked.
type health struct {
	needs  []string // names of checks without which the program isn't ready
	checks []healthCheck
	asking sync.Mutex // one at a time, so that a slow answer isn't waited for by many calls of KMS

	mu   sync.Mutex
	at   time.Time
	last []status.Check
}

type healthCheck struct {
	name string
	ask  func(ctx context.Context) error
}

const (
	healthLife    = 5 * time.Second
	healthTimeout = 4 * time.Second
)

func newHealth(c *config.Config, p *parts) *health {
	return &health{needs: c.Admin.ReadyNeeds, checks: []healthCheck{
		{"store", func(ctx context.Context) error {
			_, _, err := p.objects.Get(ctx, "probe-health") // that there is none is an answer, too
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return err
		}},
		{"kms", func(ctx context.Context) error { return p.askKMS(ctx) }},
	}}
}

// report is what was found lately.
func (h *health) report(ctx context.Context) []status.Check {
	h.asking.Lock()
	defer h.asking.Unlock()
	h.mu.Lock()
	last, at := h.last, h.at
	h.mu.Unlock()
	if last != nil && time.Since(at) < healthLife {
		return last
	}
	// Whoever asked may leave; the answer is for all.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout)
	defer cancel()
	found := make([]status.Check, len(h.checks))
	var wait sync.WaitGroup
	for i, c := range h.checks {
		wait.Go(func() {
			began := time.Now()
			err := c.ask(ctx)
			found[i] = status.Check{Name: c.name, Took: time.Since(began), Millis: float64(time.Since(began).Microseconds()) / 1000}
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

// missing says what is needed and can't be reached.
func (h *health) missing(ctx context.Context) (why []string) {
	for _, c := range h.report(ctx) {
		if c.Why != "" && slices.Contains(h.needs, c.Name) {
			why = append(why, fmt.Sprintf("%s: %s", c.Name, c.Why))
		}
	}
	return why
}
