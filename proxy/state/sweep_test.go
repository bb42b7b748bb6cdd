package state_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/proxy/state"
)

// A sweep is one pass over listings: of ten thousand uploads, half of them ended, twenty for records and names together
// and no record; in one hour of the day a request for each open one that is older than a day.
func TestWhatASweepOfManyUploadsCosts(t *testing.T) {
	b := newBucket()
	b.size = 1000
	s := open(t, b, nil)
	record := create(t, s, "bucket")
	const uploads = 10_000
	for i := range uploads {
		u := begin(t, s, record, fmt.Sprintf("key%05d", i), fmt.Sprint(i), b.now)
		if i%2 == 0 {
			if err := s.EndUpload(t.Context(), u, state.UploadCompleted, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Settle()
	var looks atomic.Int32
	replica := open(t, b, nil)
	j := state.NewJanitor(replica, func(context.Context, *state.Upload) (bool, error) {
		looks.Add(1)
		return false, nil
	})
	gets, lists := b.gets, b.lists
	if err := j.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.lists-lists > 30 || b.gets != gets || looks.Load() > 0 {
		t.Errorf("%d listings, %d records, %d looks", b.lists-lists, b.gets-gets, looks.Load())
	}
	for range 3 {
		b.pass(7 * time.Hour)
		gets, lists = b.gets, b.lists
		if err := j.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.lists-lists > 30 || b.gets != gets {
			t.Errorf("%d listings, %d records", b.lists-lists, b.gets-gets)
		}
	}
	b.pass(4 * time.Hour)
	if err := j.Sweep(t.Context()); err != nil || len(b.names("uploads/")) != uploads/2 {
		t.Errorf("%v; %d objects are left of the open half", err, len(b.names("uploads/")))
	}
}

// A sweep ends with its context, whatever it is at.
func TestASweepEndsWithItsContext(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	record := create(t, s, "bucket")
	for i := range 50 {
		begin(t, s, record, "key", fmt.Sprint(i), b.now)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var started atomic.Int32
	j := state.NewJanitor(s, func(ctx context.Context, _ *state.Upload) (bool, error) {
		started.Add(1)
		cancel()
		<-ctx.Done()
		return false, ctx.Err()
	})
	var err error
	for range 25 {
		b.pass(time.Hour)
		err = errors.Join(err, j.Sweep(ctx))
	}
	for range 24 {
		b.pass(time.Hour)
		if err = j.Sweep(ctx); err != nil {
			break
		}
	}
	if !errors.Is(err, context.Canceled) || started.Load() > 16 {
		t.Errorf("%v after %d looks", err, started.Load())
	}
}
