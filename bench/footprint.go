package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// run measures everything, each in a program of its own, and reports.
func (s *survey) run(ctx context.Context, command string, out io.Writer) error {
	if err := s.fit(); err != nil {
		return err
	}
	l, err := newLab("", s.progress.say)
	if err != nil {
		return err
	}
	defer l.close()
	s.progress.step("starting")
	if s.program == "" {
		if s.program, err = l.build(ctx, "sealfront/proxy"); err != nil {
			return err
		}
	}
	// Bodies in flight count as a whole, though only what has come is held.
	if err := l.startStore(ctx, int64(2*slices.Max(append(s.counts[moving], 0))+8)*s.object.size+1<<30); err != nil {
		return err
	}
	o := newOutcome(ctx, command)
	rows, err := s.measureRounds(ctx, l)
	s.progress.end()
	_, writeErr := io.WriteString(out, s.report(o, rows))
	return errors.Join(err, writeErr)
}

// measureRounds takes everything in turns, up to the first failure.
func (s *survey) measureRounds(ctx context.Context, l *lab) (rows []row, err error) {
	for range s.rounds {
		for _, h := range holdKinds {
			for _, n := range s.counts[h.form] {
				s.progress.step("%s: %d", h.what, n)
				r, err := s.take(ctx, l, &h, n)
				if err != nil {
					return rows, fmt.Errorf("%s, %d at once: %w", h.what, n, err)
				}
				s.progress.say("%s: %d: RSS %.1f MiB, settled %.1f MiB, after a collection %.1f MiB", h.what, n,
					r.first.resident/(1<<20), r.settled.resident/(1<<20), r.after.resident/(1<<20))
				rows = append(rows, r)
			}
		}
	}
	return rows, nil
}

// take starts the program, lets it have n of something, and says what it takes at once, settled, and after its
// collector has run.
func (s *survey) take(ctx context.Context, l *lab, h *holdKind, n int) (r row, err error) {
	r.what, r.n = h.what, n
	t, err := l.startSealfront(ctx, sealfrontName, s.program, backend{kind: "s3", endpoint: "http://" + l.storeAddress},
		true)
	if err != nil {
		return r, err
	}
	defer l.stop(t)
	if err := s.warm(ctx, t); err != nil {
		return r, fmt.Errorf("warm up: %w", err)
	}
	defer func() { err = errors.Join(err, s.clean(context.WithoutCancel(ctx), t)) }()
	held, err := h.hold(ctx, s, t, n)
	if err != nil {
		return r, err
	}
	defer held.close()
	if r.first, err = t.footprint(ctx, held); err != nil {
		return r, err
	}
	if held.highest != (footprint{}) {
		r.first = held.highest
	}
	wait(ctx, s.settle)
	if r.settled, err = t.footprint(ctx, held); err != nil {
		return r, err
	}
	for range 2 { // what pools hold goes at the second collection
		if err := t.collect(ctx); err != nil {
			return r, err
		}
	}
	wait(ctx, s.settle) // the runtime gives memory back bit by bit
	if r.after, err = t.footprint(ctx, held); err != nil {
		return r, err
	}
	return r, held.release(ctx)
}

// warming is how many objects are put and read before anything is measured.
const warming = 3

// warm makes what a program makes once, and the objects that are read.
func (s *survey) warm(ctx context.Context, t *target) error {
	for _, c := range []*content{s.object, newContent(smallObject)} {
		w := newWorker(t, &cell{Size: c.size, Payload: modeUnsigned}, &s.settings, c, 0)
		defer w.close()
		for range warming {
			if err := w.put(ctx); err != nil {
				return err
			}
			if _, err := w.get(ctx, 0, c.size, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *survey) clean(ctx context.Context, t *target) error {
	w := newWorker(t, &cell{}, &s.settings, empty, 0)
	defer w.close()
	return errors.Join(w.remove(ctx, objectKey(s.object.size, 0)), w.remove(ctx, objectKey(smallObject, 0)))
}

// footprint reads the figures of the kernel and of the program. All that is held must be there.
func (t *target) footprint(ctx context.Context, h *hold) (footprint, error) {
	m, ok := t.scrape(ctx)
	if !ok {
		return footprint{}, errors.New("the program's metrics can't be read")
	}
	f := footprint{resident: float64(statusOf(t.processes[0], "VmRSS")), heap: m.heap, runtime: m.runtime}
	switch {
	case int(m.open) < h.open || int(m.active) < h.active:
		return f, fmt.Errorf("%.0f connections are open and %.0f requests in flight instead of %d and %d", m.open,
			m.active, h.open, h.active)
	case f.resident == 0 || f.heap == 0 || f.runtime == 0:
		return f, fmt.Errorf("the program's memory can't be read: %+v", f)
	}
	return f, nil
}

// collect has the program's garbage collected.
func (t *target) collect(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(t.admin, "/")+
		"/debug/pprof/heap?gc=1", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET /debug/pprof/heap?gc=1: %s", answer.Status)
	}
	return err
}
