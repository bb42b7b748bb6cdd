package health_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sealfront/proxy/health"
)

func stateOf(t *testing.T, m *health.Model, name string) health.Standing {
	t.Helper()
	for _, s := range m.Report() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no dependency %q", name)
	return health.Standing{}
}

// Whatever hangs, the report comes at once, and says of the others what is true.
func TestNobodyWaitsForADependency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		deaf := make(chan struct{}) // a question that heeds nothing
		refused := errors.New("403")
		m := health.New(health.Options{},
			health.Dependency{Name: "deaf", Ask: func(context.Context) error { <-deaf; return nil }},
			health.Dependency{Name: "patient", Ask: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			health.Dependency{Name: "away", Ask: func(context.Context) error { return errors.New("connection refused") }},
			health.Dependency{
				Name: "refusing", Ask: func(context.Context) error { return refused },
				StateOf: func(err error) health.State {
					if errors.Is(err, refused) {
						return health.Refusing
					}
					return health.Away
				},
			},
			health.Dependency{
				Name: "slow", Ask: func(context.Context) error { time.Sleep(1500 * time.Millisecond); return nil },
			},
			health.Dependency{Name: "well", Ask: func(context.Context) error { return nil }},
			health.Dependency{Name: "seen", Ask: func(context.Context) error { return nil }, Look: func() health.Finding {
				return health.Finding{State: health.Due, Why: "soon"}
			}},
			health.Dependency{Name: "lagging", Look: func() health.Finding {
				return health.Finding{State: health.Well, Took: 3 * time.Second}
			}},
		)
		for _, s := range m.Report() {
			if s.State != health.Well && s.Name != "seen" && s.Name != "lagging" {
				t.Errorf("before it is asked: %s is %s", s.Name, s.State)
			}
		}
		ended := make(chan struct{})
		go func() { m.Run(ctx); close(ended) }()
		time.Sleep(2100 * time.Millisecond)
		before := time.Now()
		for name, want := range map[string]health.State{
			"deaf": health.Hanging, "patient": health.Hanging, "away": health.Away, "refusing": health.Refusing,
			"slow": health.Slow, "well": health.Well, "seen": health.Due, "lagging": health.Slow,
		} {
			if s := stateOf(t, m, name); s.State != want || (s.Why == "") != (want == health.Well) {
				t.Errorf("%s: %s (%s), want %s", name, s.State, s.Why, want)
			}
		}
		if time.Since(before) != 0 {
			t.Error("the report waited")
		}
		if missing := m.Missing([]string{"well", "slow", "seen", "away"}); len(missing) != 1 || missing[0].Name != "away" {
			t.Errorf("missing: %+v", missing)
		}
		cancel()
		<-ended
		close(deaf)
	})
}

// A state has a beginning, and in trouble the dependency is asked more often, so that its end is noticed.
func TestAStateHasABeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var away atomic.Bool
		m := health.New(health.Options{},
			health.Dependency{Name: "store", Works: "nothing", Ask: func(context.Context) error {
				if away.Load() {
					return errors.New("connection refused")
				}
				return nil
			}})
		ended := make(chan struct{})
		go func() { m.Run(ctx); close(ended) }()
		begun := time.Now()
		time.Sleep(time.Minute + time.Second)
		if s := stateOf(t, m, "store"); !s.Since.Equal(begun) || s.Works != "nothing" {
			t.Errorf("%+v", s)
		}
		away.Store(true)
		time.Sleep(10 * time.Second)
		first := stateOf(t, m, "store")
		if first.State != health.Away || time.Since(first.Since) > 10*time.Second {
			t.Errorf("%+v", first)
		}
		time.Sleep(time.Minute)
		if s := stateOf(t, m, "store"); !s.Since.Equal(first.Since) {
			t.Errorf("it has been away since %v, not %v", first.Since, s.Since)
		}
		away.Store(false)
		time.Sleep(2100 * time.Millisecond)
		if s := stateOf(t, m, "store"); s.State != health.Well || time.Since(s.Since) > 2100*time.Millisecond {
			t.Errorf("%+v", s)
		}
		cancel()
		<-ended
	})
}

// Of two findings as bad as each other, what requests have met is reported, and not what a question found.
func TestRequestsKnowBetterThanAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := health.New(health.Options{}, health.Dependency{
			Name: "store",
			Ask:  func(context.Context) error { return errors.New("not asked") },
			Look: func() health.Finding { return health.Finding{State: health.Away, Why: "connection refused"} },
		})
		ended := make(chan struct{})
		go func() { m.Run(ctx); close(ended) }()
		synctest.Wait()
		if s := m.Report()[0]; s.State != health.Away || s.Why != "connection refused" {
			t.Errorf("%+v", s)
		}
		cancel()
		<-ended
	})
}
