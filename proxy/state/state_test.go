package state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/state"
)

func open(t *testing.T, b *bucket, damaged *[]string) *state.State {
	t.Helper()
	s, err := state.Open(t.Context(), b, &kms{},
		state.Options{ServiceKey: "service", Now: b.Now, Damaged: func(name string) {
			if damaged != nil {
				*damaged = append(*damaged, name)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.states = append(b.states, s)
	return s
}

func made(context.Context) error { return nil }

func create(t *testing.T, s *state.State, name string) *state.Bucket {
	t.Helper()
	b, err := s.CreateBucket(t.Context(), state.Bucket{Name: name, ARN: "arn:" + name, StoreName: name}, made)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReplicasShareTheStateKey(t *testing.T) {
	b := newBucket()
	first := open(t, b, nil)
	create(t, first, "bucket")
	second := open(t, b, nil)
	if got, err := second.Bucket(t.Context(), "bucket"); err != nil || got.ARN != "arn:bucket" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := state.Open(t.Context(), b, &kms{}, state.Options{ServiceKey: "another"}); err == nil {
		t.Error("the state opened under another service key")
	}
}

func TestAlteredRecordIsRefused(t *testing.T) {
	b := newBucket()
	create(t, open(t, b, nil), "bucket")
	o := b.objects()["buckets/bucket"]
	for i := range o.body {
		altered := bytes.Clone(o.body)
		altered[i] ^= 1
		b.objects()["buckets/bucket"] = object{altered, o.etag, o.modified}
		var damaged []string
		if _, err := open(t, b, &damaged).Bucket(t.Context(), "bucket"); !errors.Is(err, state.ErrRecord) ||
			len(damaged) != 1 {
			t.Fatalf("byte %d changed: %v, alarms %v", i, err, damaged)
		}
	}
	// S1: a record that the store made up is as good as none.
	b.objects()["buckets/bucket"] = object{[]byte(`{"name":"bucket","state":"active","boundKey":"arn:evil"}`), "1", b.now}
	if _, err := open(t, b, nil).Bucket(t.Context(), "bucket"); !errors.Is(err, state.ErrRecord) {
		t.Errorf("a plain record: %v", err)
	}
}

func TestMovedRecordIsRefused(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	create(t, s, "bucket")
	b.objects()["buckets/other"] = b.objects()["buckets/bucket"]
	if _, err := s.Bucket(t.Context(), "other"); !errors.Is(err, state.ErrRecord) {
		t.Errorf("%v, want ErrRecord", err)
	}
}

func TestBucketRecordsAreCachedForALittleWhile(t *testing.T) {
	b := newBucket()
	writer, reader := open(t, b, nil), open(t, b, nil)
	create(t, writer, "bucket")
	if _, err := reader.Bucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	gets := b.gets()
	for range 10 {
		if _, err := reader.Bucket(t.Context(), "bucket"); err != nil {
			t.Fatal(err)
		}
	}
	if b.gets() != gets {
		t.Errorf("%d reads of a cached record", b.gets()-gets)
	}
	if _, err := writer.UpdateBucket(t.Context(), "bucket",
		func(b *state.Bucket) error { b.BoundKey = "K"; return nil }); err != nil {
		t.Fatal(err)
	}
	if now, err := reader.FreshBucket(t.Context(), "bucket"); err != nil || now.BoundKey != "K" {
		t.Errorf("read anew: %+v, %v", now, err)
	}
	b.pass(6 * time.Second)
	if now, err := reader.Bucket(t.Context(), "bucket"); err != nil || now.BoundKey != "K" {
		t.Errorf("after the cache's life: %+v, %v", now, err)
	}
	if _, err := reader.Bucket(t.Context(), "none"); !errors.Is(err, state.ErrNoBucket) {
		t.Errorf("%v, want ErrNoBucket", err)
	}
}

func TestOneOfTwoCreatorsWins(t *testing.T) {
	b := newBucket()
	var winners, losers int
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range 8 {
		s := open(t, b, nil)
		wait.Go(func() {
			_, err := s.CreateBucket(t.Context(), state.Bucket{Name: "bucket", StoreName: "bucket"}, made)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				winners++
			case errors.Is(err, state.ErrBucketExists), errors.Is(err, state.ErrAborted):
				losers++
			default:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if winners != 1 {
		t.Errorf("%d creators won, %d lost", winners, losers)
	}
}

func TestCreationThatBrokeOffIsTakenUp(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	broken := errors.New("the store is down")
	if _, err := s.CreateBucket(t.Context(), state.Bucket{Name: "bucket"},
		func(context.Context) error { return broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := s.Bucket(t.Context(), "bucket"); !errors.Is(err, state.ErrNoBucket) {
		t.Errorf("half made: %v, want ErrNoBucket", err)
	}
	create(t, s, "bucket")
}

// L8: a replica may hold the record of the deleted bucket for its cache's life.
func TestL8Tombstone(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	first := create(t, s, "bucket")
	kept := errors.New("not empty")
	if err := s.DeleteBucket(t.Context(), "bucket",
		func(context.Context, *state.Bucket) error { return kept }); !errors.Is(err, kept) {
		t.Fatal(err)
	}
	if _, err := s.FreshBucket(t.Context(), "bucket"); err != nil {
		t.Fatalf("after a refused deletion: %v", err)
	}
	if err := s.DeleteBucket(t.Context(), "bucket",
		func(context.Context, *state.Bucket) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bucket(t.Context(), "bucket"); !errors.Is(err, state.ErrNoBucket) {
		t.Errorf("deleted: %v, want ErrNoBucket", err)
	}
	if _, err := s.CreateBucket(t.Context(), state.Bucket{Name: "bucket"}, made); !errors.Is(err, state.ErrAborted) {
		t.Errorf("made again at once: %v, want ErrAborted", err)
	}
	b.pass(11 * time.Second)
	if second := create(t, s, "bucket"); second.Incarnation == first.Incarnation {
		t.Error("two buckets of one incarnation")
	}
}

func TestS11SessionKeysAreFoundByOtherReplicas(t *testing.T) {
	b := newBucket()
	first, second := open(t, b, nil), open(t, b, nil)
	id, key, err := first.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found, ok, err := second.Find(t.Context(), id)
	if err != nil || !ok || !bytes.Equal(found, key) {
		t.Errorf("%x, %t, %v", found, ok, err)
	}
	if other, _, _ := second.Current(t.Context()); other == id {
		t.Error("two replicas made one key")
	}
	if _, ok, err := second.Find(t.Context(), [16]byte{9}); ok || err != nil {
		t.Errorf("an id that nobody made: %t, %v", ok, err)
	}
	gets := b.gets()
	for range 100 {
		_, _, _ = second.Find(t.Context(), [16]byte{9})
	}
	if b.gets() != gets {
		t.Errorf("%d reads for a forged id", b.gets()-gets)
	}
	b.pass(25 * time.Hour)
	if next, _, err := first.Current(t.Context()); err != nil || next == id {
		t.Errorf("the key of yesterday is still in use: %v", err)
	}
	b.pass(13 * time.Hour)
	if err := first.SweepSessionKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(b.names("sessions/")); n != 1 {
		t.Errorf("%d session keys are left, want today's", n)
	}
}

func TestRevocationReachesOtherReplicas(t *testing.T) {
	b := newBucket()
	var heard []string
	first := open(t, b, nil)
	second, err := state.Open(t.Context(), b, &kms{},
		state.Options{ServiceKey: "service", Now: b.Now, Revoked: func(key string) { heard = append(heard, key) }})
	if err != nil {
		t.Fatal(err)
	}
	create(t, first, "bucket")
	if _, err := second.Bucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"K", state.AllKeys} {
		if err := first.Revoke(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		b.pass(6 * time.Second)
		if _, err := second.Bucket(t.Context(), "bucket"); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(heard)
	if fmt.Sprint(heard) != "[* K]" {
		t.Errorf("heard %v, want each once", heard)
	}
	if err := first.Revoke(t.Context(), "K"); err != nil {
		t.Fatal(err)
	}
	b.pass(6 * time.Second)
	if _, err := second.Bucket(t.Context(), "bucket"); err != nil || len(heard) != 3 {
		t.Errorf("revoked again: heard %v, %v", heard, err)
	}
}
