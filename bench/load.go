package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// A cell is one operation at one size and concurrency.
type cell struct {
	operation         string // PUT or GET
	size, concurrency int
}

// A result is what a cell took on one target.
type result struct {
	cell
	took      time.Duration
	latencies []time.Duration // sorted; those of requests that succeeded
	errors    int
	failure   error // the first
	usage     usage
}

func (r *result) perSecond() float64 { return float64(len(r.latencies)) / r.took.Seconds() }

func (r *result) bytesPerSecond() float64 { return r.perSecond() * float64(r.size) }

// cpu is the process's time for each byte of bodies.
func (r *result) cpuPerByte() float64 {
	return r.usage.cpu.Seconds() / (float64(len(r.latencies)) * float64(r.size))
}

// percentile is the latency that p percent of the requests didn't exceed.
func (r *result) percentile(p int) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	return r.latencies[min((len(r.latencies)*p+99)/100, len(r.latencies))-1]
}

// key is a worker's object.
func (c *cell) key(worker int) string { return fmt.Sprintf("bench/%d/%d", c.size, worker) }

// measure runs every cell on every target and returns the median round of each, a list for each target. PUT comes before
// the GET of the same size and concurrency, which reads what was put.
func (p *plan) measure(ctx context.Context, out io.Writer) ([][]result, error) {
	body := make([]byte, slices.Max(p.sizes))
	rand.Read(body)
	results := make([][]result, len(p.targets))
	for _, size := range p.sizes {
		for _, concurrency := range p.concurrency {
			for _, operation := range []string{"PUT", "GET"} {
				c := cell{operation, size, concurrency}
				rounds := make([][]result, len(p.targets))
				for range p.rounds {
					for i, t := range p.targets {
						r, err := c.run(ctx, t, body[:size], p.time)
						if err != nil {
							return nil, fmt.Errorf("%s: %w", t.name, err)
						}
						rounds[i] = append(rounds[i], r)
						fmt.Fprintf(out, "# %s %s %s ×%d: %.0f/s, %.1f MiB/s, %d errors\n", t.name, operation, bytesText(size), concurrency,
							r.perSecond(), r.bytesPerSecond()/(1<<20), r.errors)
					}
				}
				for i := range rounds {
					results[i] = append(results[i], median(rounds[i]))
				}
			}
		}
	}
	return results, nil
}

// median is the round in the middle by throughput.
func median(rounds []result) result {
	slices.SortFunc(rounds, func(a, b result) int { return int(a.perSecond() - b.perSecond()) })
	return rounds[len(rounds)/2]
}

// run runs the cell for a while. It fails when no request succeeded.
func (c cell) run(ctx context.Context, t *target, body []byte, d time.Duration) (result, error) {
	r := result{cell: c}
	for w := range c.concurrency { // what GET reads is there, and connections are open
		if err := t.put(ctx, c.key(w), body); err != nil {
			return r, err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	watch := watchProcess(t.pid)
	begin := time.Now()
	var mu sync.Mutex
	var workers sync.WaitGroup
	for w := range c.concurrency {
		workers.Go(func() {
			var latencies []time.Duration
			var failed int
			var first error
			for time.Since(begin) < d && ctx.Err() == nil {
				start := time.Now()
				var err error
				if c.operation == "PUT" {
					err = t.put(ctx, c.key(w), body)
				} else {
					err = t.get(ctx, c.key(w), c.size)
				}
				if err == nil {
					latencies = append(latencies, time.Since(start))
					continue
				}
				failed++
				first = errors.Join(first, err)
				if failed >= 10 { // a target that fails at once would be a busy loop
					break
				}
			}
			mu.Lock()
			defer mu.Unlock()
			r.latencies = append(r.latencies, latencies...)
			r.errors += failed
			r.failure = errors.Join(r.failure, first)
		})
	}
	workers.Wait()
	r.took = time.Since(begin)
	r.usage = watch()
	slices.Sort(r.latencies)
	if len(r.latencies) == 0 {
		return r, fmt.Errorf("no request succeeded: %w", errors.Join(r.failure, ctx.Err()))
	}
	return r, ctx.Err()
}

// clean deletes what the workers wrote.
func (p *plan) clean(ctx context.Context) error {
	var errs []error
	for _, t := range p.targets {
		for _, size := range p.sizes {
			for w := range slices.Max(p.concurrency) {
				c := cell{size: size}
				errs = append(errs, t.remove(ctx, c.key(w)))
			}
		}
	}
	return errors.Join(errs...)
}
