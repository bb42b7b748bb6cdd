package objects

import (
	"context"
	"slices"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// AddOpenPrefixes adds to a directory bucket's page the common prefixes that exist through uploads in progress alone.
// Source: row 6.5 of the behaviour reference. They are those between where the page begins and where it ends.
func (x *Object) AddOpenPrefixes(ctx context.Context, page *store.Listing, q *store.ListQuery) error {
	if x.Facts.Kind != policy.Directory || q.Delimiter == "" || q.Max == 0 || q.Token != "" || x.Objects.o.DirectoryStore {
		return nil // a store of directory buckets does so itself
	}
	// What was added has a place among names only: from now on pages go on from those.
	page.Token = ""
	var add []string
	err := x.Objects.o.Uploads.OpenUploads(ctx, x.Record, q.Prefix, q.After,
		func(u *state.OpenUpload) (past string, more bool) {
			prefix := store.CommonPrefix(u.Key, q.Prefix, q.Delimiter)
			if page.More && prefix > page.Last || page.More && u.Key > page.Last && prefix == "" {
				return "", false
			}
			if prefix > q.After {
				add = append(add, prefix)
			}
			return prefix, len(add) <= q.Max
		})
	if err != nil {
		return RecordError(err)
	}
	for _, prefix := range add {
		at, found := slices.BinarySearchFunc(page.Entries, prefix, func(e store.ListEntry, name string) int {
			return strings.Compare(e.Name, name)
		})
		if !found {
			page.Entries = slices.Insert(page.Entries, at, store.ListEntry{Name: prefix, Common: true})
		}
	}
	page.Cut(q.Max)
	return nil
}
