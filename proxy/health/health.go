// Package health says how the things stand that the program needs: one model, which /readyz, /status, the page and the
// metrics all show.
//
//	Ask, with a deadline of its own, in the background ─┐
//	Look, what requests have met anyhow ────────────────┴─▶ Standing: state, since when, why, what still works
//
// Promises:
//
//   - Nobody who asks the model waits for a dependency, and no dependency waits for another, whatever hangs
//     (TestNobodyWaitsForADependency).
//   - A state has held since Since; a repeated error doesn't begin it anew (TestAStateHasABeginning).
package health

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

// A State is how a dependency stands, from the best to the worst.
type State string

// The states. With Due something has to be done soon and everything works; Refusing answers, and says no; Away can't be
// reached.
const (
	Well     State = "well"
	Due      State = "due"
	Slow     State = "slow"
	Hanging  State = "hanging"
	Refusing State = "refusing"
	Away     State = "away"
)

// States are all of them.
var States = []State{Well, Due, Slow, Hanging, Refusing, Away}

// Bad reports whether requests fail by it.
func (s State) Bad() bool { return s == Hanging || s == Refusing || s == Away }

// A Finding is what one look has found.
type Finding struct {
	State State
	Why   string        // for people; "" when it is well and there is nothing to say
	Took  time.Duration // that it takes to answer; 0: unknown
}

// A Dependency is something that the program needs. One of Ask and Look at least is set.
type Dependency struct {
	Name string
	// Works is a sentence on what works without it.
	Works string
	// Ask finds out; its error says why not. It is called in the background and must end with its context.
	Ask func(ctx context.Context) error
	// StateOf is the state that an error of Ask means; nil: Away, or Hanging when ctx had ended.
	StateOf func(err error) State
	// Look returns what is known without asking. It must not wait.
	Look func() Finding
}

// A Standing is how a dependency stands.
type Standing struct {
	Name string
	Finding
	Since time.Time // the state has held
	Works string
}

// Options of a Model; zero values mean the defaults.
type Options struct {
	Every    time.Duration // between two questions; default 10 s, and a fifth of that in trouble
	Deadline time.Duration // of each; default 2 s
	SlowFrom time.Duration // default 1 s
	Now      func() time.Time
}

// A Model holds how dependencies stand. It is safe for concurrent use.
type Model struct {
	o    Options
	deps []Dependency

	mu       sync.Mutex
	asked    []Finding  // the last answers
	standing []Standing // as they were last reported
}

// New returns a model in which everything is well: a program that starts has just spoken with what it needs.
func New(o Options, deps ...Dependency) *Model {
	o.Every = cmp.Or(o.Every, 10*time.Second)
	o.Deadline = cmp.Or(o.Deadline, 2*time.Second)
	o.SlowFrom = cmp.Or(o.SlowFrom, time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Model{o: o, deps: deps, asked: make([]Finding, len(deps)), standing: make([]Standing, len(deps))}
	now := o.Now()
	for i, d := range deps {
		m.asked[i].State = Well
		m.standing[i] = Standing{Name: d.Name, Finding: Finding{State: Well}, Since: now, Works: d.Works}
	}
	return m
}

// Run asks until ctx ends.
func (m *Model) Run(ctx context.Context) {
	var all sync.WaitGroup
	for i := range m.deps {
		if m.deps[i].Ask != nil {
			all.Go(func() { m.watch(ctx, i) })
		}
	}
	all.Wait()
}

func (m *Model) watch(ctx context.Context, i int) {
	for {
		every := m.o.Every
		if m.ask(ctx, i); m.Report()[i].State.Bad() {
			every /= 5
		}
		timer := time.NewTimer(every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// ask asks one dependency once. A question that doesn't end with its context is left behind.
func (m *Model) ask(ctx context.Context, i int) {
	d := &m.deps[i]
	ctx, cancel := context.WithTimeout(ctx, m.o.Deadline)
	defer cancel()
	began := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- d.Ask(ctx) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return // the program ends
	}
	f := Finding{State: Well, Took: time.Since(began)}
	switch {
	case err == nil:
		if f.Took >= m.o.SlowFrom {
			f.State, f.Why = Slow, "it took "+f.Took.Round(time.Millisecond).String()+" to answer"
		}
	case ctx.Err() != nil:
		f.State, f.Why = Hanging, "no answer within "+m.o.Deadline.String()
	default:
		f.State, f.Why = Away, err.Error()
		if d.StateOf != nil {
			f.State = d.StateOf(err)
		}
	}
	m.mu.Lock()
	m.asked[i] = f
	m.mu.Unlock()
}

// worse returns the finding with the worse state.
func worse(a, b Finding) Finding {
	for _, s := range States {
		if a.State == s {
			return b
		}
		if b.State == s {
			return a
		}
	}
	return a
}

// Report returns how everything stands, in the order of New. It waits for nobody.
func (m *Model) Report() []Standing {
	looked := make([]Finding, len(m.deps))
	for i, d := range m.deps {
		looked[i].State = Well
		if d.Look != nil {
			looked[i] = d.Look()
			if looked[i].State == Well && looked[i].Took >= m.o.SlowFrom {
				looked[i].State = Slow
				looked[i].Why = "it takes " + looked[i].Took.Round(time.Millisecond).String() + " to answer"
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.o.Now()
	report := make([]Standing, len(m.deps))
	for i := range m.deps {
		f := worse(m.asked[i], looked[i]) // of two as bad, what requests have met says more
		if f.Took == 0 {
			f.Took = cmp.Or(looked[i].Took, m.asked[i].Took)
		}
		s := &m.standing[i]
		if s.State != f.State {
			s.Since = now
		}
		s.Finding = f
		report[i] = *s
	}
	return report
}

// Missing returns those of needs that requests fail by.
func (m *Model) Missing(needs []string) (missing []Standing) {
	for _, s := range m.Report() {
		for _, need := range needs {
			if s.Name == need && s.State.Bad() {
				missing = append(missing, s)
			}
		}
	}
	return missing
}
