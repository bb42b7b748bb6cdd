package state_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sealfront/proxy/state"
)

// A distant bucket takes a while for each request, so that requests overlap.
type distant struct{ *bucket }

func (d distant) Get(ctx context.Context, name string) ([]byte, string, error) {
	time.Sleep(rand.N(10 * time.Millisecond))
	return d.bucket.Get(ctx, name)
}

func (d distant) Put(ctx context.Context, name string, body []byte, ifMatch string) (string, error) {
	time.Sleep(rand.N(10 * time.Millisecond))
	return d.bucket.Put(ctx, name, body, ifMatch)
}

// However many operators drop keys at once, at however many replicas: none is refused, and none is forgotten.
func TestManyRevocationsAtOnce(t *testing.T) { synctest.Test(t, manyRevocations) }

func manyRevocations(t *testing.T) {
	b := newBucket()
	var mu sync.Mutex
	heard := make(map[string]bool)
	var replicas []*state.State
	for range 3 {
		s, err := state.Open(t.Context(), distant{b}, &kms{}, state.Options{ServiceKey: "service", Now: b.Now})
		if err != nil {
			t.Fatal(err)
		}
		replicas = append(replicas, s)
	}
	last, err := state.Open(t.Context(), b, &kms{},
		state.Options{ServiceKey: "service", Now: b.Now, Revoked: func(key string) {
			mu.Lock()
			defer mu.Unlock()
			heard[key] = true
		}})
	if err != nil {
		t.Fatal(err)
	}
	create(t, replicas[0], "bucket")
	const each = 20
	var all sync.WaitGroup
	for i, s := range replicas {
		for n := range each {
			all.Go(func() {
				if err := s.Revoke(t.Context(), fmt.Sprintf("%d-%d", i, n)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	b.pass(6 * time.Second)
	if _, err := last.Bucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	if len(heard) != each*len(replicas) {
		t.Errorf("another replica has heard of %d keys, want %d", len(heard), each*len(replicas))
	}
}
