package store

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// AskPage returns a Lister's Ask that lists objects by ListObjectsV2. do sends the query to the bucket and returns the
// answer's body.
func AskPage(do func(context.Context, string) ([]byte, error)) func(context.Context, *ListQuery) (*Listing, error) {
	return func(ctx context.Context, q *ListQuery) (*Listing, error) {
		query := listQuery
		place := [2]string{"start-after", q.After}
		if q.Token != "" {
			place = [2]string{"continuation-token", q.Token}
		}
		for _, p := range [...][2]string{{"prefix", q.Prefix}, {"delimiter", q.Delimiter}, place} {
			if p[1] != "" {
				query = AppendQuery(query, p[0], p[1])
			}
		}
		body, err := do(ctx, AppendQuery(query, "max-keys", strconv.Itoa(q.Max)))
		if err != nil {
			return nil, err
		}
		page, err := ParsePage(body)
		if err != nil {
			return nil, fmt.Errorf("read the store's listing: %w", err)
		}
		return page.listing()
	}
}

// listing is a page with its names decoded and in order.
func (p *Page) listing() (*Listing, error) {
	out := &Listing{More: p.IsTruncated, Token: p.NextContinuationToken}
	out.Entries = make([]ListEntry, 0, len(p.Contents)+len(p.CommonPrefixes))
	for i := range p.Contents {
		name, err := p.decode(p.Contents[i].Key)
		if err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, ListEntry{Name: name, Object: &p.Contents[i]})
	}
	for i := range p.CommonPrefixes {
		name, err := p.decode(p.CommonPrefixes[i].Prefix)
		if err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, ListEntry{Name: name, Common: true})
	}
	if len(p.CommonPrefixes) > 0 && len(p.Contents) > 0 {
		slices.SortStableFunc(out.Entries, func(a, b ListEntry) int { return strings.Compare(a.Name, b.Name) })
	}
	if n := len(out.Entries); n > 0 {
		out.Last = out.Entries[n-1].Name
	}
	return out, nil
}

func (p *Page) decode(name string) (string, error) {
	if p.EncodingType != "url" || strings.IndexByte(name, '%') < 0 && strings.IndexByte(name, '+') < 0 {
		return name, nil
	}
	plain, err := url.QueryUnescape(name)
	if err != nil {
		return "", fmt.Errorf("read the store's listing: %w", err)
	}
	return plain, nil
}
