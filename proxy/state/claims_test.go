package state_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sealfront/proxy/state"
)

// The tests run in bubbles of synctest: no time passes but what they wait for.
const age = 12 * time.Second

func openClaiming(t *testing.T, objects state.Objects) *state.State {
	t.Helper()
	s, err := state.Open(t.Context(), objects, &kms{},
		state.Options{ServiceKey: "service", ClaimAge: age, ClaimPatience: 10 * age})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func claim(t *testing.T, s *state.State, keys ...string) *state.Claim {
	t.Helper()
	c, err := s.Claim(t.Context(), &state.Bucket{Name: "b"}, "test", keys...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOneReplicaAtATimeHoldsAClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := newBucket()
		replicas := []*state.State{openClaiming(t, objects), openClaiming(t, objects), openClaiming(t, objects)}
		var held atomic.Int32
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				for range 4 {
					keys := []string{"a", "b"}
					if i%2 == 0 {
						slices.Reverse(keys) // whoever takes two waits for nobody who waits for them
					}
					c := claim(t, replicas[i%3], keys[:1+i%3%2]...)
					if slices.Contains(keys[:1+i%3%2], "a") {
						if n := held.Add(1); n != 1 {
							t.Errorf("%d hold the claim at once", n)
						}
						time.Sleep(10 * time.Millisecond)
						held.Add(-1)
					}
					c.Release()
				}
			})
		}
		wg.Wait()
	})
}

func TestAClaimIsRenewedForAsLongAsItsHolderWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := newBucket()
		mine, other := openClaiming(t, objects), openClaiming(t, objects)
		c := claim(t, mine, "a")
		waited := make(chan time.Time)
		go func() {
			o := claim(t, other, "a")
			waited <- time.Now()
			o.Release()
		}()
		time.Sleep(3 * age)
		if err := c.Held(); err != nil || c.Context().Err() != nil {
			t.Fatal(err, context.Cause(c.Context()))
		}
		released := time.Now()
		c.Release()
		if got := <-waited; got.Before(released) {
			t.Error("it was taken from a holder that renewed it")
		}
	})
}

// stalled lets no request of a replica through any more.
type stalled struct {
	state.Objects
	now atomic.Bool
}

func (s *stalled) Put(ctx context.Context, name string, body []byte, ifMatch string) (string, error) {
	if s.now.Load() {
		return "", errors.New("no answer")
	}
	return s.Objects.Put(ctx, name, body, ifMatch)
}

func TestAClaimWhoseHolderHasGoneIsTakenOverWithItsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := newBucket()
		line := &stalled{Objects: objects}
		mine, other := openClaiming(t, line), openClaiming(t, objects)
		b := &state.Bucket{Name: "b"}
		c := claim(t, mine, "from", "to")
		move := state.Move{From: "from", To: "to", FromSalt: []byte("1"), ToSalt: []byte("2"), ETag: "e"}
		if err := c.Begin(b, &move); err != nil {
			t.Fatal(err)
		}
		line.now.Store(true)
		began := time.Now()
		<-c.Context().Done()
		if lost := time.Since(began); lost > age || !errors.Is(context.Cause(c.Context()), state.ErrClaimLost) {
			t.Errorf("its holder went on for %v: %v", lost, context.Cause(c.Context()))
		}
		o := claim(t, other, "to", "from")
		if waited := time.Since(began); waited < age*9/10 {
			t.Errorf("it was taken over after %v", waited)
		}
		if len(o.Inherited) != 1 || o.Inherited[0].From != "from" || string(o.Inherited[0].ToSalt) != "2" {
			t.Fatalf("%+v", o.Inherited)
		}
		line.now.Store(false)
		c.Release() // late, and not its own any more
		if err := o.Held(); err != nil {
			t.Error("the release of a lost claim hit another holder's:", err)
		}
		o.End(b, "from")
		o.Release()
		if again := claim(t, mine, "from"); len(again.Inherited) != 0 {
			t.Errorf("a move that was ended comes again: %+v", again.Inherited)
		}
	})
}

func TestAMoveThatIsLeftComesBackAtOnceInTheSameReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openClaiming(t, newBucket())
		b := &state.Bucket{Name: "b"}
		c := claim(t, s, "from", "to")
		if err := c.Begin(b, &state.Move{From: "from", To: "to"}); err != nil {
			t.Fatal(err)
		}
		c.Release()
		began := time.Now()
		c = claim(t, s, "from")
		defer c.Release()
		if len(c.Inherited) != 1 || time.Since(began) > age {
			t.Errorf("%+v after %v", c.Inherited, time.Since(began))
		}
		c.End(b, "from")
	})
}

func TestWhoWaitsTooLongIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := newBucket()
		s, err := state.Open(t.Context(), objects, &kms{},
			state.Options{ServiceKey: "service", ClaimAge: time.Minute, ClaimPatience: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		other, err := state.Open(t.Context(), objects, &kms{},
			state.Options{ServiceKey: "service", ClaimAge: time.Minute, ClaimPatience: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		c := claim(t, s, "a")
		defer c.Release()
		for _, who := range []*state.State{s, other} {
			if _, err := who.Claim(t.Context(), &state.Bucket{Name: "b"}, "test", "a"); !errors.Is(err, state.ErrBusy) {
				t.Error(err)
			}
		}
		if c, err := other.Claim(t.Context(), &state.Bucket{Name: "b"}, "test", "b"); err != nil {
			t.Error("another key:", err)
		} else {
			c.Release()
		}
	})
}

// forgetful carries writes out and loses their answers, now and then.
type forgetful struct {
	state.Objects
	n atomic.Int32
}

func (f *forgetful) Put(ctx context.Context, name string, body []byte, ifMatch string) (string, error) {
	etag, err := f.Objects.Put(ctx, name, body, ifMatch)
	if strings.HasPrefix(name, "claims/") && f.n.Add(1)%2 == 0 {
		if f.n.Load()%4 == 0 { // or sends them twice
			return f.Objects.Put(ctx, name, body, ifMatch)
		}
		return "", errors.New("no answer")
	}
	return etag, err
}

func TestLostAnswersLeaveNoClaimBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := newBucket()
		s, other := openClaiming(t, &forgetful{Objects: objects}), openClaiming(t, objects)
		for i := range 20 {
			c, err := s.Claim(t.Context(), &state.Bucket{Name: "b"}, "test", "a")
			if err != nil {
				t.Fatal(i, err)
			}
			if i%3 == 0 {
				_ = c.Held()
			}
			c.Release()
			began := time.Now()
			claim(t, other, "a").Release()
			if waited := time.Since(began); waited > age*9/10 {
				t.Fatalf("%d: it waited for %v", i, waited)
			}
		}
	})
}

func TestClaimsOfASingleReplicaCostTheStoreNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := newBucket()
		s, err := state.Open(t.Context(), objects, &kms{}, state.Options{ServiceKey: "service", Alone: true})
		if err != nil {
			t.Fatal(err)
		}
		before := len(objects.objects())
		c := claim(t, s, "a")
		if err := errors.Join(c.Begin(&state.Bucket{Name: "b"}, &state.Move{From: "a"}), c.Held()); err != nil {
			t.Error(err)
		}
		c.Release()
		if len(objects.objects()) != before {
			t.Error("there are records of claims")
		}
	})
}

func TestSweepRemovesClaimsThatNobodyHoldsAndFinishesMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := newBucket()
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s, err := state.Open(t.Context(), objects, &kms{},
			state.Options{
				ServiceKey: "service", ClaimAge: age, ClaimPatience: 10 * age,
				Now: func() time.Time { return now },
			})
		if err != nil {
			t.Fatal(err)
		}
		b := &state.Bucket{Name: "b"}
		claim(t, s, "free").Release()
		left := claim(t, s, "left")
		if err := left.Begin(b, &state.Move{From: "left", To: "there"}); err != nil {
			t.Fatal(err)
		}
		left.Release()
		held := claim(t, s, "held")
		defer held.Release()
		sweep := func() (moves []string) {
			err := s.SweepClaims(t.Context(), func(_ context.Context, bucket string, m *state.Move) error {
				moves = append(moves, bucket+" "+m.From+" "+m.To)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			return moves
		}
		if moves := sweep(); moves != nil {
			t.Error("what was used a moment ago was swept:", moves)
		}
		now = now.Add(2 * time.Hour)
		if moves := sweep(); len(moves) != 1 || moves[0] != "b left there" {
			t.Error(moves)
		}
		n := 0
		_, err = objects.List(t.Context(), "claims/", "", func(string, string, int64, time.Time) { n++ })
		if err != nil || n != 1 {
			t.Error(n, "records are left, want that of the claim which is held", err)
		}
		if err := held.Held(); err != nil {
			t.Error("the sweep took a claim from its holder:", err)
		}
		if _, _, err := objects.Get(t.Context(), "claims/none"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
}

// A move is finished at once where somebody asks for it, unless its holder is there; one that can't be finished keeps
// no other from it, and stays.
func TestFinishMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := state.Open(t.Context(), newBucket(), &kms{},
			state.Options{ServiceKey: "service", ClaimAge: age, ClaimPatience: age / 2})
		if err != nil {
			t.Fatal(err)
		}
		b := &state.Bucket{Name: "b"}
		for _, key := range []string{"a", "b", "c", "held"} {
			c := claim(t, s, key)
			if err := c.Begin(b, &state.Move{From: key, To: "there"}); err != nil {
				t.Fatal(err)
			}
			if key != "held" {
				c.Release()
			} else {
				defer c.Release()
			}
		}
		claim(t, s, "without a move").Release()
		unfinished := errors.New("the store is away")
		for round, want := range []string{"a b c", "b"} {
			var seen []string
			err := s.FinishMoves(t.Context(), b, func(_ context.Context, bucket string, m *state.Move) error {
				seen = append(seen, m.From)
				if m.From == "b" && round == 0 {
					return unfinished
				}
				return nil
			})
			slices.Sort(seen)
			if strings.Join(seen, " ") != want || errors.Is(err, unfinished) != (round == 0) {
				t.Errorf("round %d: %q, %v, want %s", round, seen, err, want)
			}
		}
	})
}
