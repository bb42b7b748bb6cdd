package objects

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

type listingError string

func (e listingError) Error() string { return string(e) }

const ErrNoToken = listingError("the store cut a listing off without a token to go on")

// Lister lists the bucket truly.
func (x *Object) Lister() *store.Lister {
	a := &x.Objects.o.Abilities
	return &store.Lister{Names: a.Names, Delimiters: a.Delimiters, Directory: x.Objects.o.DirectoryStore}
}

// ListPage asks the store for a page of objects.
func (x *Object) ListPage(ctx context.Context, q *store.ListQuery) (*store.Listing, error) {
	l := x.Lister()
	l.Ask = store.AskPage(func(ctx context.Context, query string) ([]byte, error) {
		return x.listing(ctx, "ListObjectsV2",
			query)
	})
	return x.Page(ctx, l, q)
}

// Page is a page of l. What had to be left out of it is logged: no client can see it.
func (x *Object) Page(ctx context.Context, l *store.Lister, q *store.ListQuery) (*store.Listing, error) {
	page, err := l.List(ctx, q)
	if err != nil {
		return nil, x.listingError(err)
	}
	if len(page.Unknown) > 0 {
		x.Objects.o.Log.Warn("the store lists names that can't be found out; they are left out of a listing",
			zap.String("bucket", x.Bucket), zap.Strings("shown", page.Unknown[:min(len(page.Unknown), 10)]))
	}
	return page, nil
}

// listingError keeps answers for the client, and makes all else the store's fault.
func (x *Object) listingError(err error) error {
	var told *s3.Error
	if errors.As(err, &told) || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return s3.Internal(err)
}

// listStore asks the store for a page of something else.
func (x *Object) listStore(ctx context.Context, operation, query string, page any) error {
	body, err := x.listing(ctx, operation, query)
	if err != nil {
		return err
	}
	if err := xmldoc.Unmarshal(body, page); err != nil {
		return s3.Internal(err)
	}
	return nil
}

// listing is the store's answer to a listing.
func (x *Object) listing(ctx context.Context, operation, query string) ([]byte, error) {
	a, err := x.Objects.o.Store.Do(ctx,
		&store.Request{Operation: operation, Method: "GET", Bucket: x.Record.StoreName, Query: query})
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(operation); f != nil {
		return nil, StoreError(f, x.Bucket, "")
	}
	body, err := a.Bytes(MaxListing)
	if err != nil {
		return nil, s3.Unavailable(err)
	}
	return body, nil
}

// ListedSize is the plaintext length of an object of this stored size. That of one that was not sealed here stays as it
// is.
func ListedSize(stored int64) int64 {
	if plain, ok := crypto.PlainLength(stored); ok {
		return plain
	}
	return stored
}
