package state_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/state"
)

func listBuckets(t *testing.T, s *state.State, prefix, start string) (names []string) {
	t.Helper()
	err := s.ListBuckets(t.Context(), prefix, start, func(b *state.ListedBucket) bool {
		names = append(names, b.Name)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func remove(t *testing.T, s *state.State, name string) {
	t.Helper()
	if err := s.DeleteBucket(t.Context(), name, func(context.Context, *state.Bucket) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestListBucketsCrossesPages(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	for _, name := range []string{"d", "a", "c", "b", "g", "f", "e", "a.b", "a-b", "a0", "bucket--zone--x-s3"} {
		create(t, s, name)
	}
	remove(t, s, "c")
	if got := listBuckets(t, s, "", ""); fmt.Sprint(got) != "[a a-b a.b a0 b bucket--zone--x-s3 d e f g]" {
		t.Errorf("all: %q", got)
	}
	if got := listBuckets(t, s, "", "a"); fmt.Sprint(got) != "[a-b a.b a0 b bucket--zone--x-s3 d e f g]" {
		t.Errorf("behind a: %q", got)
	}
	if got := listBuckets(t, s, "a", ""); fmt.Sprint(got) != "[a a-b a.b a0]" {
		t.Errorf("that begin with a: %q", got)
	}
	var names []string
	if err := s.ListBuckets(t.Context(), "", "a0",
		func(b *state.ListedBucket) bool { names = append(names, b.Name); return b.Name != "f" }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(names) != "[b bucket--zone--x-s3 d e f]" {
		t.Errorf("%v", names)
	}
}

// What a listing says of a bucket is what its record says, and costs listings alone.
func TestListBucketsReadsNoRecord(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	want := make(map[string]state.ListedBucket)
	for i := range 20 {
		made, err := s.CreateBucket(t.Context(), state.Bucket{
			Name: fmt.Sprintf("b%02d", i), Directory: i%2 == 0, ARN: fmt.Sprintf("arn:aws:s3:::b%02d", i), Region: "eu-west-1",
			StoreName: "x",
		}, made)
		if err != nil {
			t.Fatal(err)
		}
		if i == 3 { // as one that was adopted
			if made, err = s.UpdateBucket(t.Context(), made.Name, func(b *state.Bucket) error {
				b.ARN = strings.Repeat("arn:of:another:name", 20)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		want[made.Name] = state.ListedBucket{
			Name: made.Name, Directory: made.Directory, ARN: made.ARN, Region: made.Region, Created: made.Created,
		}
	}
	if _, err := s.UpdateBucket(t.Context(), "b05",
		func(b *state.Bucket) error { b.Policy = "p"; return nil }); err != nil {
		t.Fatal(err)
	}
	cold := open(t, b, nil)
	gets, lists := b.gets(), b.lists()
	err := cold.ListBuckets(t.Context(), "", "", func(l *state.ListedBucket) bool {
		if w := want[l.Name]; *l != w {
			t.Errorf("%+v, want %+v", *l, w)
		}
		delete(want, l.Name)
		return true
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%v; missing: %v", err, want)
	}
	if n := b.gets() - gets; n != 1 { // that whose ARN no name can have
		t.Errorf("%d records were read", n)
	}
	if n := b.lists() - lists; n > 2*20/3+2 {
		t.Errorf("%d listings of three", n)
	}
	if names := b.names("bucketlist/"); len(names) != 19 {
		t.Errorf("%d names, want one each: %q", len(names), names)
	}
}

// A replica of an earlier release knows no names; whoever breaks off leaves an old one or none. Listings are true at
// once, and repair what they come upon.
func TestNamesOfOtherStatesAreNotBelieved(t *testing.T) {
	b := newBucket()
	s := open(t, b, nil)
	create(t, s, "kept")
	create(t, s, "gone")
	old := b.names("bucketlist/gone!")[0]
	before := b.objects()[old]
	remove(t, s, "gone")
	for _, name := range b.names("bucketlist/gone!") {
		delete(b.objects(), name)
	}
	b.objects()[old] = before // the deletion was an earlier release's
	for _, name := range b.names("bucketlist/kept!") {
		delete(b.objects(), name) // and so was the creation
	}
	b.pass(2 * time.Minute)
	if got := listBuckets(t, open(t, b, nil), "", ""); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("%q", got)
	}
	if len(b.names("bucketlist/")) != 2 || len(b.names(old)) != 0 {
		t.Errorf("not repaired: %q", b.names("bucketlist/"))
	}
	gets := b.gets()
	cold := open(t, b, nil)
	opened := b.gets() - gets
	if got := listBuckets(t, cold, "", ""); !slices.Equal(got, []string{"kept"}) || b.gets()-gets != opened {
		t.Errorf("%q with %d reads", got, b.gets()-gets-opened)
	}
	moved := b.names("bucketlist/kept!")[0]
	b.objects()["bucketlist/lent!"+moved[len("bucketlist/kept!"):]] = b.objects()[moved]
	err := cold.ListBuckets(t.Context(), "", "", func(*state.ListedBucket) bool { return true })
	if !errors.Is(err, state.ErrRecord) {
		t.Errorf("a name moved to another bucket: %v", err)
	}
}

// Records of names that are free go after an hour where the store deletes what was listed and nothing else, so that
// buckets that were deleted long ago cost nothing.
func TestRecordsOfFreeNamesGo(t *testing.T) {
	b := newBucket()
	s, err := state.Open(t.Context(), b, &kms{},
		state.Options{ServiceKey: "service", Now: b.Now, ConditionalDelete: true})
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, "kept")
	for i := range 7 {
		name := fmt.Sprint("gone", i)
		create(t, s, name)
		remove(t, s, name)
	}
	j := state.NewJanitor(s, nil)
	sweep := func(left int) {
		t.Helper()
		if err := errors.Join(s.FreeNames(t.Context()), j.Sweep(t.Context())); err != nil {
			t.Fatal(err)
		}
		if n := len(b.names("buckets/")); n != left {
			t.Errorf("%d records, want %d", n, left)
		}
	}
	b.pass(11 * time.Second)
	sweep(8)
	create(t, s, "gone3")
	b.pass(2 * time.Hour)
	sweep(2)
	if got := listBuckets(t, s, "", ""); fmt.Sprint(got) != "[gone3 kept]" || len(b.names("bucketlist/")) != 2 {
		t.Errorf("%q, named: %q", got, b.names("bucketlist/"))
	}
	create(t, s, "gone5")
}
