package tools

import (
	"context"
	"time"
)

// A Watcher is shown the progress of walks. Its calls don't overlap.
type Watcher interface {
	// Show is called several times a second, and at the end of a walk. p is valid during the call.
	Show(p *Progress)
	// Clear is called before a line of the report is written: the watcher removes what it has drawn on the same terminal.
	Clear()
}

// Progress is how far a walk is.
type Progress struct {
	Phase string // of a tool that walks twice: copying, then comparing; otherwise ""
	At    time.Time
	Began time.Time // the walk, or the run that continues one

	// With what earlier runs of a resumed walk have done.
	Done   int64 // objects
	Failed int64 // of them, and names that can't be resolved
	Bytes  int64 // of the objects as the store lists them

	// What Done and Bytes are at the end; -1 while it is unknown. Objects that clients add or delete meanwhile change it.
	Total      int64
	TotalBytes int64

	// Of the last minute.
	Rate     float64 // objects a second
	ByteRate float64 // bytes a second

	// Remaining is the longer of the times that the remaining objects and the remaining bytes take at these rates; -1 when
	// it is unknown.
	Remaining time.Duration

	// Current is the first key, in the order of the listing, that isn't done; "" at the end.
	Current string
}

// How often a watcher is shown the progress, over what time rates are measured, and how long a walk runs before its
// keys are counted ahead of it: a short one needs no total.
const (
	showEvery  = 200 * time.Millisecond
	ratePeriod = time.Minute
	totalAfter = 5 * time.Second
)

// A meter measures rates over the last minute.
type meter struct{ samples []sample }

type sample struct {
	at          time.Time
	done, bytes int64
}

// add notes what is done at a time, and returns the rates until then. Without a minute of samples the rates are those
// since the first one.
func (m *meter) add(now sample) (rate, byteRate float64) {
	if n := len(m.samples); n < 2 || now.at.Sub(m.samples[n-1].at) >= ratePeriod/60 {
		m.samples = append(m.samples, now)
	}
	for len(m.samples) > 2 && now.at.Sub(m.samples[1].at) >= ratePeriod {
		m.samples = m.samples[1:]
	}
	first := m.samples[0]
	seconds := now.at.Sub(first.at).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return float64(now.done-first.done) / seconds, float64(now.bytes-first.bytes) / seconds
}

// remaining is the longer of the times that objects and bytes take, -1 when one of them makes no headway.
func remaining(objects, bytes int64, rate, byteRate float64) time.Duration {
	longest := 0.0
	for _, work := range []struct {
		left int64
		rate float64
	}{{objects, rate}, {bytes, byteRate}} {
		if work.left <= 0 {
			continue
		}
		if work.rate <= 0 {
			return -1
		}
		longest = max(longest, float64(work.left)/work.rate)
	}
	if longest > maxRemaining.Seconds() {
		return maxRemaining
	}
	return time.Duration(longest * float64(time.Second))
}

// maxRemaining is the longest time that is estimated.
const maxRemaining = 100 * 365 * 24 * time.Hour

// progress is how far the walk is.
func (w *walk) progress() *Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &Progress{
		Phase: w.phase, At: time.Now(), Began: w.started, Done: w.now.Done, Failed: w.now.Failed, Bytes: w.now.Bytes,
		Total: -1, TotalBytes: -1, Remaining: -1,
	}
	p.Rate, p.ByteRate = w.meter.add(sample{p.At, p.Done, p.Bytes})
	if w.total.known {
		p.Total, p.TotalBytes = max(w.total.objects, p.Done), max(w.total.bytes, p.Bytes)
		p.Remaining = remaining(p.Total-p.Done, p.TotalBytes-p.Bytes, p.Rate, p.ByteRate)
	}
	if len(w.pending) > 0 {
		p.Current = w.pending[0].key
	}
	return p
}

// show shows the watcher how far the walk is.
func (w *walk) show() {
	w.showing.Lock()
	defer w.showing.Unlock()
	w.o.Watch.Show(w.progress())
}

// watch shows the progress until ctx ends.
func (w *walk) watch(ctx context.Context) {
	tick := time.NewTicker(showEvery)
	defer tick.Stop()
	for {
		w.show()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// A total is how many objects a walk has, and how many bytes.
type total struct {
	known          bool
	objects, bytes int64
}

func (t *total) add(e entry) {
	t.objects++
	t.bytes += e.size
}

// findTotal counts what the walk has still to do, by a listing of its own that runs ahead of it: one request for each
// thousand names. Where it fails, the total stays unknown until the walk's own listing ends.
func (w *walk) findTotal(ctx context.Context, objects pager, prefix, start string, counted total) {
	select {
	case <-time.After(w.o.TotalAfter):
	case <-ctx.Done():
		return
	}
	for {
		w.mu.Lock()
		known := w.total.known
		w.mu.Unlock()
		if known {
			return
		}
		page, err := objects.page(ctx, prefix, start, listedAtOnce)
		if err != nil {
			return
		}
		for _, e := range page.entries {
			if w.o.Shard.Has(e.key) {
				counted.add(e)
			}
		}
		if start = page.last; !page.more {
			break
		}
	}
	w.setTotal(counted)
}

func (w *walk) setTotal(t total) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.known = true
	w.total = t
}
