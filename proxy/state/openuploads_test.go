package state_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/state"
)

// openUploads lists the open uploads of a bucket, each as "key id".
func openUploads(t *testing.T, s *state.State, b *state.Bucket, prefix, from string) (list []string) {
	t.Helper()
	err := s.OpenUploads(t.Context(), b, prefix, from, func(u *state.OpenUpload) (string, bool) {
		list = append(list, u.Key+" "+u.ID)
		return "", true
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func begin(t *testing.T, s *state.State, b *state.Bucket, key, id string, at time.Time) *state.Upload {
	t.Helper()
	u := state.Upload{Bucket: b.Name, Incarnation: b.Incarnation, Key: key, ID: id, Initiated: at, Envelope: []byte("e")}
	if err := s.CreateUpload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return &u
}

// Keys of all lengths around those that names tell apart, keys of many uploads, ids too long for a name: the listing is
// that of the uploads put in order, from any key on, below any prefix, with anything passed over.
func TestOpenUploadsAreListedInOrder(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	record := create(t, s, "bucket")
	other := create(t, s, "bucket2")
	begin(t, s, other, "a", "another bucket's", b.now)
	long := strings.Repeat("k", 98)
	var uploads []*state.Upload
	for i := range 160 {
		key := ""
		for range 1 + rand.IntN(4) {
			key += []string{"a", "b/", "é", "\x01", "~", long, "!", "-/"}[rand.IntN(8)]
		}
		id := fmt.Sprint("id", i)
		if i%9 == 0 {
			id += strings.Repeat("x", 300)
		}
		u := begin(t, s, record, key, id, b.now.Add(time.Duration(rand.IntN(5))*time.Millisecond))
		if i%4 == 0 {
			if err := s.EndUpload(t.Context(), u, state.UploadAborted, nil); err != nil {
				t.Fatal(err)
			}
			continue
		}
		uploads = append(uploads, u)
	}
	slices.SortFunc(uploads, func(a, b *state.Upload) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), a.Initiated.Compare(b.Initiated), strings.Compare(a.ID, b.ID))
	})
	for _, name := range b.names("open/") {
		if len(name) > 1024 || slices.ContainsFunc(strings.Split(name, "/"), func(s string) bool { return len(s) > 250 }) {
			t.Errorf("a name of %d characters: %s", len(name), name)
		}
	}
	for range 60 {
		key := uploads[rand.IntN(len(uploads))].Key
		from := uploads[rand.IntN(len(uploads))].Key
		prefix, past := key[:rand.IntN(len(key)+1)], ""
		if rand.IntN(2) == 0 {
			from = from[:rand.IntN(len(from)+1)]
		}
		if rand.IntN(2) == 0 {
			past = key[:min(len(key), len(prefix)+1+rand.IntN(3))]
		}
		skip := rand.IntN(3) == 0 && past != ""
		var want, got []string
		met := false
		for _, u := range uploads {
			if !strings.HasPrefix(u.Key, prefix) || u.Key < from || met && strings.HasPrefix(u.Key, past) {
				continue
			}
			met = met || skip && strings.HasPrefix(u.Key, past)
			want = append(want, u.Key+" "+u.ID)
		}
		err := open(t, b, nil).OpenUploads(t.Context(), record, prefix, from, func(u *state.OpenUpload) (string, bool) {
			got = append(got, u.Key+" "+u.ID)
			if skip && strings.HasPrefix(u.Key, past) {
				return past, true
			}
			return "", true
		})
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("prefix %q from %q past %q (%t): %d uploads, want %d, %v\n%q\n%q", prefix, from, past, skip, len(got),
				len(want), err, got, want)
		}
	}
}

// Listing open uploads costs listings and nothing else, for the ended ones nothing, and for those passed over one.
func TestWhatListingOpenUploadsCosts(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	record := create(t, s, "bucket")
	for i := range 60 {
		u := begin(t, s, record, fmt.Sprintf("ended/%02d", i), fmt.Sprint("e", i), b.now)
		if err := s.EndUpload(t.Context(), u, state.UploadAborted, nil); err != nil {
			t.Fatal(err)
		}
		begin(t, s, record, fmt.Sprintf("p/%02d", i), fmt.Sprint("p", i), b.now)
		begin(t, s, record, fmt.Sprintf("q/%02d", i), fmt.Sprint("q", i), b.now)
	}
	s.Settle()
	cold := open(t, b, nil)
	gets, lists := b.gets(), b.lists()
	if n := len(openUploads(t, cold, record, "", "")); n != 120 {
		t.Errorf("%d uploads", n)
	}
	if b.gets() != gets || b.lists()-lists > 120/3+1 {
		t.Errorf("%d reads, %d listings of three", b.gets()-gets, b.lists()-lists)
	}
	lists = b.lists()
	var prefixes []string
	err := cold.OpenUploads(t.Context(), record, "", "", func(u *state.OpenUpload) (string, bool) {
		prefixes = append(prefixes, u.Key[:2])
		return u.Key[:2], true
	})
	if err != nil || fmt.Sprint(prefixes) != "[p/ q/]" || b.lists()-lists > 4 {
		t.Errorf("%q, %v, %d listings", prefixes, err, b.lists()-lists)
	}
	lists = b.lists()
	_ = cold.OpenUploads(t.Context(), record, "", "q/30", func(*state.OpenUpload) (string, bool) { return "", false })
	if b.lists()-lists != 1 {
		t.Errorf("one upload took %d listings", b.lists()-lists)
	}
}

// A replica of an earlier release begins and ends uploads beside this one, and leaves records without names and names
// without open uploads. For a day after the records were first named, no listing misses one or has one too many.
func TestListingsAreTrueBesideAnEarlierRelease(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	record := create(t, s, "bucket")
	begin(t, s, record, "first", "1", b.now)
	for i := range 8 {
		u := begin(t, s, record, "ended", fmt.Sprint("e", i), b.now)
		if err := s.EndUpload(t.Context(), u, state.UploadAborted, nil); err != nil {
			t.Fatal(err)
		}
	}
	b.before() // up to now all was an earlier release's
	replica := open(t, b, nil)
	want := func(what string, uploads ...string) {
		t.Helper()
		b.pass(6 * time.Second) // the comparison is CacheLife old at most
		if got := openUploads(t, replica, record, "", ""); !slices.Equal(got, uploads) {
			t.Errorf("%s: %q, want %q", what, got, uploads)
		}
	}
	want("before the first sweep", "first 1")
	if err := state.NewJanitor(replica, nil).Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(b.names("layout")) != 1 {
		t.Fatal("the sweep was not written down")
	}
	earlier := open(t, b, nil)
	u := begin(t, earlier, record, "second", "2", b.now)
	name := b.names("open/")[1]
	kept := b.objects()[name]
	delete(b.objects(), name)
	want("begun by the earlier release", "first 1", "second 2")
	if err := earlier.EndUpload(t.Context(), u, state.UploadCompleted, &state.Completion{}); err != nil {
		t.Fatal(err)
	}
	b.objects()[name] = kept
	want("ended by the earlier release", "first 1")
	gets := b.gets()
	want("nothing has changed", "first 1")
	if b.gets() != gets {
		t.Errorf("%d records were read again", b.gets()-gets)
	}

	b.pass(25 * time.Hour)
	lists := b.lists()
	want("a day later", "first 1")
	if b.lists()-lists != 1 {
		t.Errorf("%d listings once no earlier release is expected", b.lists()-lists)
	}
	// Later still a sweep finds what isn't named.
	delete(b.objects(), b.names("open/")[0])
	want("a name is missing")
	if err := state.NewJanitor(replica, nil).Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("after a sweep", "first 1")
}
