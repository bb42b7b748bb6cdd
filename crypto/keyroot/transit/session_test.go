package transit_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sealfront/crypto/keyroot/transit"
)

// fake is an authority in a synctest bubble: everything takes a tenth of a second, and two calls at once are a fault.
type fake struct {
	t                     *testing.T
	busy                  atomic.Bool
	logins, renews, looks atomic.Int32
	ttl                   time.Duration
	loginErr              error
	away                  atomic.Bool // renewals get no answer
	denies                bool        // renewals are refused
	dead                  atomic.Pointer[string]
}

func (f *fake) take(counter *atomic.Int32) {
	if f.busy.Swap(true) {
		f.t.Error("two calls of the session at once")
	}
	time.Sleep(100 * time.Millisecond)
	counter.Add(1)
	f.busy.Store(false)
}

func (f *fake) start(t *testing.T, warn func(string)) *transit.Session {
	return transit.StartSession(&transit.Authority{
		Login: func(string) (string, time.Duration, error) {
			f.take(&f.logins)
			return "token" + string('a'+f.logins.Load()%26), f.ttl, f.loginErr
		},
		Renew: func(token string) (string, time.Duration, error) {
			f.take(&f.renews)
			switch {
			case f.away.Load():
				return "", 0, errors.New("connection refused")
			case f.denies:
				return "", 0, transit.Refusal(403, "permission denied")
			}
			return token, f.ttl, nil
		},
		Lookup: func(token string) (string, time.Duration, error) {
			f.take(&f.looks)
			if dead := f.dead.Load(); dead != nil && *dead == token {
				return "", 0, transit.Refusal(403, "permission denied")
			}
			return token, f.ttl, nil
		},
	}, warn)
}

func quiet(string) {}

func TestALeaseIsRenewedAheadForDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, ttl: time.Hour}
		s := f.start(t, quiet)
		defer s.Close()
		var first string
		for range 48 * 60 {
			token, err := s.Token(t.Context())
			if first == "" {
				first = token
			}
			if err != nil || token != first {
				t.Fatalf("%s, %v", token, err)
			}
			time.Sleep(time.Minute)
		}
		// Each renewal is after 30 to 45 minutes.
		if f.logins.Load() != 1 || f.renews.Load() < 60 || f.renews.Load() > 100 {
			t.Errorf("%d logins, %d renewals in two days", f.logins.Load(), f.renews.Load())
		}
	})
}

func TestALeaseThatCannotBeRenewedIsReplacedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, ttl: time.Hour, denies: true}
		s := f.start(t, quiet)
		defer s.Close()
		for range 10 * 60 {
			if _, err := s.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if n := f.logins.Load(); n < 13 || n > 21 {
			t.Errorf("%d logins in ten hours", n)
		}
	})
}

// While the server is away, the token serves to its end and is renewed when the server is back.
func TestARenewalOutlastsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, ttl: time.Hour}
		f.away.Store(true)
		var warnings atomic.Int32
		s := f.start(t, func(string) { warnings.Add(1) })
		defer s.Close()
		time.Sleep(50 * time.Minute)
		synctest.Wait()
		if _, err := s.Token(t.Context()); err != nil || f.renews.Load() == 0 || warnings.Load() != f.renews.Load() {
			t.Errorf("%d renewals, %d warnings, %v", f.renews.Load(), warnings.Load(), err)
		}
		f.away.Store(false)
		time.Sleep(50 * time.Minute)
		if _, err := s.Token(t.Context()); err != nil || f.logins.Load() != 1 {
			t.Errorf("%d logins, %v", f.logins.Load(), err)
		}
	})
}

func TestARefusedLoginBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, loginErr: transit.Refusal(400, "invalid role or secret ID")}
		var warned []string
		s := f.start(t, func(text string) { warned = append(warned, text) })
		if _, err := s.Token(t.Context()); err == nil {
			t.Fatal("a token")
		}
		start := time.Now()
		for range 3600 {
			began := time.Now()
			_, err := s.Token(t.Context())
			if err == nil || !strings.Contains(err.Error(), "invalid role or secret ID") || time.Since(began) != 0 {
				t.Fatalf("%v after %v", err, time.Since(began))
			}
			time.Sleep(time.Second)
		}
		s.Close()
		// 1, 2, 4 … 64 seconds, then 120 less up to a quarter.
		if n := f.logins.Load(); n < 30 || n > 50 || len(warned) != int(n) {
			t.Errorf("%d logins, %d warnings in %v", n, len(warned), time.Since(start))
		}
	})
}

// A token that the server refuses though it has just given it isn't asked for again and again.
func TestALoginThatDoesNotHelpBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, ttl: time.Hour}
		s := f.start(t, quiet)
		defer s.Close()
		for start := time.Now(); time.Since(start) < time.Hour; time.Sleep(time.Second) {
			token, err := s.Token(t.Context())
			if err != nil {
				continue
			}
			f.dead.Store(&token)
			_, _ = s.Reconsider(t.Context(), token)
		}
		if n := f.logins.Load(); n > 50 {
			t.Errorf("%d logins in an hour", n)
		}
	})
}

// A token that nobody needed for a while, and that is dead when somebody does, is replaced at once.
func TestAnIdleTokenIsReplacedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, ttl: time.Hour}
		s := f.start(t, quiet)
		defer s.Close()
		for n := range int32(20) {
			token, err := s.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
			f.dead.Store(&token)
			if next, err := s.Reconsider(t.Context(), token); err != nil || next == token || f.logins.Load() != n+2 {
				t.Fatalf("%s, %v, %d logins", next, err, f.logins.Load())
			}
		}
	})
}

// A policy that denies calls costs a look-up a second at most, and no login.
func TestADeniedCallIsNoDeadToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, ttl: 24 * time.Hour}
		s := f.start(t, quiet)
		defer s.Close()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for range 600 {
					token, err := s.Token(t.Context())
					if err != nil {
						t.Error(err)
					}
					if next, err := s.Reconsider(t.Context(), token); err != nil || next != token {
						t.Errorf("%s, %v", next, err)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		all.Wait()
		if f.logins.Load() != 1 || f.looks.Load() > 65 {
			t.Errorf("%d logins, %d look-ups in a minute", f.logins.Load(), f.looks.Load())
		}
	})
}

func TestADeadTokenIsReplacedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, ttl: time.Hour}
		s := f.start(t, quiet)
		defer s.Close()
		first, err := s.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Worked(first)
		f.dead.Store(&first)
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if next, err := s.Reconsider(t.Context(), first); err != nil || next == first {
					t.Errorf("%s, %v", next, err)
				}
			})
		}
		all.Wait()
		if f.logins.Load() != 2 || f.looks.Load() != 1 {
			t.Errorf("%d logins, %d look-ups", f.logins.Load(), f.looks.Load())
		}
	})
}

func TestAWaitForALoginEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t}
		s := f.start(t, quiet)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		s.Close()
		if _, err := s.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("closed: %v", err)
		}
	})
}
