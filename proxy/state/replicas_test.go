package state_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"sealfront/proxy/state"
)

// hosts are those of the other replicas that r sees.
func hosts(t *testing.T, r *state.Roll) (seen []string) {
	t.Helper()
	others, err := r.Others(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range others {
		seen = append(seen, o.Host)
	}
	slices.Sort(seen)
	return seen
}

func beat(t *testing.T, r *state.Roll, host string) {
	t.Helper()
	if err := r.Beat(t.Context(), state.Replica{Host: host, Version: "v1", Ready: true}); err != nil {
		t.Fatal(err)
	}
}

func TestReplicasSeeEachOther(t *testing.T) {
	b := newBucket()
	one, two := state.NewRoll(open(t, b, nil)), state.NewRoll(open(t, b, nil))
	if seen := hosts(t, one); len(seen) > 0 || one.ID() == two.ID() || len(one.ID()) != 16 {
		t.Errorf("%q before anybody has said anything; ids %s, %s", seen, one.ID(), two.ID())
	}
	beat(t, two, "two")
	if seen := hosts(t, one); !slices.Equal(seen, []string{"two"}) { // one has no record of its own yet
		t.Errorf("%q", seen)
	}
	me := state.Replica{
		ID: "never stored", Host: "one", Version: "v2", Started: b.Now(), Health: map[string]string{"kms": "hanging"},
	}
	if err := one.Beat(t.Context(), me); err != nil {
		t.Fatal(err)
	}
	others, err := two.Others(t.Context())
	if err != nil || len(others) != 1 {
		t.Fatalf("%+v, %v", others, err)
	}
	if o := others[0]; o.ID != one.ID() || o.Host != "one" || o.Version != "v2" || !o.Started.Equal(me.Started) ||
		o.Ready || o.Health["kms"] != "hanging" || o.Silent != 0 {
		t.Errorf("%+v", o)
	}
	gets, lists := b.gets(), b.lists()
	if two.Others(t.Context()); b.gets() != gets || b.lists() != lists+1 {
		t.Errorf("%d reads and %d listings where nothing has changed", b.gets()-gets, b.lists()-lists)
	}
	if err := one.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seen := hosts(t, two); len(seen) > 0 {
		t.Errorf("%q after one has left", seen)
	}
}

// How long a replica has been silent is told by the store's clock, not by comparing those of machines.
func TestAReplicaThatVanishes(t *testing.T) {
	b := newBucket()
	b.size = 100
	ahead := func() time.Time { return b.Now().Add(3 * time.Hour) }
	s, err := state.Open(t.Context(), b, &kms{}, state.Options{ServiceKey: "service", Now: ahead})
	if err != nil {
		t.Fatal(err)
	}
	mine, other := state.NewRoll(s), state.NewRoll(open(t, b, nil))
	beat(t, mine, "mine")
	beat(t, other, "other")
	for passed := time.Duration(0); passed < state.ReplicaGone; passed += state.BeatEvery {
		others, err := mine.Others(t.Context())
		if err != nil || len(others) != 1 || others[0].Silent != passed {
			t.Fatalf("after %v: %+v, %v", passed, others, err)
		}
		b.pass(state.BeatEvery)
		if passed < state.ReplicaGone/2 { // then its own beats fail, too, which changes nothing
			beat(t, mine, "mine")
		}
	}
	if seen := hosts(t, mine); len(seen) > 0 {
		t.Errorf("%q are still there", seen)
	}
	b.pass(time.Hour)
	beat(t, other, "other")
	b.pass(time.Minute)
	if err := open(t, b, nil).SweepReplicas(t.Context()); err != nil {
		t.Fatal(err)
	}
	if names := b.names("replicas/"); !slices.Equal(names, []string{"replicas/" + other.ID()}) {
		t.Errorf("%q are left", names)
	}
}

// A record that doesn't open hides no other.
func TestAnAlteredRecordOfAReplica(t *testing.T) {
	b := newBucket()
	one, two, three := state.NewRoll(open(t, b, nil)), state.NewRoll(open(t, b, nil)), state.NewRoll(open(t, b, nil))
	beat(t, one, "one")
	beat(t, two, "two")
	beat(t, three, "three")
	b.objects()["replicas/"+two.ID()] = b.objects()["replicas/"+three.ID()] // moved
	others, err := one.Others(t.Context())
	if !errors.Is(err, state.ErrRecord) || len(others) != 1 || others[0].Host != "three" {
		t.Errorf("%+v, %v", others, err)
	}
}

// A replica hears of a revocation without a request, drops, and says so; one that doesn't hear says nothing.
func TestAReplicaSaysWhichRevocationsItHasActedOn(t *testing.T) {
	b := newBucket()
	var dropped []string
	listens, err := state.Open(t.Context(), b, &kms{}, state.Options{
		ServiceKey: "service", Now: b.Now, Revoked: func(key string) { dropped = append(dropped, key) },
	})
	if err != nil {
		t.Fatal(err)
	}
	deaf, revoker := open(t, b, nil), open(t, b, nil)
	one, two := state.NewRoll(listens), state.NewRoll(deaf)
	beat(t, one, "listens")
	beat(t, two, "deaf")
	for i := range 20 {
		if err := revoker.Revoke(t.Context(), "key"+strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Second)
	}
	b.pass(10 * time.Second)
	beat(t, one, "listens")
	select {
	case <-listens.Acted():
	default:
		t.Error("nothing says that there is news")
	}
	want, err := revoker.Revocation(t.Context(), "key19")
	if err != nil || want == "" {
		t.Fatalf("%q, %v", want, err)
	}
	others, err := state.NewRoll(revoker).Others(t.Context())
	if err != nil || len(others) != 2 {
		t.Fatalf("%+v, %v", others, err)
	}
	for _, o := range others {
		if got := o.Acted["key19"]; (got == want) != (o.Host == "listens") || len(o.Acted) > 16 {
			t.Errorf("%s has acted on %q of %d, not %q", o.Host, got, len(o.Acted), want)
		}
	}
	if len(dropped) != 20 || dropped[19] != "key19" {
		t.Errorf("dropped %q", dropped)
	}
	b.pass(20 * time.Minute)
	roll := state.NewRoll(revoker)
	beat(t, roll, "revoker")
	if all, err := roll.Recorded(t.Context()); len(all) != 2 || err != nil || len(hosts(t, roll)) != 0 {
		t.Errorf("silent for long: %+v, %v", all, err)
	}
	if got, err := revoker.Revocation(t.Context(), "another"); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
