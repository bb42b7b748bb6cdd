package state_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"sealfront/proxy/state"
)

// deafBucket doesn't answer writes below a prefix, and carries them out when late is called.
type deafBucket struct {
	*bucket
	prefix string
	writes []func()
	mu     sync.Mutex
	put    []string // all names
}

func (b *deafBucket) Put(ctx context.Context, name string, body []byte, ifMatch string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put = append(b.put, name)
	if !strings.HasPrefix(name, b.prefix) {
		return b.bucket.Put(ctx, name, body, ifMatch)
	}
	b.writes = append(b.writes, func() { _, _ = b.bucket.Put(context.Background(), name, body, ifMatch) })
	return "", errors.New("no answer")
}

func (b *deafBucket) late() {
	for _, write := range b.writes {
		write()
	}
	b.writes = nil
}

// A creation that fails and takes away what it wrote may find that it comes back: the name alone, which is listed. An
// Abort finds that one, and no upload that has a record.
func TestAStrayUploadIsListedUntilItIsAborted(t *testing.T) {
	b := &deafBucket{bucket: newBucket(), prefix: "open/"}
	s, err := state.Open(t.Context(), b, &kms{}, state.Options{ServiceKey: "service", Now: b.Now})
	if err != nil {
		t.Fatal(err)
	}
	record, other := create(t, s, "bucket"), create(t, s, "other")
	u := state.Upload{
		Bucket: "bucket", Incarnation: record.Incarnation, Key: "key", ID: "id", Initiated: b.now, Envelope: []byte("e"),
	}
	if err := s.CreateUpload(t.Context(), u); err == nil {
		t.Fatal("an upload without a name was begun")
	}
	stray := func(of *state.Bucket, key, id string) (*state.StrayUpload, error) {
		return s.StrayUpload(t.Context(), of, key, id)
	}
	if _, err := stray(record, "key", "id"); !errors.Is(err, state.ErrNoUpload) {
		t.Errorf("before it came back: %v", err)
	}
	b.late()
	b.prefix = "nothing"
	begin(t, s, record, "key", "another", b.now)
	if n := len(openUploads(t, s, record, "", "")); n != 2 {
		t.Errorf("%d uploads are listed", n)
	}
	if _, err := s.FreshUpload(t.Context(), record, "id"); !errors.Is(err, state.ErrNoUpload) {
		t.Errorf("its record: %v", err)
	}
	again := *record
	again.Incarnation = "of another bucket of this name"
	for _, c := range []struct {
		of      *state.Bucket
		key, id string
	}{
		{record, "key", "another"},
		{record, "key", "none"},
		{record, "key2", "id"},
		{record, "ke", "id"},
		{other, "key", "id"},
		{&again, "key", "id"},
	} {
		if found, err := stray(c.of, c.key, c.id); !errors.Is(err, state.ErrNoUpload) {
			t.Errorf("%s, %s, %s: %+v, %v", c.of.Name, c.key, c.id, found, err)
		}
	}
	found, err := stray(record, "key", "id")
	if err != nil || !found.Initiated.Equal(u.Initiated) {
		t.Fatalf("%+v, %v", found, err)
	}
	if err := s.RemoveStray(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if list := openUploads(t, s, record, "", ""); len(list) != 1 || !strings.Contains(list[0], "another") {
		t.Errorf("afterwards are listed %q", list)
	}
}

// A name is never written before its record: one without a record is nobody's.
func TestANameComesAfterItsRecord(t *testing.T) {
	b := &deafBucket{bucket: newBucket(), prefix: "uploads/"}
	s, err := state.Open(t.Context(), b, &kms{}, state.Options{ServiceKey: "service", Now: b.Now})
	if err != nil {
		t.Fatal(err)
	}
	record := create(t, s, "bucket")
	err = s.CreateUpload(t.Context(), state.Upload{Bucket: "bucket", Incarnation: record.Incarnation, Key: "key", ID: "id"})
	if err == nil {
		t.Fatal("an upload without a record was begun")
	}
	if slices.ContainsFunc(b.put, func(name string) bool { return strings.HasPrefix(name, "open/") }) {
		t.Errorf("a name was written: %q", b.put)
	}
}
