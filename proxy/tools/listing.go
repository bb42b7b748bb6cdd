package tools

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// A tool's report on a bucket covers all that is in it: names are exact, listed objects exist, and the report names
// what no listing shows.

// bucketList lists a bucket of the store by exact names.
type bucketList struct {
	objects *store.Objects
	names   store.Lister
}

func (in *Installation) list(bucket string) *bucketList {
	l := &bucketList{objects: in.Store.Objects(bucket)}
	l.names.Names, l.names.Delimiters = in.Abilities.Names, in.Abilities.Delimiters
	if in.Abilities == (store.Abilities{}) {
		// The store wasn't probed: it may hold any name, and a name that may stand for another isn't taken for an object's.
		l.names.Names = store.AllNames()
		l.names.Names.Characters = 0
	}
	l.names.Ask = store.AskPage(func(ctx context.Context, query string) ([]byte, error) {
		a, err := in.Store.Do(ctx, &store.Request{Operation: "ListObjectsV2", Method: "GET", Bucket: bucket, Query: query})
		if err != nil {
			return nil, err
		}
		defer a.Close()
		if f := a.Fault("ListObjectsV2"); f != nil {
			return nil, f
		}
		return a.Bytes(maxPage)
	})
	if in.Store.Directory() {
		l.names.Ask = nil
	}
	return l
}

// countable implements pager. A store of directory buckets lists all names at once, and the walk's own listing knows
// the total as soon.
func (l *bucketList) countable() bool { return l.names.Ask != nil }

// maxPage bounds a page of 1,000 names of up to 1,024 bytes, three times that when encoded.
const maxPage = 16 << 20

// A page is a part of a bucket's list.
type page struct {
	entries []entry
	unknown []string // names in the store's listing that can't be decoded
	more    bool
	last    string // where the next page begins
}

// page lists up to most objects behind a name.
func (l *bucketList) page(ctx context.Context, prefix, after string, most int) (*page, error) {
	p := &page{last: after}
	if l.names.Ask == nil { // a store of directory buckets lists in no order, and from no name on
		more, err := l.objects.List(ctx, prefix, after, func(name, etag string, size int64, _ time.Time) {
			p.entries, p.last = append(p.entries, entry{key: name, etag: etag, size: size}), name
		})
		p.more = more
		return p, err
	}
	found, err := l.names.List(ctx, &store.ListQuery{Prefix: prefix, After: after, Max: most})
	if err != nil {
		return nil, err
	}
	for i := range found.Entries {
		e := &found.Entries[i]
		p.entries = append(p.entries, entry{key: e.Name, etag: e.Object.ETag, size: e.Object.Size})
	}
	p.unknown, p.more = found.Unknown, found.More
	if found.Last != "" {
		p.last = found.Last
	}
	if p.more && p.last == after {
		return nil, errors.New("the store's listing doesn't go on")
	}
	return p, nil
}

// samplePlaces are where the names of a sample begin, behind what the first names have in common: a bucket has its
// kinds of objects next to each other.
const samplePlaces = "0369ADGMRWZadgjmqtwz~"

// sample returns the names of up to most objects: some of the first page, and where there are more pages, some of the
// names further on.
func (l *bucketList) sample(ctx context.Context, most int) (keys, unknown []string, err error) {
	p, err := l.page(ctx, "", "", listedAtOnce)
	if err != nil {
		return nil, nil, err
	}
	if unknown = p.unknown; most <= 0 || len(p.entries) == 0 {
		return nil, unknown, nil
	}
	further := p.more && l.names.Ask != nil
	first := most
	if further {
		first = (most + 1) / 2
	}
	for i := 0; i < len(p.entries) && len(keys) < first; i += max(1, len(p.entries)/first) {
		keys = append(keys, p.entries[i].key)
	}
	if !further {
		return keys, unknown, nil
	}
	// Half of what is left is for names that begin as those of the page, half for all others.
	common := commonPrefix(p.entries[0].key, p.entries[len(p.entries)-1].key)
	for _, level := range []struct {
		prefix string
		most   int
	}{{common, (first + most + 1) / 2}, {"", most}} {
		for _, c := range samplePlaces {
			after := level.prefix + string(c)
			if after <= max(p.last, keys[len(keys)-1]) {
				continue // looked at
			}
			page, err := l.page(ctx, "", after, 1)
			if err != nil {
				return nil, nil, err
			}
			unknown = append(unknown, page.unknown...)
			if len(page.entries) == 0 || len(keys) == level.most {
				break
			}
			keys = append(keys, page.entries[0].key)
		}
	}
	return keys, unknown, nil
}

func commonPrefix(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// errListed means that the store lists an object that doesn't exist.
var errListed = errors.New("the store lists it, and answers that it doesn't exist")

// errUnknown means that a listed name is not the object's own.
var errUnknown = errors.New("the store lists it by a name that isn't its own, and its own can't be found out")

// checkGone checks whether an object that was listed and is gone is still listed: errListed if it is, otherwise
// errGone.
func (l *bucketList) checkGone(ctx context.Context, key string) error {
	p, err := l.page(ctx, key, "", 1)
	switch {
	case err != nil:
		return fmt.Errorf("check whether it is still listed: %w", err)
	case len(p.entries) > 0 && p.entries[0].key == key:
		return errListed
	}
	return errGone
}

// whileListed runs f, which is about an object of the bucket. When the object is gone, but listed, it may have been
// created again: f runs once more.
func (l *bucketList) whileListed(ctx context.Context, key string, f func() error) error {
	err := f()
	for range 2 {
		if !errors.Is(err, errGone) {
			return err
		}
		if err = l.checkGone(ctx, key); !errors.Is(err, errListed) {
			return err
		}
		err = f()
	}
	if errors.Is(err, errGone) {
		return errListed
	}
	return err
}

// An OpenUpload is an upload in progress. No listing shows its parts.
type OpenUpload struct {
	URI       string `json:"uri"`
	UploadID  string `json:"uploadId"`
	Initiated string `json:"initiated"`
}

// openUploads are those of a bucket's clients below a prefix, up to a thousand.
func (p *place) openUploads(ctx context.Context, prefix string) (open []OpenUpload, err error) {
	err = p.State.OpenUploads(ctx, p.record, prefix, "", func(u *state.OpenUpload) (past string, more bool) {
		open = append(open, OpenUpload{Target{p.facts.Name, u.Key}.URI(), u.ID, u.Initiated.UTC().Format(time.RFC3339)})
		return "", len(open) < maxLeft
	})
	if err != nil {
		return nil, fmt.Errorf("list the bucket's uploads in progress: %w", err)
	}
	return open, nil
}

// unseen is what the bucket holds, or may hold, and its listing doesn't show.
func (p *place) unseen(ctx context.Context, prefix string) (open []OpenUpload, notes []string, err error) {
	if open, err = p.openUploads(ctx, prefix); err == nil {
		notes, err = p.unlisted(ctx, p.record.StoreName)
	}
	return open, notes, err
}

// unlisted reports what a bucket of the store may hold that no listing of its objects shows.
func (in *Installation) unlisted(ctx context.Context, bucket string) (notes []string, err error) {
	listed, err := in.Store.ListsChildren(ctx, in.StateBucket)
	switch {
	case err != nil:
		notes = append(notes, fmt.Sprintf("it is unknown whether the store lists an object u/p as well as an object "+
			"u (%v): if it doesn't, such objects were not seen", err))
	case !listed:
		notes = append(notes, "the store can hold an object u/p as well as an object u, and doesn't list u/p: "+
			"such objects were not seen")
	}
	var versioning struct{ Status string }
	r := &store.Request{Operation: "GetBucketVersioning", Method: "GET", Bucket: bucket, Query: "versioning="}
	err = send(ctx, in.Store, r, &versioning)
	if f, ok := asFault(err); ok && f.Status < 500 || ok && f.Status == 501 {
		err = nil // a store without versions
	}
	if errors.Is(err, errReplaced) {
		err = nil
	}
	if err == nil && versioning.Status != "" {
		notes = append(notes, "the bucket has versions: only the newest of each key was read")
	}
	return notes, err
}

// storeUploads reports uploads of the store's own clients that are in progress. Some stores list only those of one key.
func (in *Installation) storeUploads(ctx context.Context, bucket string) (notes []string, err error) {
	var page struct {
		IsTruncated bool
		Upload      []struct{ Key string }
	}
	r := &store.Request{Operation: "ListMultipartUploads", Method: "GET", Bucket: bucket, Query: "uploads="}
	err = send(ctx, in.Store, r, &page)
	if f, ok := asFault(err); ok && f.Status < 500 || ok && f.Status == 501 {
		return nil, nil
	}
	if err != nil || len(page.Upload) == 0 {
		return nil, err
	}
	more := ""
	if page.IsTruncated {
		more = " and more"
	}
	return []string{fmt.Sprintf("%d uploads%s are in progress in the store's bucket %s: they are no objects yet",
		len(page.Upload), more, bucket)}, nil
}
