package objects_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/store"
)

func names(page *store.Listing) (list []string) {
	for _, e := range page.Entries {
		list = append(list, e.Name)
	}
	return list
}

// A bucket is listed under its clients' names, page by page.
func TestBucketsAreListedPageByPage(t *testing.T) {
	i := install(t, nil)
	for _, key := range []string{"a", "b/1", "b/2", "c d", "ü"} {
		i.put(t, key, small)
	}
	x := i.in(t, things, policy.ListObjectsV2, "")
	var got []string
	q := &store.ListQuery{Delimiter: "/", Max: 2}
	for {
		page, err := x.ListPage(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, names(page)...)
		if !page.More {
			break
		}
		q = &store.ListQuery{Delimiter: "/", Max: 2, Token: page.Token, After: page.Last}
	}
	if want := []string{"a", "b/", "c d", "ü"}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	if n := objects.ListedSize(crypto.StoredLength(1000)); n != 1000 {
		t.Errorf("the listed size of 1000 bytes is %d", n)
	}
	if n := objects.ListedSize(5); n != 5 {
		t.Errorf("the listed size of something else is %d", n)
	}
}

// Faults of the store's listings are S3's.
func TestFaultsOfListings(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.ListObjectsV2, "")
	for _, c := range []struct {
		name string
		turn turn
		code string
	}{
		{"lost", drop, "ServiceUnavailable"},
		{"refused", refuse(503, "SlowDown"), "SlowDown"},
		{"no bucket", refuse(404, "NoSuchBucket"), "NoSuchBucket"},
		{"no document", write("what?"), "InternalError"},
		{"cut off", write("<ListBucketResult/>").edit(cut(3)), "ServiceUnavailable"},
	} {
		i.front.set(func(*store.Request) turn { return c.turn })
		_, err := x.ListPage(t.Context(), &store.ListQuery{Max: 10})
		wantCode(t, c.name, err, c.code)
		_, err = x.ListVersionsPage(t.Context(), &store.ListQuery{Max: 10})
		wantCode(t, "versions, "+c.name, err, c.code)
	}
	lister := x.Lister()
	lister.Ask = nil
	if lister.Directory || !lister.Delimiters {
		t.Errorf("%+v", lister)
	}
}

// What the store lists under names that can't be decoded is left out, and logged.
func TestUnknownNamesAreLogged(t *testing.T) {
	i := install(t, lessAble(func(a *store.Abilities) { a.Names = store.Names{} }))
	x := i.in(t, things, policy.ListObjectsV2, "")
	const page = "<ListBucketResult><Contents><Key>%s</Key><LastModified>2024-01-01T00:00:00Z</LastModified></Contents>" +
		"</ListBucketResult>"
	i.front.set(first(
		once("ListObjectsV2", 0, write(fmt.Sprintf(page, "a\uFFFDb"))), // a character that the store can't show
		on("ListObjectsV2", write("<ListBucketResult/>")),
	))
	listed, err := x.ListPage(t.Context(), &store.ListQuery{Max: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(listed.Entries) != 0 || len(listed.Unknown) != 1 ||
		!i.logged("the store lists names that can't be decoded") {
		t.Errorf("listed %v, unknown %v", names(listed), listed.Unknown)
	}
}

// Versions are listed in the order of names, and the newest first.
func TestVersionsAreListedNewestFirst(t *testing.T) {
	i := install(t, nil)
	x := i.in(t, things, policy.ListObjectVersions, "")
	entry := func(kind, key, id string, latest bool, date string) string {
		is := "false"
		if latest {
			is = "true"
		}
		return "<" + kind + "><Key>" + key + "</Key><VersionId>" + id + "</VersionId><IsLatest>" + is +
			"</IsLatest><LastModified>" + date + "</LastModified></" + kind + ">"
	}
	const early, late = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"
	const ulid1, ulid2 = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01BX5ZZKBKACTAV9WEVGEMMVRZ"
	for _, c := range []struct {
		name, page string
		want       []string // name and version
	}{
		{
			"by date", entry("Version", "a", "1", false, early) + entry("Version", "a", "2", false, late),
			[]string{"a 2", "a 1"},
		},
		{
			"the latest first", entry("Version", "a", "1", false, late) + entry("DeleteMarker", "a", "2", true, early),
			[]string{"a 2", "a 1"},
		},
		{"the latest stays first", entry("Version", "a", "1", true, early) + entry("DeleteMarker", "a", "2", false,
			late), []string{"a 1", "a 2"}},
		{"by ids that have an order", entry("Version", "a", ulid1, false, late) + entry("Version", "a", ulid2, false,
			early), []string{"a " + ulid2, "a " + ulid1}},
		{
			"names first", entry("Version", "b", "1", true, early) + entry("Version", "a", "2", true, early),
			[]string{"a 2", "b 1"},
		},
		{
			"with prefixes", entry("Version", "b", "1", true, early) +
				"<CommonPrefixes><Prefix>a%2F</Prefix></CommonPrefixes><Owner/>",
			[]string{"a/ -", "b 1"},
		},
		{
			"the page's end last", entry("Version", "a", "1", false, early) + entry("Version", "a", "2", false, late) +
				"<IsTruncated>true</IsTruncated><NextVersionIdMarker>2</NextVersionIdMarker>",
			[]string{"a 1", "a 2"},
		},
		{"encoded names", entry("Version", "%C3%BC+", "1", true, early), []string{"ü  1"}},
	} {
		i.front.set(on("ListObjectVersions",
			write("<ListVersionsResult><EncodingType>url</EncodingType>"+c.page+"</ListVersionsResult>")))
		page, err := x.ListVersionsPage(t.Context(),
			&store.ListQuery{Prefix: "p", Delimiter: "/", After: "a", Version: "v", Max: 10})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, e := range page.Entries {
			version := "-"
			if e.Version != nil {
				version = e.Version.VersionID
			}
			got = append(got, e.Name+" "+version)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for name, page := range map[string]string{
		"a name that isn't encoded":   entry("Version", "%zz", "1", true, early),
		"a prefix that isn't encoded": "<CommonPrefixes><Prefix>%zz</Prefix></CommonPrefixes>",
	} {
		i.front.set(on("ListObjectVersions",
			write("<ListVersionsResult><EncodingType>url</EncodingType>"+page+"</ListVersionsResult>")))
		_, err := x.ListVersionsPage(t.Context(), &store.ListQuery{Max: 10})
		wantCode(t, name, err, "InternalError")
	}
	i.front.set(on("ListObjectVersions",
		write("<ListVersionsResult>"+entry("Version", "%zz", "1", true, early)+"</ListVersionsResult>")))
	if page, err := x.ListVersionsPage(t.Context(), &store.ListQuery{Max: 10}); err != nil ||
		page.Entries[0].Name != "%zz" {
		t.Errorf("names as they are: %v", err)
	}
	var query string
	i.front.watch(func(r *store.Request) { query = r.Query })
	i.front.set(on("ListObjectVersions", write("<ListVersionsResult/>")))
	if _, err := x.ListVersionsPage(t.Context(),
		&store.ListQuery{Prefix: "p&", Delimiter: "/", After: "a", Version: "v", Max: 7}); err != nil {
		t.Error(err)
	}
	const want = "encoding-type=url&prefix=p%26&delimiter=%2F&key-marker=a&version-id-marker=v&max-keys=7&versions="
	if query != want {
		t.Errorf("asked %s, want %s", query, want)
	}
}

// In directory buckets uploads in progress have common prefixes of their own.
func TestOpenUploadsHavePrefixesInDirectoryBuckets(t *testing.T) {
	i := install(t, nil)
	for _, key := range []string{"a/1", "c/1", "e/1", "g"} {
		if _, err := i.object(t, key).CreateUpload(t.Context(), sseKMS, nil, crypto.FullObject, time.Now(),
			&objects.Conditions{}, describe()); err != nil {
			t.Fatal(err)
		}
	}
	x := i.in(t, things, policy.ListObjectsV2, "")
	x.Facts.Kind = policy.Directory
	page := func(more bool, last string, names ...string) *store.Listing {
		l := &store.Listing{More: more, Last: last}
		for _, n := range names {
			l.Entries = append(l.Entries, store.ListEntry{Name: n, Common: strings.HasSuffix(n, "/")})
		}
		return l
	}
	for _, c := range []struct {
		name string
		page *store.Listing
		q    store.ListQuery
		want []string
	}{
		{
			"beside objects", page(false, "d", "a/", "b", "d"),
			store.ListQuery{Delimiter: "/", Max: 10},
			[]string{"a/", "b", "c/", "d", "e/"},
		},
		{
			"before the page's end", page(true, "d", "b", "d"),
			store.ListQuery{Delimiter: "/", Max: 10},
			[]string{"a/", "b", "c/", "d"},
		},
		{
			"after the page's begin", page(false, "d", "d"),
			store.ListQuery{Delimiter: "/", After: "b", Max: 10},
			[]string{"c/", "d", "e/"},
		},
		{"below a prefix", page(false, ""), store.ListQuery{Delimiter: "/", Prefix: "c", Max: 10}, []string{"c/"}},
		{
			"cut to the page's size", page(false, "d", "b", "d"),
			store.ListQuery{Delimiter: "/", Max: 2},
			[]string{"a/", "b"},
		},
		{"without a delimiter", page(false, "d", "d"), store.ListQuery{Max: 10}, []string{"d"}},
	} {
		if err := x.AddOpenPrefixes(t.Context(), c.page, &c.q); err != nil {
			t.Fatal(err)
		}
		if got := names(c.page); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	fresh := install(t, nil)
	y := fresh.in(t, things, policy.ListObjectsV2, "")
	y.Facts.Kind = policy.Directory
	fresh.records.set(func(operation, _ string) error {
		if operation == "List" {
			return errors.New("lost")
		}
		return nil
	})
	err := y.AddOpenPrefixes(t.Context(), page(false, ""), &store.ListQuery{Delimiter: "/", Max: 10})
	wantCode(t, "records that can't be listed", err, "ServiceUnavailable")
}
