package state_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
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
	gets, lists := b.gets(), b.lists()
	if err := j.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.lists()-lists > 30 || b.gets() != gets || looks.Load() > 0 {
		t.Errorf("%d listings, %d records, %d looks", b.lists()-lists, b.gets()-gets, looks.Load())
	}
	for range 3 {
		b.pass(7 * time.Hour)
		gets, lists = b.gets(), b.lists()
		if err := j.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.lists()-lists > 30 || b.gets() != gets {
			t.Errorf("%d listings, %d records", b.lists()-lists, b.gets()-gets)
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

// hiding is a bucket whose listings leave out names that end so.
type hiding struct {
	*bucket
	suffix string
}

func (h hiding) List(
	ctx context.Context, prefix, start string, f func(string, string, int64, time.Time),
) (bool, error) {
	return h.bucket.List(ctx, prefix, start, func(name, etag string, size int64, modified time.Time) {
		if !strings.HasSuffix(name, h.suffix) {
			f(name, etag, size, modified)
		}
	})
}

// A listing that leaves out records, or has a name that isn't ours, costs no upload anything.
func TestASweepBelievesNoListing(t *testing.T) {
	b := hiding{newBucket(), "/upload"}
	s, err := state.Open(t.Context(), b, &kms{}, state.Options{ServiceKey: "service", Now: b.Now})
	if err != nil {
		t.Fatal(err)
	}
	record := create(t, s, "bucket")
	u := begin(t, s, record, "key", "1", b.now)
	addPart(t, s, u, 1, "e")
	b.objects()["open/bucket/00!/000000000000-forged"] = object{nil, "1", b.now}
	left := begin(t, s, record, "left", "2", b.now)
	addPart(t, s, left, 1, "e")
	sum := sha256.Sum256([]byte("2"))
	delete(b.objects(), "uploads/bucket/"+hex.EncodeToString(sum[:])+"/upload")
	b.pass(30 * time.Hour)
	j := state.NewJanitor(s, func(context.Context, *state.Upload) (bool, error) { return false, nil })
	if err := j.Sweep(t.Context()); !errors.Is(err, state.ErrRecord) {
		t.Errorf("a name that isn't ours: %v", err)
	}
	if parts, _, err := s.Parts(t.Context(), u, 0, 9); err != nil || len(parts) != 1 {
		t.Errorf("the open upload has %d parts, %v", len(parts), err)
	}
	if parts, _, err := s.Parts(t.Context(), left, 0, 9); err != nil || len(parts) != 0 {
		t.Errorf("what an upload without a record has left: %d parts, %v", len(parts), err)
	}
}
