package tools

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"sealfront/proxy/attestation"
	"sealfront/proxy/store"
)

// What the listings said of an entry of the second pass, as its shown has it.
const (
	_             = iota // both show it
	shownBySecond        // and not the first
	shownByFirst         // and not the second
	shownMarker          // a delete marker
)

// secondPage is how many names the second listing by ListObjectsV2 requests at a time: pages end elsewhere than those
// of the first, so that what gets lost between pages is seen.
const secondPage = 613

// A secondListing compares another listing of a bucket with the rows of the first: by ListObjectVersions where the
// store has it, otherwise by ListObjectsV2 with other pages. Its entries are the names that only one of them shows,
// older versions and delete markers.
type secondListing struct {
	a        *attest
	versions *store.Lister // nil: the store has none
	first    *listedRows
	after    store.ListQuery
	plain    string // the last name of a listing without versions
	over     bool
}

// compareListings lists a second time, and looks at what that shows beyond the first.
func (a *attest) compareListings(ctx context.Context) error {
	file, err := a.list.read()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	s := &secondListing{a: a, after: store.ListQuery{Prefix: a.t.Key, Max: listedAtOnce}}
	if s.first, err = newListedRows(file); err != nil {
		return err
	}
	if s.versions, err = a.versionLister(ctx); err != nil {
		return fmt.Errorf("list the versions of the store's bucket: %w", err)
	}
	a.withVersions = s.versions != nil
	return a.pass(ctx, "second listing", s, a.lookAgain)
}

// versionLister lists versions; nil where the store doesn't.
func (a *attest) versionLister(ctx context.Context) (*store.Lister, error) {
	if a.in.Store.Directory() {
		return nil, nil
	}
	bucket := a.object("")
	l := &store.Lister{Names: a.listed.names.Names, Delimiters: a.listed.names.Delimiters, Ask: bucket.ListVersionsPage}
	_, err := l.List(ctx, &store.ListQuery{Prefix: a.t.Key, Max: 1})
	err = causeOf(err)
	if f := unsupported(err); f != nil {
		a.notes = append(a.notes, fmt.Sprintf("the store doesn't list versions of objects (%v): if it has older ones, they "+
			"were not seen", f))
		return nil, nil
	}
	return l, err
}

// unsupported is the store's refusal of a request that it doesn't know; nil for other errors. One that it doesn't
// permit is no such refusal: what isn't seen for that is never taken for not being there.
func unsupported(err error) *store.Fault {
	f, ok := asFault(err)
	if !ok || !notSupported(err) || f.Status == http.StatusForbidden || f.Status == http.StatusUnauthorized {
		return nil
	}
	return f
}

// countable implements pager.
func (s *secondListing) countable() bool { return false }

// page implements pager. It goes on where it was, whatever after is.
func (s *secondListing) page(ctx context.Context, _, _ string, _ int) (*page, error) {
	p := new(page)
	var err error
	if s.versions != nil {
		err = s.versionsPage(ctx, p)
	} else {
		err = s.plainPage(ctx, p)
	}
	if err == nil && s.over {
		err = s.rest(p)
	}
	p.more = !s.over
	return p, err
}

func (s *secondListing) versionsPage(ctx context.Context, p *page) error {
	found, err := s.versions.List(ctx, &s.after)
	if err != nil {
		return causeOf(err)
	}
	for i := range found.Entries {
		e := &found.Entries[i]
		v := e.Version
		switch {
		case v == nil:
		case v.Marker:
			p.entries = append(p.entries, entry{key: e.Name, version: v.VersionID, shown: shownMarker})
		case v.IsLatest:
			if err := s.compare(p, entry{key: e.Name, etag: v.ETag, size: v.Size}); err != nil {
				return err
			}
		default:
			p.entries = append(p.entries, entry{key: e.Name, etag: v.ETag, size: v.Size, version: v.VersionID})
		}
	}
	if found.More && found.Last == s.after.After && found.Version == s.after.Version {
		return errors.New("the store's listing of versions doesn't go on")
	}
	s.after.After, s.after.Version, s.over = found.Last, found.Version, !found.More
	return nil
}

func (s *secondListing) plainPage(ctx context.Context, p *page) error {
	found, err := s.a.listed.page(ctx, s.after.Prefix, s.plain, secondPage)
	if err != nil {
		return err
	}
	for _, e := range found.entries {
		if err := s.compare(p, e); err != nil {
			return err
		}
	}
	s.plain, s.over = found.last, !found.more
	return nil
}

// compare moves the first listing on to a name that the second one shows.
func (s *secondListing) compare(p *page, e entry) error {
	for s.first.row != nil && s.first.row.Key < e.key {
		if err := s.missed(p); err != nil {
			return err
		}
	}
	if s.first.row != nil && s.first.row.Key == e.key {
		return s.first.next()
	}
	e.shown = shownBySecond
	p.entries = append(p.entries, e)
	return nil
}

// rest are the names that come after all of the second listing.
func (s *secondListing) rest(p *page) error {
	for s.first.row != nil {
		if err := s.missed(p); err != nil {
			return err
		}
	}
	return nil
}

// missed notes a name of the first listing that the second doesn't show.
func (s *secondListing) missed(p *page) error {
	if row := s.first.row; !row.Gone {
		p.entries = append(p.entries, entry{key: row.Key, etag: row.ETag, size: row.Stored, shown: shownByFirst})
	}
	return s.first.next()
}

// lookAgain looks at an entry of the second listing.
func (a *attest) lookAgain(ctx context.Context, w *walk, e entry) (bool, error) {
	switch e.shown {
	case shownMarker:
		return a.keep(w, &attestation.Row{Seen: attestation.Marker, Key: e.key, Version: e.version}, nil)
	case shownByFirst:
		return a.lookForMissed(ctx, w, e)
	case shownBySecond:
		row, err := a.look(ctx, e, attestation.Second, a.o.Full)
		if err != nil || row.Gone {
			return false, err
		}
		if row.Later = a.madeMeanwhile(row); !row.Later {
			a.found(row, attestation.Unlisted, "%s shows it, and %s left it out", a.secondName(), firstListing)
		}
		return a.keep(w, row, nil)
	}
	return a.keepOf(w)(a.look(ctx, e, attestation.Older, a.o.Full))
}

func (a *attest) keepOf(w *walk) func(*attestation.Row, error) (bool, error) {
	return func(row *attestation.Row, err error) (bool, error) { return a.keep(w, row, err) }
}

// lookForMissed finds out why the second listing doesn't show an object: it was deleted or replaced meanwhile, or the
// listing is wrong.
func (a *attest) lookForMissed(ctx context.Context, w *walk, e entry) (bool, error) {
	x := a.object(e.key)
	answer, err := do(ctx, a.in.Store, x.NewRequest("HeadObject", "HEAD"))
	if errors.Is(err, errGone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for an object that only one listing shows: %w", err)
	}
	defer answer.Close()
	modified := lastModified(answer)
	row := &attestation.Row{Seen: attestation.Named, Key: e.key, Modified: &modified}
	if a.madeMeanwhile(row) {
		return false, nil
	}
	a.found(row, attestation.Unlisted, "%s shows it, and %s left it out", firstListing, a.secondName())
	return a.keep(w, row, nil)
}

// madeMeanwhile reports whether an object was written since the scan began, by the store's word.
func (a *attest) madeMeanwhile(row *attestation.Row) bool {
	return row.Modified != nil && row.Modified.After(a.began.Add(a.ahead-a.o.Slack))
}

const firstListing = "ListObjectsV2, in pages of 1000,"

func (a *attest) secondName() string {
	if a.withVersions {
		return "ListObjectVersions"
	}
	return fmt.Sprintf("ListObjectsV2, in pages of %d,", secondPage)
}

// listings are those that were compared.
func (a *attest) listings() []string { return []string{firstListing, a.secondName()} }
