package state_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/crypto"
	"sealfront/proxy/state"
)

func newUpload(t *testing.T, s *state.State, b *state.Bucket, id string, now time.Time) *state.Upload {
	t.Helper()
	if err := s.CreateUpload(t.Context(),
		state.Upload{
			Bucket: b.Name, Incarnation: b.Incarnation, Key: "key", ID: id, Initiated: now,
			Envelope: []byte("envelope"),
		}); err != nil {
		t.Fatal(err)
	}
	u, err := s.Upload(t.Context(), b, id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func addPart(t *testing.T, s *state.State, u *state.Upload, number int, etag string) {
	t.Helper()
	r := &crypto.PartRecord{Number: number, StoreETag: etag, Part: crypto.Part{Length: 5 << 20, Salt: crypto.NewSalt()}}
	r.SetChecksum(crypto.SHA256, make([]byte, 32))
	if err := s.AddPart(t.Context(), u, r); err != nil {
		t.Fatal(err)
	}
}

// W15: the longest names, with the longest ETag there is room for with a SHA-256.
func TestW15PartRecordsAreNames(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	record := create(t, s, "bucket")
	u := newUpload(t, s, record, strings.Repeat("id", 62), b.now)
	long := strings.Repeat("e", 65)
	for number := 1; number <= 7; number++ {
		addPart(t, s, u, number, long)
	}
	addPart(t, s, u, 10000, "short")
	for _, name := range b.names("uploads/") {
		for _, segment := range strings.Split(name, "/") {
			if len(segment) > 210 {
				t.Errorf("%d characters: %s", len(segment), segment)
			}
		}
	}
	parts, _, err := open(t, b, nil).Parts(t.Context(), u, 0, 10000)
	if err != nil || len(parts) != 8 || parts[0].StoreETag != long || parts[7].Number != 10000 {
		t.Errorf("%d parts, %v", len(parts), err)
	}
	// A record of another upload, or one that was changed, is refused.
	before := b.names("uploads/")
	other := newUpload(t, s, record, "other", b.now)
	for _, name := range b.names("uploads/") {
		if !slices.Contains(before, name) { // the other upload's record
			part := before[0]
			b.objects()[strings.TrimSuffix(name, "upload")+"parts/"+
				part[strings.LastIndexByte(part, '/')+1:]] = b.objects()[part]
		}
	}
	if _, _, err := s.Parts(t.Context(), other, 0, 9); !errors.Is(err, state.ErrRecord) {
		t.Errorf("another upload's record: %v, want ErrRecord", err)
	}
}

func TestEndedUploadsKeepTheirRecordForADay(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	record := create(t, s, "bucket")
	u := newUpload(t, s, record, "id", b.now)
	for n := 1; n <= 5; n++ {
		addPart(t, s, u, n, "etag")
	}
	if err := s.EndUpload(t.Context(), u, state.UploadCompleted, &state.Completion{ETag: "etag"}); err != nil {
		t.Fatal(err)
	}
	s.Settle()
	if names := b.names("uploads/"); len(names) != 1 {
		t.Errorf("left: %v", names)
	}
	again, err := open(t, b, nil).Upload(t.Context(), record, "id")
	if err != nil || again.State != state.UploadCompleted || again.Completion.ETag != "etag" {
		t.Errorf("%+v, %v", again, err)
	}
	// Who comes second changes nothing.
	if err := s.EndUpload(t.Context(), u, state.UploadAborted, nil); err != nil {
		t.Fatal(err)
	}
	if again, _ := s.FreshUpload(t.Context(), record, "id"); again.State != state.UploadCompleted {
		t.Errorf("completed, then %s", again.State)
	}
	other := *record
	other.Incarnation = "another"
	if _, err := s.Upload(t.Context(), &other, "id"); !errors.Is(err, state.ErrNoUpload) {
		t.Errorf("an upload of a bucket that was deleted: %v", err)
	}
	j := state.NewJanitor(s, func(context.Context, *state.Upload) (bool, error) {
		t.Error("asked about an ended upload")
		return false, nil
	})
	if err := j.Sweep(t.Context()); err != nil || len(b.names("uploads/")) != 1 {
		t.Errorf("swept too early: %v", err)
	}
	b.pass(25 * time.Hour)
	if err := j.Sweep(t.Context()); err != nil || len(b.names("uploads/")) != 0 {
		t.Errorf("left after a day: %v, %v", b.names("uploads/"), err)
	}
}

// L11: only the store's own word, twice, an hour apart, on an old upload.
func TestL11TheJanitorIsSlowToBelieve(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	record := create(t, s, "bucket")
	u := newUpload(t, s, record, "id", b.now)
	addPart(t, s, u, 1, "etag")
	alive := newUpload(t, s, record, "alive", b.now)
	addPart(t, s, alive, 1, "etag")
	gone, looks := true, 0
	j := state.NewJanitor(s, func(_ context.Context, u *state.Upload) (bool, error) {
		if u.ID == "id" {
			looks++
		}
		return gone && u.ID == "id", nil
	})
	sweep := func(pass time.Duration) {
		t.Helper()
		b.pass(pass)
		if err := j.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	left := func(what string, want int) {
		t.Helper()
		if n := len(b.names("uploads/")); n != want {
			t.Errorf("%s: %d objects are left, want %d", what, n, want)
		}
	}
	for range 23 {
		sweep(time.Hour)
	}
	if looks > 0 {
		t.Error("a young upload was looked at")
	}
	for looks == 0 { // in one hour of the day
		if sweep(time.Hour); b.now.Sub(u.Initiated) > 49*time.Hour {
			t.Fatal("it was never looked at")
		}
	}
	left("first look", 4)
	sweep(30 * time.Minute)
	left("half an hour later", 4)
	gone = false
	sweep(time.Hour)
	left("there after all", 4)
	gone, looks = true, 0
	for looks == 0 {
		sweep(time.Hour)
	}
	left("first look again", 4)
	sweep(time.Hour)
	left("second look", 2)
	if names := b.names("open/"); len(names) != 1 {
		t.Errorf("listed: %q", names)
	}

	// What is left of an upload without its record goes, too.
	delete(b.objects(), b.names("uploads/")[1])
	sweep(0)
	left("no record", 0)
	if names := b.names("open/"); len(names) != 0 {
		t.Errorf("listed: %q", names)
	}
}

// A stash is of an upload that is in progress, of one that has ended and when, or of none.
func TestStashesSayWhatBecameOfTheirUpload(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	record := create(t, s, "bucket")
	ended, going := newUpload(t, s, record, "ended", b.now), newUpload(t, s, record, "going", b.now)
	unknown := *going
	unknown.ID = "unknown"
	b.pass(time.Minute)
	if err := s.EndUpload(t.Context(), ended, state.UploadCompleted, nil); err != nil {
		t.Fatal(err)
	}
	s.Settle()
	want := make(map[string]state.Stash)
	for u, says := range map[*state.Upload]state.Stash{
		ended: {Ended: b.now.UTC()}, going: {Open: true}, &unknown: {},
	} {
		name := state.StashName(u, 1, [crypto.SaltSize]byte{})
		if _, err := b.Put(t.Context(), name, []byte("sealed"), ""); err != nil {
			t.Fatal(err)
		}
		want[name] = says
	}
	err := s.Stashes(t.Context(), record, func(got *state.Stash) error {
		if says, ok := want[got.Name]; !ok || got.Open != says.Open || !got.Ended.Equal(says.Ended) || got.Size != 6 {
			t.Errorf("%+v, want %+v", got, says)
		}
		delete(want, got.Name)
		return nil
	})
	if err != nil || len(want) != 0 {
		t.Errorf("%v; not said: %v", err, want)
	}
}

// A janitor that sweeps at another pace does everything at that pace: an upload that is gone is found by one of 24
// sweeps.
func TestAJanitorOfAnotherPaceLooksAtEveryUpload(t *testing.T) {
	b := newBucket()
	s, err := state.Open(t.Context(), b, &kms{},
		state.Options{ServiceKey: "service", Now: b.Now, SweepEvery: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	record := create(t, s, "bucket")
	for i := range 30 {
		newUpload(t, s, record, fmt.Sprint("id", i), b.now)
	}
	j := state.NewJanitor(s, func(context.Context, *state.Upload) (bool, error) { return true, nil })
	for range 24 + 24 + 1 { // they are young; one looks; one looks again
		b.pass(time.Minute)
		if err := j.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if left := append(b.names("uploads/"), b.names("open/")...); len(left) > 0 {
		t.Errorf("are left: %q", left)
	}
}
