package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sealfront/proxy/store"
)

// A garblingStore lists as versitygw does: in the true order of names, from a marker on, and with U+FFFD for what XML
// has no place for.
type garblingStore struct {
	names    []string // in order
	versions int      // of each name; 0: names have none
	asked    int
	// inclusive: a page begins with the marker's version, and shows nothing when that is gone.
	inclusive bool
	rollsUp   bool
}

func garbled(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return 0xfffd
		}
		return r
	}, name)
}

func garblingNames() store.Names {
	n := store.AllNames()
	n.Characters = 0
	n = n.WithCharacters("\t\n\r\x7f")
	return n
}

func (s *garblingStore) ask(_ context.Context, q *store.ListQuery) (*store.Listing, error) {
	s.asked++
	out := new(store.Listing)
	past := q.Version == ""
	last := ""
	for _, name := range s.names {
		if !strings.HasPrefix(name, q.Prefix) || name < q.After || name == q.After && q.Version == "" {
			continue
		}
		shown, common := name, false
		if q.Delimiter != "" {
			if i := strings.Index(name[len(q.Prefix):], q.Delimiter); i >= 0 {
				shown, common = name[:len(q.Prefix)+i+len(q.Delimiter)], true
			}
		}
		if common {
			if shown == last || shown <= q.After {
				continue
			}
			last = shown
			if len(out.Entries) == q.Max {
				out.More = true
				return out, nil
			}
			out.Entries = append(out.Entries, store.ListEntry{Name: garbled(shown), Common: true})
			continue
		}
		for v := max(1, s.versions) - 1; v >= 0; v-- {
			e := store.ListEntry{Name: garbled(name)}
			if s.versions > 0 {
				e.Version = &store.PageVersion{VersionID: fmt.Sprint("v", v)}
				if !past {
					if name > q.After && !s.inclusive {
						past = true
					} else if name == q.After && e.Version.VersionID == q.Version {
						past = true
						if !s.inclusive {
							continue
						}
					} else {
						continue
					}
				}
			}
			if len(out.Entries) == q.Max {
				out.More = true
				return out, nil
			}
			out.Entries = append(out.Entries, e)
		}
	}
	return out, nil
}

// want is what a listing has to show: names and common prefixes, or versions, in order.
func (s *garblingStore) want(prefix, delimiter, after string) (want []string) {
	for _, name := range s.names {
		if !strings.HasPrefix(name, prefix) || name <= after {
			continue
		}
		if delimiter != "" {
			if i := strings.Index(name[len(prefix):], delimiter); i >= 0 {
				shown := name[:len(prefix)+i+len(delimiter)] + " (common)"
				if shown == after+" (common)" || len(want) > 0 && want[len(want)-1] == shown {
					continue
				}
				want = append(want, shown)
				continue
			}
		}
		if s.versions == 0 {
			want = append(want, name)
		}
		for v := s.versions - 1; v >= 0; v-- {
			want = append(want, fmt.Sprint(name, " v", v))
		}
	}
	return want
}

func listAll(t *testing.T, s *garblingStore, q store.ListQuery) (all []string) {
	t.Helper()
	l := &store.Lister{Names: garblingNames(), Delimiters: s.rollsUp, Ask: s.ask}
	for pages := 0; ; pages++ {
		page, err := l.List(context.Background(), &q)
		if err != nil {
			t.Fatalf("%q, pages of %d: %v", q.Prefix, q.Max, err)
		}
		if len(page.Entries) > q.Max || len(page.Unknown) > 0 {
			t.Fatalf("%+v: %d entries, unknown: %+q, of %+q", q, len(page.Entries), page.Unknown, s.names)
		}
		for _, e := range page.Entries {
			switch {
			case e.Common:
				all = append(all, e.Name+" (common)")
			case e.Version != nil:
				all = append(all, e.Name+" "+e.Version.VersionID)
			default:
				all = append(all, e.Name)
			}
		}
		if !page.More {
			return all
		}
		if pages > 4*len(s.names)*max(1, s.versions)+8 {
			t.Fatalf("%+q: no end after %d pages, of %+q (%d versions, %v): %+q",
				[]any{q.Prefix, q.Delimiter, q.After, q.Version, q.Max}, pages, s.names, s.versions, s.inclusive, all)
		}
		q.After, q.Version = page.Last, page.Version
	}
}

// The pages of a store that garbles names are together its names, each once and in order, whatever is asked for.
func TestPagesOfAGarblingStoreAreItsNames(t *testing.T) {
	alphabet := []string{
		"a", "b", "/", "/", "-", "\x01", "\x1f", "\t", "\uFFFD", "\uFFFE", "\uFFFF", "é", "k", "\x7f",
		"\U0010FFFF",
	}
	r := rand.New(rand.NewPCG(44, 2))
	for round := range 100 {
		s := &garblingStore{rollsUp: round%2 == 0, inclusive: round%3 == 0}
		if round%3 != 1 {
			s.versions = round % 4
		}
		for range 1 + r.IntN(16) {
			var b strings.Builder
			for range 1 + r.IntN(6) {
				b.WriteString(alphabet[r.IntN(len(alphabet))])
			}
			s.names = append(s.names, b.String())
		}
		slices.Sort(s.names)
		s.names = slices.Compact(s.names)
		entries := len(s.names) * max(1, s.versions)
		for _, size := range []int{1, 2, 3, max(1, entries-1), entries, entries + 1, 1000} {
			for _, delimiter := range []string{"", "/", "-", "\x01", "/-"} {
				for _, prefix := range []string{"", "a", "a/", "\x01", "\uFFFD", s.names[0][:1]} {
					if !validPrefix(prefix) {
						continue
					}
					want := s.want(prefix, delimiter, "")
					if got := listAll(t, s, store.ListQuery{
						Prefix: prefix, Delimiter: delimiter,
						Max: size,
					}); !slices.Equal(got, want) {
						t.Fatalf("round %d, prefix %+q, delimiter %+q, pages of %d:\ngot  %+q\nwant %+q\nof   %+q",
							round, prefix, delimiter, size, got, want, s.names)
					}
				}
			}
		}
	}
}

func validPrefix(s string) bool { return strings.ToValidUTF8(s, "") == s }

// A name that can't be asked for, since it isn't UTF-8, is said, and hides no other.
func TestNamesThatCantBeFoundOutAreSaid(t *testing.T) {
	s := &garblingStore{names: []string{"a", "p/\x01", "p/a", "p/\xff1", "p/\xff2", "q", "\xfe"}}
	for size := 1; size <= 8; size++ {
		l := &store.Lister{Names: garblingNames(), Ask: s.ask}
		q := store.ListQuery{Max: size}
		var all, unknown []string
		for more, pages := true, 0; more; pages++ {
			page, err := l.List(t.Context(), &q)
			if err != nil || pages > 20 {
				t.Fatalf("pages of %d: page %d: %v", size, pages, err)
			}
			for _, e := range page.Entries {
				all = append(all, e.Name)
			}
			unknown = append(unknown, page.Unknown...)
			q.After, more = page.Last, page.More
		}
		slices.Sort(unknown)
		want := []string{"p/\uFFFD1", "p/\uFFFD2", "\uFFFD"}
		if !slices.Equal(all, []string{"a", "p/\x01", "p/a", "q"}) || !slices.Equal(slices.Compact(unknown), want) {
			t.Errorf("pages of %d: %+q, unknown %+q", size, all, unknown)
		}
	}
}
