package gateway

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// maxListing bounds the store's page of 1,000 keys of up to 1,024 bytes, three times that when encoded.
const maxListing = 16 << 20

type listingError string

func (e listingError) Error() string { return string(e) }

const errNoToken = listingError("the store cut a listing off without a token to go on")

// lister lists the bucket truly.
func (x *object) lister() *store.Lister {
	a := &x.in.o.Abilities
	return &store.Lister{Names: a.Names, Delimiters: a.Delimiters, Directory: x.in.o.DirectoryStore}
}

// listPage asks the store for a page of objects.
func (x *object) listPage(q *store.ListQuery) (*store.Listing, error) {
	l := x.lister()
	l.Ask = store.AskPage(func(_ context.Context, query string) ([]byte, error) { return x.listing("ListObjectsV2", query) })
	return x.page(l, q)
}

// page is a page of l. What had to be left out of it is logged: no client can see it.
func (x *object) page(l *store.Lister, q *store.ListQuery) (*store.Listing, error) {
	page, err := l.List(x.context, q)
	if err != nil {
		return nil, x.listingError(err)
	}
	if len(page.Unknown) > 0 {
		x.in.o.Log.Warn("the store lists names that can't be found out; they are left out of a listing", zap.String("bucket", x.bucket), zap.Strings("shown", page.Unknown[:min(len(page.Unknown), 10)]))
	}
	return page, nil
}

// listingError keeps answers for the client, and makes all else the store's fault.
func (x *object) listingError(err error) error {
	var told *s3.Error
	if errors.As(err, &told) || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return s3.Internal(err)
}

// listStore asks the store for a page of something else.
func (x *object) listStore(operation, query string, page any) error {
	body, err := x.listing(operation, query)
	if err != nil {
		return err
	}
	if err := xmldoc.Unmarshal(body, page); err != nil {
		return s3.Internal(err)
	}
	return nil
}

// listing is the store's answer to a listing.
func (x *object) listing(operation, query string) ([]byte, error) {
	a, err := x.in.o.Store.Do(x.context, &store.Request{Operation: operation, Method: "GET", Bucket: x.record.StoreName, Query: query})
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(operation); f != nil {
		return nil, storeError(f, x.bucket, "")
	}
	body, err := a.Bytes(maxListing)
	if err != nil {
		return nil, s3.Unavailable(err)
	}
	return body, nil
}

// listedSize is the plaintext length of an object of this stored size. That of one that was not sealed here stays as it is.
func listedSize(stored int64) int64 {
	if plain, ok := crypto.PlainLength(stored); ok {
		return plain
	}
	return stored
}

// maxDocument bounds the XML bodies of bucket operations, in bytes.
const maxDocument = 64 << 10
