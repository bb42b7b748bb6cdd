package state_test

import (
	"sync"
	"testing"
	"time"

	"sealfront/proxy/state"
)

func TestSessionsAreEndedEverywhere(t *testing.T) {
	b := newBucket()
	first, second := open(t, b, nil), open(t, b, nil)
	times := func(s *state.State, role string, issuing bool) uint64 {
		t.Helper()
		n, err := s.Ended(t.Context(), role, issuing)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if times(first, "app", false)+times(second, "app", false) != 0 {
		t.Fatal("ended before anybody said so")
	}
	if err := first.EndSessions(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	if n := times(first, "app", false); n != 1 {
		t.Errorf("here: %d", n)
	}
	gets := b.gets()
	for range 100 {
		times(second, "app", false)
	}
	if b.gets() != gets {
		t.Errorf("%d reads of what was read", b.gets()-gets)
	}
	b.pass(time.Second)
	if n := times(second, "app", true); n != 1 {
		t.Errorf("where credentials are issued, after a second: %d", n)
	}
	if err := second.EndSessions(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	b.pass(5 * time.Second)
	if n := times(first, "app", false); n != 2 {
		t.Errorf("elsewhere, after 5 s: %d", n)
	}
	if n := times(first, "other", false); n != 0 {
		t.Errorf("another role: %d", n)
	}
	roles, err := first.EndedRoles(t.Context())
	if err != nil || len(roles) != 1 || roles["app"].Times != 2 || roles["app"].Last.IsZero() {
		t.Errorf("%+v, %v", roles, err)
	}
}

func TestEndsAreCountedOnceEach(t *testing.T) {
	b := newBucket()
	replicas := []*state.State{open(t, b, nil), open(t, b, nil), open(t, b, nil)}
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			if err := replicas[i%3].EndSessions(t.Context(), "app"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if roles, err := open(t, b, nil).EndedRoles(t.Context()); err != nil || roles["app"].Times != 12 {
		t.Errorf("%+v, %v", roles, err)
	}
}

// A store that shows an earlier record, or none, brings no session back to life.
func TestEndsDontGoBack(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	for range 2 {
		if err := s.EndSessions(t.Context(), "app"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Delete(t.Context(), "ended-roles"); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Minute)
	if n, err := s.Ended(t.Context(), "app", false); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
	if err := s.EndSessions(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	if roles, err := open(t, b, nil).EndedRoles(t.Context()); err != nil || roles["app"].Times != 2 {
		t.Errorf("%+v, %v", roles, err)
	}
}

// A replica that can't hear of an end doesn't go on.
func TestEndsThatCantBeReadAreAnError(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	if err := s.EndSessions(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), "ended-roles", []byte("altered"), "*"); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Minute)
	if n, err := s.Ended(t.Context(), "app", false); err == nil {
		t.Errorf("%d of a record that was altered", n)
	}
	if _, err := s.EndedRoles(t.Context()); err == nil {
		t.Error("a list of a record that was altered")
	}
	if err := s.EndSessions(t.Context(), "app"); err == nil {
		t.Error("a record that was altered was replaced")
	}
}
