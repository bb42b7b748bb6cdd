package state_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"sealfront/crypto"
	"sealfront/proxy/state"
)

// A replica has a clock of its own, which may be hours off.
type replica struct {
	*state.State
	heard []string // KMS keys whose revocation reached it
}

func openReplica(t *testing.T, b *bucket, ahead time.Duration, alone bool) *replica {
	t.Helper()
	r := &replica{}
	var err error
	r.State, err = state.Open(t.Context(), b, &kms{}, state.Options{
		ServiceKey: "service", Alone: alone, Now: func() time.Time { return b.Now().Add(ahead) },
		Revoked: func(key string) { r.heard = append(r.heard, key) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// hears reads the revocations as any request does.
func (r *replica) hears(t *testing.T, b *bucket) []string {
	t.Helper()
	r.heard = nil
	b.pass(6 * time.Second)
	if _, err := r.Bucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	return r.heard
}

func (r *replica) drop(t *testing.T, name string) {
	t.Helper()
	if err := r.DeleteBucket(t.Context(), name, func(context.Context, *state.Bucket) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

var skews = []time.Duration{0, 30 * time.Second, -30 * time.Second, 30 * time.Hour, -30 * time.Hour}

// Each revocation reaches every replica once, whichever clocks are ahead.
func TestRevocationsCompareNoClocks(t *testing.T) {
	for _, ahead := range skews {
		b := newBucket()
		first, second := openReplica(t, b, ahead, false), openReplica(t, b, 0, false)
		create(t, first.State, "bucket")
		for round, from := range []*replica{first, second, first, first, second, second} {
			if err := from.Revoke(t.Context(), "K"); err != nil {
				t.Fatal(err)
			}
			other := first
			if from == first {
				other = second
			}
			if heard := other.hears(t, b); fmt.Sprint(heard) != "[K]" {
				t.Errorf("a clock ahead by %s, drop %d: the other replica heard %v", ahead, round, heard)
			}
			if heard := other.hears(t, b); len(heard) != 0 {
				t.Errorf("a clock ahead by %s, drop %d: heard once more: %v", ahead, round, heard)
			}
		}
	}
}

// More keys than the record has room for are all keys: a replica that was away drops too much, never too little.
func TestManyRevokedKeysBecomeAll(t *testing.T) {
	b := newBucket()
	first, away := openReplica(t, b, 0, false), openReplica(t, b, 0, false)
	create(t, first.State, "bucket")
	for i := range 257 {
		if err := first.Revoke(t.Context(), fmt.Sprint("K", i)); err != nil {
			t.Fatal(err)
		}
	}
	if heard := away.hears(t, b); fmt.Sprint(heard) != "[*]" {
		t.Errorf("heard %v, want all keys", heard)
	}
	if err := first.Revoke(t.Context(), "K0"); err != nil {
		t.Fatal(err)
	}
	if heard := away.hears(t, b); fmt.Sprint(heard) != "[K0]" {
		t.Errorf("heard %v, want the last key", heard)
	}
}

// A replica of an earlier release beside this one knows keys and times only.
func TestRevocationsOfAnEarlierReleaseAreHeard(t *testing.T) {
	b := newBucket()
	r := openReplica(t, b, 0, false)
	create(t, r.State, "bucket")
	var wrapped struct{ Blob []byte }
	if err := json.Unmarshal(b.objects()["state-key"].body, &wrapped); err != nil {
		t.Fatal(err)
	}
	secret, err := (&kms{}).Decrypt(t.Context(), "service", wrapped.Blob, map[string]string{"sealfront": "state"})
	if err != nil {
		t.Fatal(err)
	}
	key := [crypto.KeySize]byte(secret)
	for round := range 3 {
		plain := fmt.Sprintf(`{"keys":{"K":"2026-01-01T00:0%d:00Z"}}`, 3-round) // its clock may be behind
		b.objects()["revocations"] = object{
			crypto.SealRecord(&key, "revocations", []byte(plain)),
			fmt.Sprint("old", round), b.now,
		}
		if heard := r.hears(t, b); fmt.Sprint(heard) != "[K]" {
			t.Errorf("drop %d: heard %v", round, heard)
		}
	}
	if err := r.Revoke(t.Context(), "L"); err != nil {
		t.Fatal(err)
	}
	plain, err := crypto.OpenRecord(&key, "revocations", b.objects()["revocations"].body)
	var earlier struct {
		Keys map[string]time.Time `json:"keys"`
	}
	if err != nil || json.Unmarshal(plain, &earlier) != nil || len(earlier.Keys) != 2 {
		t.Errorf("an earlier release reads %v of %s, %v", earlier.Keys, plain, err)
	}
}

// A deleted bucket's name stays closed until no cache can have the bucket, whatever the clocks say, and then opens at
// every replica: those that hear from the one that deleted it, and, if it is gone, those that have found the tombstone
// themselves.
func TestTombstonesCompareNoClocks(t *testing.T) {
	for _, ahead := range skews {
		b := newBucket()
		deleter, holder, other := openReplica(t, b, ahead, false), openReplica(t, b, 0, false),
			openReplica(t, b, -ahead, false)
		again := func(r *replica) error {
			_, err := r.CreateBucket(t.Context(), state.Bucket{Name: "bucket"}, made)
			return err
		}
		first := create(t, deleter.State, "bucket")
		if _, err := holder.Bucket(t.Context(), "bucket"); err != nil {
			t.Fatal(err)
		}
		deleter.drop(t, "bucket")
		if cached, err := holder.Bucket(t.Context(), "bucket"); err != nil || cached.Incarnation != first.Incarnation {
			t.Fatal("the holder's cache is empty: the test shows nothing", err)
		}
		for _, r := range []*replica{deleter, holder, other} {
			if err := again(r); !errors.Is(err, state.ErrAborted) {
				t.Errorf("clocks off by %s, at once: %v, want ErrAborted", ahead, err)
			}
		}
		b.pass(9 * time.Second)
		if err := deleter.FreeNames(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := again(openReplica(t, b, ahead, false)); !errors.Is(err, state.ErrAborted) {
			t.Errorf("clocks off by %s, after 9 s: %v, want ErrAborted", ahead, err)
		}
		b.pass(2 * time.Second)
		if err := deleter.FreeNames(t.Context()); err != nil {
			t.Fatal(err)
		}
		// One that has just started finds the name free, since the deleter has said so.
		if err := again(openReplica(t, b, -ahead, false)); err != nil {
			t.Errorf("clocks off by %s, freed: %v", ahead, err)
		}
		deleter.drop(t, "bucket")
		// The deleter is gone; who finds the tombstone counts from then.
		late := openReplica(t, b, ahead, false)
		b.pass(time.Hour)
		if err := again(late); !errors.Is(err, state.ErrAborted) {
			t.Errorf("clocks off by %s, just found: %v, want ErrAborted", ahead, err)
		}
		b.pass(11 * time.Second)
		if err := again(late); err != nil {
			t.Errorf("clocks off by %s, 11 s after it was found: %v", ahead, err)
		}
	}
}

// A tombstone of a later bucket of the name isn't as old as that of the earlier one.
func TestEachTombstoneHasItsOwnAge(t *testing.T) {
	b := newBucket()
	deleter, watcher := openReplica(t, b, 0, false), openReplica(t, b, 0, false)
	for range 2 {
		create(t, deleter.State, "bucket")
		deleter.drop(t, "bucket")
		if _, err := watcher.CreateBucket(t.Context(), state.Bucket{Name: "bucket"}, made); !errors.Is(err,
			state.ErrAborted) {
			t.Errorf("%v, want ErrAborted", err)
		}
		b.pass(11 * time.Second)
	}
	if err := watcher.FreeNames(t.Context()); err != nil {
		t.Fatal(err)
	}
	create(t, deleter.State, "bucket")
	if err := watcher.FreeNames(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := deleter.FreshBucket(t.Context(), "bucket"); err != nil {
		t.Errorf("a name was freed that had a bucket again: %v", err)
	}
}

// Where no other replica can have the bucket in its cache, a deleted bucket's name is free at once.
func TestAloneANameIsFreeAtOnce(t *testing.T) {
	b := newBucket()
	r := openReplica(t, b, 0, true)
	first := create(t, r.State, "bucket")
	for range 3 {
		r.drop(t, "bucket")
		if _, err := r.Bucket(t.Context(), "bucket"); !errors.Is(err, state.ErrNoBucket) {
			t.Errorf("deleted: %v, want ErrNoBucket", err)
		}
		if again := create(t, r.State, "bucket"); again.Incarnation == first.Incarnation {
			t.Error("two buckets of one incarnation")
		}
	}
}
