package objects

import (
	"context"
	"strconv"

	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// ListVersionsPage requests one page of versions from the store.
func (x *Object) ListVersionsPage(ctx context.Context, q *store.ListQuery) (*store.Listing, error) {
	query := "encoding-type=url"
	for _, p := range [...]s3.Parameter{
		{Name: "prefix", Value: q.Prefix},
		{Name: "delimiter", Value: q.Delimiter},
		{Name: "key-marker", Value: q.After},
		{Name: "version-id-marker", Value: q.Version},
	} {
		if p.Value != "" {
			query = store.AppendQuery(query, p.Name, p.Value)
		}
	}
	query = store.AppendQuery(store.AppendQuery(query, "max-keys", strconv.Itoa(q.Max)), "versions", "")
	var page storeVersions
	if err := x.listStore(ctx, "ListObjectVersions", query, &page); err != nil {
		return nil, err
	}
	return page.listing()
}
