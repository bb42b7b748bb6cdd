package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// listedObject is one object of a listing.
type listedObject struct {
	Key          string
	ETag         string
	Size         int64
	LastModified time.Time
}

// List calls f for up to 1,000 objects after the name start that begin with prefix, in the store's order, and
// reports whether more follow. A store of directory buckets lists in no order and from no name on, and takes no prefix
// that doesn't end with a slash, so there all objects below the prefix's last slash are read, and those that begin with
// it are put in order and given in one go.
func (o *Objects) List(ctx context.Context, prefix, start string,
	f func(name, etag string, size int64, modified time.Time),
) (more bool, err error) {
	if o.client.directory {
		return false, o.listAll(ctx, prefix, start, f)
	}
	query := AppendQuery(listQuery, "prefix", prefix)
	if start != "" {
		query = AppendQuery(query, "start-after", start)
	}
	page, next, err := o.listPage(ctx, query)
	if err != nil {
		return false, err
	}
	for _, c := range page {
		f(c.Key, c.ETag, c.Size, c.LastModified)
	}
	return next.truncated, nil
}

// errListing is a listing that can't be read, such as one with characters that XML doesn't allow.
var errListing = errors.New("read the store's listing")

const listQuery = "encoding-type=url&list-type=2"

func (o *Objects) listAll(ctx context.Context, prefix, start string,
	f func(name, etag string, size int64, modified time.Time),
) error {
	var all []listedObject
	folder := prefix[:strings.LastIndexByte(prefix, '/')+1]
	for query := AppendQuery(listQuery, "prefix", folder); ; {
		page, next, err := o.listPage(ctx, query)
		if err != nil {
			return err
		}
		for _, c := range page {
			if c.Key > start && strings.HasPrefix(c.Key, prefix) {
				all = append(all, c)
			}
		}
		if !next.truncated {
			break
		}
		if next.token == "" {
			return errors.New("the store truncated a listing without a continuation token")
		}
		query = AppendQuery(AppendQuery(listQuery, "prefix", folder), "continuation-token", next.token)
	}
	slices.SortFunc(all, func(a, b listedObject) int { return strings.Compare(a.Key, b.Key) })
	for _, c := range all {
		f(c.Key, c.ETag, c.Size, c.LastModified)
	}
	return nil
}

// continuation says how a listing continues.
type continuation struct {
	truncated bool
	token     string
}

func (o *Objects) listPage(ctx context.Context, query string) ([]listedObject, continuation, error) {
	a, err := o.do(ctx, &Request{Operation: "ListObjectsV2", Method: "GET", Query: query})
	if err != nil {
		return nil, continuation{}, err
	}
	defer a.Close()
	body, err := a.Bytes(maxObject)
	if err != nil {
		return nil, continuation{}, err
	}
	page, err := ParsePage(body)
	if err != nil {
		return nil, continuation{}, fmt.Errorf("%w: %w", errListing, err)
	}
	list := make([]listedObject, len(page.Contents))
	for i, o := range page.Contents {
		modified, err := time.Parse(time.RFC3339, o.LastModified)
		if err == nil && page.EncodingType == "url" {
			o.Key, err = url.QueryUnescape(o.Key)
		}
		if err != nil {
			return nil, continuation{}, fmt.Errorf("read the store's listing: %w", err)
		}
		list[i] = listedObject{o.Key, o.ETag, o.Size, modified}
	}
	return list, continuation{page.IsTruncated, page.NextContinuationToken}, nil
}
