package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"sealfront/proxy/store"
)

// names are the entries of a page.
func names(l *store.Listing) (all []string) {
	for _, e := range l.Entries {
		all = append(all, e.Name)
	}
	return all
}

// A prefix that no name can have, and a page of nothing, cost no request; a store of directory buckets, and a token of
// a store that shows names as they are, are handed over as they came.
func TestListingsThatAreNotTheListers(t *testing.T) {
	asked := 0
	page := &store.Listing{Entries: []store.ListEntry{{Name: "z"}, {Name: "a"}}, More: true, Token: "t"}
	list := func(_ context.Context, q *store.ListQuery) (*store.Listing, error) {
		asked++
		return page, nil
	}
	minio := store.AllNames()
	minio.EmptySegments = false
	for name, c := range map[string]struct {
		lister store.Lister
		query  store.ListQuery
		whole  bool
	}{
		"no entries":       {store.Lister{Names: store.AllNames()}, store.ListQuery{Prefix: "a"}, false},
		"an empty segment": {store.Lister{Names: minio}, store.ListQuery{Prefix: "a//b", Max: 9}, false},
		"a directory bucket": {
			store.Lister{Names: minio, Directory: true},
			store.ListQuery{After: "m", Max: 9},
			true,
		},
		"a token": {store.Lister{Names: minio}, store.ListQuery{Token: "x", Max: 9}, true},
		"a token, with a delimiter": {
			store.Lister{Names: minio},
			store.ListQuery{Token: "x", Delimiter: "-", Max: 9},
			true,
		},
	} {
		asked, c.lister.Ask = 0, list
		got, err := c.lister.List(t.Context(), &c.query)
		if err != nil || (got == page) != c.whole || (asked == 1) != c.whole || !c.whole &&
			(len(got.Entries) > 0 || got.More) {
			t.Errorf("%s: %v, %v after %d requests", name, got, err, asked)
		}
	}
}

// A store whose listing never ends, or goes back, is left with an error after a bounded number of requests.
func TestListingsThatDoNotGoOn(t *testing.T) {
	failed := errors.New("the store is away")
	again := func(string) ([]string, bool) { return []string{"a", "b"}, true }
	for name, c := range map[string]struct {
		lister store.Lister
		query  store.ListQuery
		page   func(after string) (names []string, more bool)
		want   string
	}{
		"empty pages without end": {
			store.Lister{Names: store.AllNames()},
			store.ListQuery{Max: 2},
			func(string) ([]string, bool) { return nil, true }, "doesn't go on",
		},
		"the same page without end": {
			store.Lister{Names: store.AllNames()},
			store.ListQuery{Max: 2, After: "m"},
			again, "doesn't go on",
		},
		"rolled up, the same page": {
			store.Lister{Names: store.AllNames()},
			store.ListQuery{Max: 2, After: "m", Delimiter: "-"},
			again, "doesn't go on",
		},
		"a failure": {
			store.Lister{Names: store.AllNames()},
			store.ListQuery{Max: 2},
			nil,
			failed.Error(),
		},
		"a failure while it's rolled up": {
			store.Lister{Names: store.AllNames()},
			store.ListQuery{Max: 2, Delimiter: "-"},
			nil, failed.Error(),
		},
	} {
		asked := 0
		c.lister.Ask = func(_ context.Context, q *store.ListQuery) (*store.Listing, error) {
			if asked++; c.page == nil {
				return nil, failed
			}
			listed, more := c.page(q.After)
			out := &store.Listing{More: more}
			for _, n := range listed {
				out.Entries = append(out.Entries, store.ListEntry{Name: n})
			}
			return out.Cut(len(listed)), nil
		}
		got, err := c.lister.List(t.Context(), &c.query)
		if err == nil || !strings.Contains(err.Error(), c.want) || asked > 5000 {
			t.Errorf("%s: %v, %v after %d requests", name, got, err, asked)
		}
	}
}

// A listing goes on behind a marker's version also when that version has been deleted since: ULIDs have an order.
func TestAMarkerWhoseVersionIsGone(t *testing.T) {
	ulid := func(i int) string { return fmt.Sprintf("%026d", i) }
	var all []store.ListEntry
	for _, i := range []int{5, 4, 2, 1} { // newest first; 3 was deleted
		all = append(all, store.ListEntry{Name: "k", Version: &store.PageVersion{VersionID: ulid(i)}})
	}
	all = append(all, store.ListEntry{Name: "l", Version: &store.PageVersion{VersionID: ulid(9)}})
	l := &store.Lister{
		Names: store.AllNames(),
		Ask: func(_ context.Context, q *store.ListQuery) (*store.Listing, error) {
			if q.Version != "" { // a store that finds no place to begin at
				return &store.Listing{}, nil
			}
			return (&store.Listing{Entries: all}).Cut(q.Max), nil
		},
	}
	page, err := l.List(t.Context(), &store.ListQuery{After: "k", Version: ulid(3), Max: 10})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range page.Entries {
		got = append(got, e.Name+e.Version.VersionID[25:])
	}
	if strings.Join(got, " ") != "k2 k1 l9" {
		t.Errorf("%q", got)
	}
}

// AskPage asks by ListObjectsV2 and returns names as they are, in order.
func TestAskPage(t *testing.T) {
	var query url.Values
	body, failed := "", error(nil)
	ask := store.AskPage(func(_ context.Context, q string) ([]byte, error) {
		query, _ = url.ParseQuery(q)
		return []byte(body), failed
	})
	const head = `<R><IsTruncated>true</IsTruncated><NextContinuationToken>next</NextContinuationToken>` +
		`<EncodingType>url</EncodingType>`
	body = head + object("a%2Bb+c") + object("z") + "<CommonPrefixes><Prefix>d%2F</Prefix></CommonPrefixes></R>"
	page, err := ask(t.Context(), &store.ListQuery{Prefix: "p &", Delimiter: "/", After: "q", Max: 3})
	if err != nil || strings.Join(names(page), "|") != "a+b c|d/|z" || !page.Entries[1].Common ||
		page.Entries[0].Object.Size != 1 ||
		!page.More || page.Token != "next" || page.Last != "z" {
		t.Errorf("%+v, %v", page, err)
	}
	want := url.Values{
		"list-type": {"2"}, "encoding-type": {"url"}, "prefix": {"p &"}, "delimiter": {"/"},
		"start-after": {"q"}, "max-keys": {"3"},
	}
	if query.Encode() != want.Encode() {
		t.Errorf("asked %q", query.Encode())
	}
	if _, err := ask(t.Context(), &store.ListQuery{After: "q", Token: "t", Max: 1}); err != nil ||
		query.Get("continuation-token") != "t" || query.Has("start-after") {
		t.Errorf("with a token: %q, %v", query.Encode(), err)
	}
	body = "<R>" + object("a%2Bb") + "</R>" // of a store that doesn't encode
	if page, err := ask(t.Context(), &store.ListQuery{Max: 1}); err != nil || names(page)[0] != "a%2Bb" {
		t.Errorf("%+v, %v", page, err)
	}
	for _, body = range []string{
		"<R", head + object("%zz") + "</R>",
		head + "<CommonPrefixes><Prefix>%</Prefix></CommonPrefixes></R>",
	} {
		if page, err := ask(t.Context(), &store.ListQuery{Max: 1}); err == nil ||
			!strings.Contains(err.Error(), "read the store's listing") {
			t.Errorf("%q: %+v, %v", body, page, err)
		}
	}
	failed = errors.New("away")
	if _, err := ask(t.Context(), &store.ListQuery{Max: 1}); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}
