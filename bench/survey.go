package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A survey is what `bench memory` measures: what the program takes for connections and transfers that it has at once.
type survey struct {
	settings
	counts   [holdForms][]int // how many at once
	settle   time.Duration
	rounds   int
	pause    time.Duration // of a connection of the storm, after a write and a read
	progress *progress
	notes    []string

	object  *content // of transfers
	program string   // file; "": that of this tree is built
}

// A footprint is what the program takes at a moment. Bytes.
type footprint struct{ resident, heap, runtime float64 }

// A holdForm is what n counts: each has a flag that says how many.
type holdForm int

const (
	moving holdForm = iota // transfers: -active
	busy                   // connections with small requests: -storm
	idling                 // idle connections: -idle
	holdForms
)

// A holdKind is a way to have n of something at the program.
type holdKind struct {
	what string
	form holdForm
	hold func(ctx context.Context, s *survey, t *target, n int) (*hold, error)
}

// A hold is what a way to hold has made.
type hold struct {
	open, active int                         // connections and requests that are there until release
	highest      footprint                   // of what moved; zero of what stands still
	release      func(context.Context) error // lets all end well, and reports what didn't
	close        func()
}

func parseSurvey(args []string, out io.Writer) (*survey, error) {
	s := &survey{progress: newProgress(out)}
	f := flag.NewFlagSet("bench memory", flag.ContinueOnError)
	f.SetOutput(out)
	active := f.String("active", "0,16,64,128", "transfers at once, each in a program that was just started")
	storm := f.String("storm", "0,5000",
		"connections at once with small requests again and again, all closed at their end")
	idle := f.String("idle", "0,2500,10000", "idle connections at once; as many as RLIMIT_NOFILE lets a process have")
	size := f.String("size", "64MiB", "of the transfers' object")
	f.DurationVar(&s.settle, "settle", 12*time.Second, "before the collection, and after it; connections give up "+
		"buffers after 3 s, the program gives them back to the system within 5 s of that")
	f.DurationVar(&s.duration, "time", 5*time.Second, "of transfers at full speed, and of small requests")
	f.DurationVar(&s.pause, "pause", 2*time.Second,
		"of each connection of -storm between a write with a read and the next ones; 0: none")
	f.StringVar(&s.program, "program", "", "file: measure this build of Sealfront instead of this tree's")
	f.IntVar(&s.rounds, "rounds", 1, "of everything; tables show medians")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, usageError{err}
	}
	bytes, err1 := parseBytes(*size)
	errs := []error{err1}
	for form, text := range [holdForms]string{moving: *active, busy: *storm, idling: *idle} {
		var err error
		s.counts[form], err = parseCounts(text)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, usageError{err}
	}
	// Held transfers are idle for twice -settle and a while; limits.progress_timeout is a minute.
	if f.NArg() > 0 || bytes < slowObjectSize || bytes > 1<<30 || s.settle < 0 || s.settle > 15*time.Second ||
		s.duration <= 0 || s.rounds <= 0 || s.pause < 0 {
		return nil, usagef("memory takes no arguments; -size is 16MiB, which the kernel does not buffer, to 1GiB, " +
			"-settle at most 15s, -time and -rounds are positive")
	}
	s.object = newContent(bytes)
	return s, nil
}

// parseCounts reads numbers such as 0,16,64; "none" is none at all.
func parseCounts(text string) (list []int, err error) {
	if text == "none" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > 60_000 {
			return nil, fmt.Errorf("%q is not a list of numbers such as 0,16,64, nor none", text)
		}
		list = append(list, n)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// spare is how many descriptors a process needs besides those of its clients' connections.
const spare = 300

// fit bounds connections by the descriptors that a process may have, here and in the program, and says so.
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
	for form, most := range map[holdForm]int{
		idling: int(min(limit.Cur, 1<<20)) - spare,
		busy:   int(min(limit.Cur, 1<<20))/2 - spare, // each may have one to the store, too
	} {
		counts := s.counts[form]
		for i, n := range counts {
			if n > most {
				s.notes = append(s.notes, fmt.Sprintf("they are too few for %d connections: %d instead", n, most))
				counts[i] = max(0, most)
			}
		}
		s.counts[form] = slices.Compact(counts)
	}
	return nil
}
