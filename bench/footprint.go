package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A survey is what `bench memory` measures: what the program takes for connections and transfers that it has at once.
type survey struct {
	settings
	active, idle []int // how many at once
	settle       time.Duration
	rounds       int
	progress     *progress
	notes        []string

	object  *content // of transfers
	program string   // file
}

// A footprint is what the program takes at a moment. Bytes.
type footprint struct{ resident, heap, runtime float64 }

// A holding is a way to have n of something at the program.
type holding struct {
	what string
	idle bool // as many as -idle says, instead of -active
	hold func(ctx context.Context, s *survey, t *target, n int) (*held, error)
}

// A held is what a holding has made.
type held struct {
	open, active int                         // connections and requests that are there until release
	highest      footprint                   // of what moved; zero of what stands still
	release      func(context.Context) error // lets all end well, and tells what didn't
	close        func()
}

var holdings = []holding{
	{what: "PUT, half sent", hold: holdUploads(modeUnsigned)},
	{what: "PUT with a trailing CRC32, half sent", hold: holdUploads(modeTrailer)},
	{what: "GET, half read", hold: holdDownloads},
	{what: "PUT at full speed", hold: rush((*worker).put)},
	{what: "GET at full speed", hold: rush(func(w *worker, ctx context.Context) error {
		_, err := w.get(ctx, 0, w.content.size, "")
		return err
	})},
	{what: "idle TLS connection", idle: true, hold: holdIdle},
}

func parseSurvey(args []string, out io.Writer) (*survey, error) {
	s := &survey{progress: newProgress(out)}
	f := flag.NewFlagSet("bench memory", flag.ContinueOnError)
	f.SetOutput(out)
	active := f.String("active", "0,16,64,128", "transfers at once, each in a program that was just started")
	idle := f.String("idle", "0,2500,10000", "idle connections at once; as many as RLIMIT_NOFILE lets a process have")
	size := f.String("size", "64MiB", "of the transfers' object")
	f.DurationVar(&s.settle, "settle", 12*time.Second, "before the collection, and after it; connections give up buffers after 3 s, the program gives them back to the system within 5 s of that")
	f.DurationVar(&s.duration, "time", 5*time.Second, "of transfers at full speed")
	f.IntVar(&s.rounds, "rounds", 1, "of everything; tables show medians")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, usageError{err}
	}
	bytes, err1 := parseBytes(*size)
	var err2, err3 error
	s.active, err2 = parseCounts(*active)
	s.idle, err3 = parseCounts(*idle)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, usageError{err}
	}
	// Held transfers are silent for twice -settle and a while; limits.progress_timeout is a minute.
	if f.NArg() > 0 || bytes < slowObjectSize || bytes > 1<<30 || s.settle < 0 || s.settle > 15*time.Second || s.duration <= 0 || s.rounds <= 0 {
		return nil, usagef("memory takes no arguments; -size is 16MiB, which the kernel does not buffer, to 1GiB, -settle at most 15s, -time and -rounds are positive")
	}
	s.object = newContent(bytes)
	return s, nil
}

// parseCounts reads numbers such as 0,16,64.
func parseCounts(text string) (list []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > 60_000 {
			return nil, fmt.Errorf("%q is not a list of numbers such as 0,16,64", text)
		}
		list = append(list, n)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// spare is how many descriptors a process needs besides those of its clients' connections.
const spare = 300

// fit bounds idle connections by the descriptors that a process may have, here and in the program, and says so.
func (s *survey) fit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur < limit.Max {
		raised := syscall.Rlimit{Cur: limit.Max, Max: limit.Max}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
			limit = raised
		}
	}
	s.notes = append(s.notes, fmt.Sprintf("%d descriptors a process (RLIMIT_NOFILE)", limit.Cur))
	most := int(min(limit.Cur, 1<<20)) - spare
	for i, n := range s.idle {
		if n > most {
			s.notes = append(s.notes, fmt.Sprintf("they are too few for %d connections: %d instead", n, most))
			s.idle[i] = max(0, most)
		}
	}
	s.idle = slices.Compact(s.idle)
	return nil
}

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
	if s.program, err = l.build(ctx, "sealfront/proxy"); err != nil {
		return err
	}
	// Bodies under way count as a whole, though only what has come is held.
	if err := l.startStore(ctx, int64(2*slices.Max(s.active)+8)*s.object.size+1<<30); err != nil {
		return err
	}
	o := newOutcome(ctx, &plan{command: command})
	rows, err := s.measureRounds(ctx, l)
	s.progress.end()
	_, writeErr := io.WriteString(out, s.report(o, rows))
	return errors.Join(err, writeErr)
}

// measureRounds takes everything in turns, up to the first failure.
func (s *survey) measureRounds(ctx context.Context, l *lab) (rows []row, err error) {
	for range s.rounds {
		for _, h := range holdings {
			counts := s.active
			if h.idle {
				counts = s.idle
			}
			for _, n := range counts {
				s.progress.step("%s: %d", h.what, n)
				r, err := s.take(ctx, l, &h, n)
				if err != nil {
					return rows, fmt.Errorf("%s, %d at once: %w", h.what, n, err)
				}
				s.progress.say("%s: %d: RSS %.1f MiB, settled %.1f MiB, after a collection %.1f MiB", h.what, n, r.first.resident/(1<<20), r.settled.resident/(1<<20), r.after.resident/(1<<20))
				rows = append(rows, r)
			}
		}
	}
	return rows, nil
}

// take starts the program, lets it have n of something, and says what it takes at once, settled, and after its collector has run.
func (s *survey) take(ctx context.Context, l *lab, h *holding, n int) (r row, err error) {
	r.what, r.n = h.what, n
	t, err := l.startSealfront(ctx, sealfrontName, s.program, backend{kind: "s3", endpoint: "http://" + l.storeAddress}, true)
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

// footprint asks the kernel and the program. All that is held must be there.
func (t *target) footprint(ctx context.Context, h *held) (footprint, error) {
	m, ok := t.scrape(ctx)
	if !ok {
		return footprint{}, errors.New("the program's metrics can't be read")
	}
	f := footprint{resident: float64(statusOf(t.processes[0], "VmRSS")), heap: m.heap, runtime: m.runtime}
	switch {
	case int(m.open) < h.open || int(m.active) < h.active:
		return f, fmt.Errorf("%.0f connections are open and %.0f requests under way instead of %d and %d", m.open, m.active, h.open, h.active)
	case f.resident == 0 || f.heap == 0 || f.runtime == 0:
		return f, fmt.Errorf("the program's memory can't be read: %+v", f)
	}
	return f, nil
}

// collect has the program's garbage collected.
func (t *target) collect(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(t.admin, "/")+"/debug/pprof/heap?gc=1", nil)
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
