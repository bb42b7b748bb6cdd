package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Lister lists a bucket of the store exactly: each name as it is, each once, none left out, and to an end. What
// stores do differently is corrected here, and nowhere else:
//
//	characters shown as U+FFFD     the true name is found by its prefix, and no marker is made of another
//	delimiters that don't roll up  names are rolled up here
//	names that aren't taken as     others are sent that mean the same
//	  prefixes or markers
//	markers with words of the      markers are made of names
//	  store's own behind them
//
// A store of directory buckets lists in no order; its pages are taken as they are.
type Lister struct {
	Names      Names
	Delimiters bool // the store rolls names up by any delimiter
	Directory  bool // the store is one of directory buckets
	// Ask gets one page from the store. Names are decoded; entries are in the store's order, common prefixes among
	// them.
	Ask func(ctx context.Context, q *ListQuery) (*Listing, error)
}

// A ListQuery says what is to be listed.
type ListQuery struct {
	Prefix, Delimiter string
	// names up to and with it have been listed; where it is a common prefix, all beneath it, too
	After   string
	Version string // of After, if that hasn't been listed with all its versions
	Token   string // the store's own continuation token, in place of After
	Max     int
}

// A Listing is one page.
type Listing struct {
	Entries []ListEntry
	More    bool
	Token   string // the store's own continuation token; "": after Last, Version
	Last    string
	Version string
	Unknown []string // names, as they are shown, that could not be found out and are left out

	listed int // entries that were left out because they have been listed
}

// A ListEntry is an object, a version or a common prefix of a page.
type ListEntry struct {
	Name    string
	Common  bool
	Object  *PageObject
	Version *PageVersion
}

func (e *ListEntry) version() string {
	if e.Version == nil {
		return ""
	}
	return e.Version.VersionID
}

// PageVersion is a version of an object, or with Marker a delete marker.
type PageVersion struct {
	Marker       bool
	VersionID    string
	IsLatest     bool
	LastModified string
	ETag         string
	Size         int64 // as stored
	StorageClass string
}

// Bounds of one page: requests to the store, and names requested at a time where the proxy rolls them up.
const (
	maxRequests = 512
	maxTries    = 64 // of them, for one beginning
	maxRollUps  = 32
	fullPage    = 1000
)

var errNoProgress = errors.New("the store's listing doesn't go on")

// List returns a page.
func (l *Lister) List(ctx context.Context, q *ListQuery) (*Listing, error) {
	if q.Max <= 0 {
		return new(Listing), nil
	}
	if l.Directory {
		return l.Ask(ctx, q)
	}
	_, _, open, folded := l.Names.foldedAt(q.Prefix)
	if folded && !open {
		return new(Listing), nil // no name begins so
	}
	walk := &listing{Lister: l, left: maxRequests}
	switch {
	case q.Token != "" && !l.Names.Garbles() && !folded:
		return l.Ask(ctx, q)
	case folded, q.Delimiter != "" && q.Delimiter != "/" && (!l.Delimiters || l.Names.Garbles()):
		return walk.rollUp(ctx, q)
	}
	return walk.exact(ctx, q)
}

// listing is one call of List.
type listing struct {
	*Lister
	left int // requests to the store
}

// fetch gets one page from the store. A marker that is a common prefix stands for all that is beneath it.
func (l *listing) fetch(ctx context.Context, q ListQuery) (*Listing, error) {
	l.left--
	if q.After != "" && CommonPrefix(q.After, q.Prefix, q.Delimiter) == q.After {
		q.After, q.Version = q.After+highest, ""
	}
	q.After = l.Names.marker(q.After)
	page, err := l.Ask(ctx, &q)
	if err != nil {
		return nil, err
	}
	// The prefix is part of each name as it was asked for, however it is shown.
	if shown := l.Names.shown(q.Prefix); shown != q.Prefix {
		for i := range page.Entries {
			if rest, ok := strings.CutPrefix(page.Entries[i].Name, shown); ok {
				page.Entries[i].Name = q.Prefix + rest
			}
		}
	}
	return page, nil
}

// CommonPrefix is the common prefix of a name in a listing, "" if it has none.
func CommonPrefix(name, prefix, delimiter string) string {
	if delimiter == "" || !strings.HasPrefix(name, prefix) {
		return ""
	}
	i := strings.Index(name[len(prefix):], delimiter)
	if i < 0 {
		return ""
	}
	return name[:len(prefix)+i+len(delimiter)]
}

// ambiguousAt is the index of the first character from at on that may stand for another one; -1 if there is none.
func (l *listing) ambiguousAt(name string, at int) int {
	if !l.Names.Garbles() || len(name) < at {
		return -1
	}
	if i := strings.IndexRune(name[at:], utf8.RuneError); i >= 0 {
		return at + i
	}
	return -1
}

// exact lists as the store does, but with exact names.
func (l *listing) exact(ctx context.Context, q *ListQuery) (*Listing, error) {
	sub := *q
	if l.Names.Garbles() {
		sub.Token = ""
	}
	if sub.Version != "" {
		sub.Max = min(sub.Max+1, fullPage) // the first may be the marker's own
	}
	found := true // the marker's version, or none was named
	for range maxTries {
		page, err := l.fetch(ctx, sub)
		if err != nil {
			return nil, err
		}
		if sub.Version != "" && found && l.lostMarker(page, q) {
			found, sub.Version, sub.Max = false, "", fullPage
			continue
		}
		raw := page.Entries
		page.Entries = l.behind(raw, q, found)
		page.listed = len(raw) - len(page.Entries)
		if len(page.Entries) > 0 || !page.More {
			return l.resolve(ctx, q, page)
		}
		if len(raw) == 0 {
			return nil, errNoProgress
		}
		sub.Token, sub.After, sub.Version, sub.Max = "", raw[len(raw)-1].Name, raw[len(raw)-1].version(), fullPage
	}
	return nil, errNoProgress
}

// lostMarker reports whether a page may have no beginning because the marker's version is gone: a store that begins
// with it, not behind it, then shows nothing, or what follows the next version of this id. null is the id of many.
func (l *listing) lostMarker(page *Listing, q *ListQuery) bool {
	if len(page.Entries) == 0 {
		return !page.More
	}
	first := &page.Entries[0]
	return q.Version == nullVersion && first.Name > q.After && l.ambiguousAt(first.Name, len(q.Prefix)) < 0
}

const nullVersion = "null"

// behind drops what isn't behind the query's marker. found is false when the marker's version is gone, and all versions
// of its name came, or none.
func (l *listing) behind(entries []ListEntry, q *ListQuery, found bool) []ListEntry {
	if q.After == "" || q.Token != "" && !l.Names.Garbles() {
		return entries
	}
	if q.Version != "" && found {
		at := slices.IndexFunc(entries, func(e ListEntry) bool {
			return e.Name == q.After && e.version() == q.Version && l.ambiguousAt(e.Name, len(q.Prefix)) < 0
		})
		entries = entries[at+1:]
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e ListEntry) bool {
		switch {
		case l.ambiguousAt(e.Name, len(q.Prefix)) >= 0:
			return false
		case e.Name == q.After && q.Version != "" && !e.Common:
			return !found && !older(e.version(), q.Version)
		}
		return e.Name <= q.After
	})
}

// older reports whether a version may be older than that of a marker which is gone. Ids of some stores, ULIDs, have an
// order.
func older(id, than string) bool {
	const ulid = 26
	return len(id) != ulid || len(than) != ulid || id < than
}

// resolve returns a page of names that are sure. Names that aren't are found out by their beginnings: for each
// character that listings don't show, what begins so is asked for, in the order of names and up to where the page has a
// sure one.
func (l *listing) resolve(ctx context.Context, q *ListQuery, page *Listing) (*Listing, error) {
	if !l.Names.Garbles() {
		return page.Cut(q.Max), nil
	}
	page.Token = ""
	sure, beginnings := l.split(page.Entries, q)
	listed := 0
	for _, beginning := range beginnings {
		if n := slices.IndexFunc(sure, func(e ListEntry) bool { return e.Name > beginning }); n != 0 && len(sure) > 0 {
			if n < 0 {
				n = len(sure)
			}
			unknown := l.unknown(page.Entries, q, beginning, listed)
			return (&Listing{Entries: sure[:n], More: true, Unknown: unknown}).Cut(q.Max), nil
		}
		if l.left <= 0 {
			return &Listing{More: true, Last: beginning + highest, Unknown: []string{beginning + "…"}}, nil
		}
		sub := *q
		sub.Prefix, sub.Token = beginning, ""
		if !strings.HasPrefix(q.After, beginning) {
			sub.After, sub.Version = "", ""
		}
		found, err := l.exact(ctx, &sub)
		if err != nil {
			return nil, err
		}
		if len(found.Entries) > 0 || found.More {
			found.More = true // what follows all that begin so isn't known
			return found, nil
		}
		listed += found.listed
	}
	// What is left was deleted meanwhile, or has a name that can't be asked for, such as one that isn't UTF-8.
	page.Unknown = append(page.Unknown, l.unknown(page.Entries, q, "", listed)...)
	unknown := page.Unknown
	switch {
	case len(sure) > 0 || !page.More:
		page.Entries, page.listed = sure, page.listed+listed
		return page.Cut(q.Max), nil
	case q.Max >= fullPage:
		return nil, errNoProgress
	}
	more := *q
	more.Max = fullPage
	page, err := l.exact(ctx, &more)
	if err != nil {
		return nil, err
	}
	for _, name := range unknown {
		if !slices.Contains(page.Unknown, name) {
			page.Unknown = append(page.Unknown, name)
		}
	}
	return page.Cut(q.Max), nil
}

// unknown are the names on a page that aren't sure and that were not found by any of their beginnings, which were all
// tried if they come before until, or until is "". As many as have been listed already are known.
func (l *listing) unknown(entries []ListEntry, q *ListQuery, until string, listed int) (names []string) {
	lost := l.Names.lost()
	for i := range entries {
		name := entries[i].Name
		at := l.ambiguousAt(name, len(q.Prefix))
		if at >= 0 && (until == "" || name[:at]+string(lost[len(lost)-1]) < until) {
			names = append(names, name)
		}
	}
	if len(names) <= listed {
		return nil
	}
	return names
}

// split returns the entries whose names are sure, and what those of the others may begin with, each in order.
func (l *listing) split(entries []ListEntry, q *ListQuery) (sure []ListEntry, beginnings []string) {
	lost := l.Names.lost()
	for _, e := range entries {
		at := l.ambiguousAt(e.Name, len(q.Prefix))
		if at < 0 {
			sure = append(sure, e)
			continue
		}
		for _, r := range lost {
			beginning := e.Name[:at] + string(r)
			if q.After < beginning || strings.HasPrefix(q.After, beginning) { // otherwise all of them have been listed
				beginnings = append(beginnings, beginning)
			}
		}
	}
	slices.Sort(beginnings)
	return sure, slices.Compact(beginnings)
}

// Cut shortens a page to its first entries and says where it ends.
func (p *Listing) Cut(most int) *Listing {
	if len(p.Entries) > most {
		p.Entries, p.More, p.Token = p.Entries[:most], true, ""
	}
	if n := len(p.Entries); n > 0 {
		p.Last, p.Version = p.Entries[n-1].Name, p.Entries[n-1].version()
	}
	return p
}

// rollUp lists without the store's help with delimiters, and for a prefix that the store doesn't take.
func (l *listing) rollUp(ctx context.Context, q *ListQuery) (*Listing, error) {
	sub := ListQuery{Prefix: q.Prefix, After: q.After, Version: q.Version, Max: fullPage}
	if start, _, _, folded := l.Names.foldedAt(q.Prefix); folded {
		sub.Prefix = q.Prefix[:start]
		sub.After = max(q.After, q.Prefix)
	}
	if q.After != "" && CommonPrefix(q.After, q.Prefix, q.Delimiter) == q.After {
		sub.After, sub.Version = q.After+highest, ""
	}
	out, last := new(Listing), q.After
	for range maxRollUps {
		l.left = maxRequests
		page, err := l.exact(ctx, &sub)
		if err != nil {
			return nil, err
		}
		out.Unknown = append(out.Unknown, page.Unknown...)
		for i := range page.Entries {
			e := page.Entries[i]
			if !strings.HasPrefix(e.Name, q.Prefix) {
				if e.Name > q.Prefix {
					return out, nil
				}
				continue
			}
			if c := CommonPrefix(e.Name, q.Prefix, q.Delimiter); c != "" {
				if c == last {
					continue
				}
				e = ListEntry{Name: c, Common: true}
			}
			if len(out.Entries) == q.Max {
				out.More = true
				return out, nil
			}
			out.Entries = append(out.Entries, e)
			last = e.Name
			out.Last, out.Version = e.Name, e.version()
		}
		if !page.More {
			return out, nil
		}
		if page.Last == sub.After && page.Version == sub.Version {
			return nil, errNoProgress
		}
		sub.After, sub.Version = page.Last, page.Version
		out.Last, out.Version = page.Last, page.Version
		if c := CommonPrefix(page.Last, q.Prefix, q.Delimiter); c != "" && c == last {
			if sub.After < c+highest {
				sub.After, sub.Version = c+highest, ""
			}
			if len(out.Entries) > 0 { // otherwise what was passed over is the progress
				out.Last, out.Version = c, ""
			}
		}
		if l.left < maxRequests-2*maxRollUps && len(out.Entries) > 0 { // names had to be found out
			break
		}
	}
	out.More = true
	return out, nil
}
