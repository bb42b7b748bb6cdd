package state_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/state"
)

// getsOf returns how many reads of the store f takes.
func getsOf(b *bucket, f func()) int {
	before := b.gets()
	f()
	return b.gets() - before
}

// setPolicy changes a bucket's policy at one replica.
func setPolicy(t *testing.T, s *state.State, name, policy string) {
	t.Helper()
	change := func(b *state.Bucket) error {
		b.Policy = policy
		return nil
	}
	if _, err := s.UpdateBucket(t.Context(), name, change); err != nil {
		t.Fatal(err)
	}
}

func TestRefusalsReadARecordAFewTimesAndThenOnceASecond(t *testing.T) {
	for _, n := range []int{1000, 2000} {
		b := newBucket()
		writer, s := open(t, b, nil), open(t, b, nil)
		create(t, writer, "bucket")
		refused := func() string {
			t.Helper()
			r, err := s.RecentBucket(t.Context(), "bucket")
			if err != nil {
				t.Fatal(err)
			}
			return r.Policy
		}
		// What another replica has changed is seen at once, a few times.
		for i := range 4 {
			setPolicy(t, writer, "bucket", fmt.Sprint(i))
			if got := refused(); got != fmt.Sprint(i) {
				t.Errorf("after change %d: %s", i, got)
			}
		}
		if reads := getsOf(b, func() {
			for range n {
				refused()
			}
		}); reads != 0 {
			t.Errorf("%d refusals took %d reads", n, reads)
		}
		setPolicy(t, writer, "bucket", "late")
		if got := refused(); got != "3" {
			t.Errorf("read once more: %s", got)
		}
		b.pass(time.Second)
		if got := refused(); got != "late" {
			t.Errorf("after a second: %s", got)
		}
		if reads := getsOf(b, func() {
			for range n {
				refused()
				b.pass(10 * time.Millisecond)
			}
		}); reads > n/100+n/500+2 { // besides, the revocations are read every five seconds
			t.Errorf("%d refusals in %d s took %d reads", n, n/100, reads)
		}
	}
}

// One that reads at most once a second must not go on with what is older than a second.
func TestARecentRecordIsNoOlderThanASecond(t *testing.T) {
	b := newBucket()
	writer, s := open(t, b, nil), open(t, b, nil)
	create(t, writer, "bucket")
	for i := range 3000 {
		if i%7 == 0 {
			setPolicy(t, writer, "bucket", fmt.Sprint(b.now.UnixNano()))
		}
		was := b.now
		r, err := s.RecentBucket(t.Context(), "bucket")
		if err != nil {
			t.Fatal(err)
		}
		var changed int64
		if _, err := fmt.Sscan(r.Policy, &changed); err != nil {
			t.Fatal(err)
		}
		if age := was.Sub(time.Unix(0, changed)); age > time.Second+7*30*time.Millisecond {
			t.Fatalf("the policy is of %v ago", age)
		}
		b.pass(30 * time.Millisecond)
	}
}

// lateBucket is a bucket whose answers wait.
type lateBucket struct {
	*bucket
	arrived, answer chan struct{}
}

func (b *lateBucket) Get(ctx context.Context, name string) ([]byte, string, error) {
	body, etag, err := b.bucket.Get(ctx, name)
	if name == "buckets/bucket" {
		b.arrived <- struct{}{}
		<-b.answer
	}
	return body, etag, err
}

// A request doesn't share a read that has been in progress for longer than a record may be old.
func TestAReadThatBeganLongAgoIsNotShared(t *testing.T) {
	b := newBucket()
	writer := open(t, b, nil)
	create(t, writer, "bucket")
	setPolicy(t, writer, "bucket", "old")
	late := &lateBucket{b, make(chan struct{}), make(chan struct{})}
	s, err := state.Open(t.Context(), late, &kms{}, state.Options{ServiceKey: "service", Now: b.Now})
	if err != nil {
		t.Fatal(err)
	}
	read := func() chan string {
		policy := make(chan string, 1)
		go func() {
			r, err := s.FreshBucket(t.Context(), "bucket")
			if err != nil {
				t.Error(err)
				r = &state.Bucket{}
			}
			policy <- r.Policy
		}()
		return policy
	}
	first := read()
	<-late.arrived
	setPolicy(t, writer, "bucket", "new")
	b.pass(time.Second)
	second := read() // whether or not it is waiting by now
	late.answer <- struct{}{}
	<-late.arrived
	late.answer <- struct{}{}
	if one, two := <-first, <-second; one != "old" || two != "new" {
		t.Errorf("read %s, then %s", one, two)
	}
}

func TestBucketsThatDoNotExistAreReadAFewTimesAndThenOnceASecond(t *testing.T) {
	for _, n := range []int{1000, 2000} {
		b := newBucket()
		other, s := open(t, b, nil), open(t, b, nil)
		ask := func(want error, name ...string) {
			t.Helper()
			if _, err := s.Bucket(t.Context(), append(name, "bucket")[0]); !errors.Is(err, want) {
				t.Fatalf("got %v, want %v", err, want)
			}
		}
		ask(state.ErrNoBucket)
		if reads := getsOf(b, func() {
			for range n {
				ask(state.ErrNoBucket)
			}
		}); reads > 5 {
			t.Errorf("%d requests took %d reads", n, reads)
		}
		create(t, s, "bucket") // this replica knows it at once
		ask(nil)

		// A client that looks and then creates at another replica finds the bucket here, too.
		ask(state.ErrNoBucket, "second")
		create(t, other, "second")
		ask(nil, "second")
		// It does so at the latest after a second.
		for range n {
			ask(state.ErrNoBucket, "third")
		}
		create(t, other, "third")
		ask(state.ErrNoBucket, "third")
		b.pass(time.Second)
		ask(nil, "third")
		if _, err := s.RecentBucket(t.Context(), "none"); !errors.Is(err, state.ErrNoBucket) {
			t.Error(err)
		}
		if reads := getsOf(b, func() {
			for range n {
				_, _ = s.RecentBucket(t.Context(), "none")
			}
		}); reads > 3 {
			t.Errorf("%d refusals took %d reads", n, reads)
		}
	}
}

func TestWhatIsMadeOfAPolicyIsKeptWithItsRecord(t *testing.T) {
	for _, n := range []int{1000, 2000} {
		b := newBucket()
		s := open(t, b, nil)
		name := func(i int) string { return fmt.Sprint("bucket-", i) }
		for i := range n {
			create(t, s, name(i))
			setPolicy(t, s, name(i), "first")
		}
		makes := 0
		all := func() int {
			t.Helper()
			makes = 0
			for i := range n {
				r, err := s.Bucket(t.Context(), name(i))
				if err != nil {
					t.Fatal(err)
				}
				value, err := r.Made(func() (any, error) {
					makes++
					return r.Name + r.Policy, nil
				})
				if err != nil || value != r.Name+r.Policy {
					t.Fatalf("got %v, %v", value, err)
				}
			}
			return makes
		}
		if first, second := all(), all(); first != n || second != 0 {
			t.Errorf("%d buckets: made %d times, then %d times", n, first, second)
		}
		b.pass(6 * time.Second) // all records are read anew
		if again := all(); again != 0 {
			t.Errorf("made %d times when the records were read anew", again)
		}
		setPolicy(t, s, name(0), "second")
		if again := all(); again != 1 {
			t.Errorf("made %d times when one was changed", again)
		}
		// A copy that is changed is another one, and an error isn't kept.
		r, _ := s.Bucket(t.Context(), name(0))
		changed := *r
		changed.Policy = "third"
		refusal := errors.New("refused")
		for range 2 {
			if _, err := changed.Made(func() (any, error) { return nil, refusal }); !errors.Is(err, refusal) {
				t.Errorf("got %v", err)
			}
		}
		if changed.Equal(r) || !r.Equal(r) {
			t.Error("a policy more or less is no difference")
		}
		uncached := &state.Bucket{Policy: "x"}
		for i := range 2 {
			if value, err := uncached.Made(func() (any, error) { return i, nil }); value != i || err != nil {
				t.Errorf("got %v, %v", value, err)
			}
		}
	}
}

func TestLargePoliciesDoNotFillTheMemory(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	const n = 1000
	large := strings.Repeat("x", 20<<10)
	for i := range n {
		create(t, s, fmt.Sprint("bucket-", i))
		setPolicy(t, s, fmt.Sprint("bucket-", i), large)
	}
	reads := getsOf(b, func() {
		for i := n - 1; i >= 0; i-- {
			if _, err := s.Bucket(t.Context(), fmt.Sprint("bucket-", i)); err != nil {
				t.Fatal(err)
			}
		}
	})
	if kept := n - reads; kept < 500 || kept > 700 { // of 96 MiB, 160 KiB each
		t.Errorf("%d records were kept", kept)
	}
}
