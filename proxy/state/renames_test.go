package state_test

import (
	"errors"
	"testing"
	"time"

	"sealfront/proxy/state"
)

func TestTokensOfRenamesAreRememberedForTenMinutes(t *testing.T) {
	b := newBucket()
	var damaged []string
	s, other := open(t, b, &damaged), open(t, b, &damaged)
	bucket := create(t, s, "bucket")
	recall := func(s *state.State, principal, token string) *state.Rename {
		t.Helper()
		r, err := s.Rename(t.Context(), bucket, principal, token)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	mine, rival := recall(s, "app", "token"), recall(other, "app", "token")
	if mine.Parameters != nil || mine.Done {
		t.Errorf("an unknown token: %+v", mine)
	}
	mine.Parameters, mine.Salt = []byte("a to b"), []byte("id")
	if err := s.KeepRename(t.Context(), bucket, "app", "token", mine); err != nil {
		t.Fatal(err)
	}
	rival.Parameters = []byte("c to d")
	if err := other.KeepRename(t.Context(), bucket, "app", "token", rival); !errors.Is(err, state.ErrAborted) {
		t.Errorf("the slower of two: %v", err)
	}
	mine.Done = true
	if err := s.KeepRename(t.Context(), bucket, "app", "token", mine); err != nil {
		t.Fatal(err)
	}
	if r := recall(other, "app", "token"); !r.Done || string(r.Parameters) != "a to b" || string(r.Salt) != "id" {
		t.Errorf("another replica recalls %+v", r)
	}
	for _, r := range []*state.Rename{recall(s, "someone", "token"), recall(s, "app", "another")} {
		if r.Parameters != nil {
			t.Errorf("another principal or token recalls %+v", r)
		}
	}
	b.pass(state.RenameLife + time.Second)
	forgotten := recall(s, "app", "token")
	if forgotten.Parameters != nil || forgotten.Done {
		t.Errorf("after ten minutes: %+v", forgotten)
	}
	forgotten.Parameters = []byte("e to f")
	if err := s.KeepRename(t.Context(), bucket, "app", "token", forgotten); err != nil {
		t.Errorf("a token that was forgotten is used again: %v", err)
	}
	if err := s.SweepRenames(t.Context()); err != nil || len(b.names("renames/")) != 1 {
		t.Errorf("a sweep leaves %q, %v", b.names("renames/"), err)
	}
	b.pass(2*state.RenameLife + time.Second)
	if err := s.SweepRenames(t.Context()); err != nil || len(b.names("renames/")) != 0 {
		t.Errorf("a later sweep leaves %q, %v", b.names("renames/"), err)
	}
}
