package s3_test

import (
	"testing"
	"time"

	"sealfront/proxy/s3"
)

const notOurs = `"not-of-this-store"`

func TestETagsOfClientsLeadBackToTheStores(t *testing.T) {
	for stored, client := range map[string]string{
		`"0123456789abcdef0123456789abcdef"`:   `"sf-0123456789abcdef0123456789abcdef"`,
		`0123456789abcdef`:                     `"sf-0123456789abcdef"`,
		`"0123456789abcdef0123456789abcdef-2"`: `"sf-0123456789abcdef0123456789abcdef-2"`,
	} {
		got := s3.ClientETag([]byte(stored))
		if got != client || string(s3.AppendClientETag([]byte("ETag: "), []byte(stored))) != "ETag: "+client {
			t.Errorf("%s is shown as %s, want %s", stored, got, client)
		}
		if back := s3.StoreETag(got); back != `"`+s3.Unquote(stored)+`"` {
			t.Errorf("%s leads back to %s, want %s", got, back, stored)
		}
	}
}

func TestAnETagThatIsNotOursNamesNoObject(t *testing.T) {
	for sent, want := range map[string]string{
		`"sf-e"`: `"e"`, `sf-e`: `"e"`, ` "sf-e" `: `"e"`, `W/"sf-e"`: `"e"`,
		`"e"`: notOurs, `"sf-"`: notOurs, ``: notOurs, `"`: notOurs, `*`: notOurs,
	} {
		if got := s3.StoreETag(sent); got != want {
			t.Errorf("%q is the store's %q, want %q", sent, got, want)
		}
	}
}

func TestConditionsAreMappedETagByETag(t *testing.T) {
	for list, want := range map[string]string{
		`*`: `*`, ` * `: `*`, `"sf-a"`: `"a"`, `"sf-a", sf-b`: `"a", "b"`, `"sf-a","b"`: `"a", ` + notOurs, ``: notOurs,
	} {
		if got := s3.StoreCondition(list); got != want {
			t.Errorf("%q is put to the store as %q, want %q", list, got, want)
		}
	}
}

func TestAListOfETagsNamesWhatItHas(t *testing.T) {
	for _, c := range []struct {
		list, etag          string
		ofClients, ofStores bool // the list's ETags are clients', or the store's
	}{
		{`*`, `"e"`, true, true},
		{` * `, `e`, true, true},
		{`"sf-e"`, `"e"`, true, false},
		{`"e"`, `"e"`, false, true},
		{`"a", W/"e"`, `"e"`, false, true},
		{`"e"`, `W/"e"`, false, true},
		{`"sf-a", "sf-e"`, `"e"`, true, false},
		{`"sf-a"`, `"e"`, false, false},
		{``, `"e"`, false, false},
	} {
		if got := s3.ListsETag(c.list, c.etag); got != c.ofClients {
			t.Errorf("the client's list %s names the store's %s: %t", c.list, c.etag, got)
		}
		if got := s3.ConditionNames(c.list, c.etag); got != c.ofStores {
			t.Errorf("the store's list %s names %s: %t", c.list, c.etag, got)
		}
	}
}

func TestQuotesAreTakenOffInPairs(t *testing.T) {
	for sent, want := range map[string]string{
		`"a"`: "a", ` "a" `: "a", `a`: "a", `"a`: `"a`, `a"`: `a"`, `"`: `"`,
		`""`: "", "": "",
	} {
		if got := s3.Unquote(sent); got != want {
			t.Errorf("%q without quotes is %q, want %q", sent, got, want)
		}
	}
}

func TestDatesOfHeadersHaveThreeForms(t *testing.T) {
	want := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for value, ok := range map[string]bool{
		"Sun, 06 Nov 1994 08:49:37 GMT": true, "Sunday, 06-Nov-94 08:49:37 GMT": true, "Sun Nov  6 08:49:37 1994": true,
		"1994-11-06T08:49:37Z": false, "": false,
	} {
		got, read := s3.HeaderTime(value)
		if read != ok || ok && !got.Equal(want) {
			t.Errorf("%q is %v, %t", value, got, read)
		}
	}
}
