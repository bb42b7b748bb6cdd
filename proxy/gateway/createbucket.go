package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// createBucket carries out CreateBucket: the record first, then the store's bucket.
func createBucket(x *exchange) error {
	g := x.g
	name, refused := policy.ParseBucketName(x.Bucket)
	if refused != nil {
		return refused
	}
	if g.access.Hidden(x.Bucket) {
		return bucketExists(x.Bucket)
	}
	if name.Kind == policy.Directory && len(g.o.Zones) > 0 && !slices.Contains(g.o.Zones, name.Zone) {
		return s3.Refuse("InvalidBucketName", "The zone in the bucket name is not served here.", "BucketName", x.Bucket)
	}
	if g.o.DirectoryStore && name.Kind != policy.Directory {
		return s3.Refuse("InvalidBucketName",
			"The store behind this service has directory buckets only: the name must have the form base-name--zone-id--x-s3.",
			"BucketName", x.Bucket)
	}
	storeName := g.o.BucketPrefix + x.Bucket
	if len(storeName) > 63 {
		return s3.Refuse("InvalidBucketName",
			"With the prefix that the store's buckets have, the name is longer than 63 characters.", "BucketName", x.Bucket)
	}
	document, err := x.readDocument(objects.MaxDocument)
	if err != nil {
		return err
	}
	if x.grant.Value("x-amz-bucket-namespace") == "account-regional" &&
		!strings.HasSuffix(x.Bucket, "-"+g.o.Account+"-"+g.o.Region+"-an") {
		return s3.Refuse("InvalidBucketName",
			"The name of a bucket in your account regional namespace must end in -"+g.o.Account+"-"+g.o.Region+"-an.",
			"BucketName", x.Bucket)
	}
	configuration, refused := policy.ParseCreateBucketConfiguration(document, name, g.o.Region)
	if refused != nil {
		return refused
	}
	if err := x.grant.MayTag(configuration.Tags); err != nil {
		return err
	}
	lock := name.Kind == policy.General && strings.EqualFold(x.grant.Value("x-amz-bucket-object-lock-enabled"), "true")
	_, err = g.o.Buckets.CreateBucket(x.context, state.Bucket{
		Name: x.Bucket, Directory: name.Kind == policy.Directory, ARN: policy.BucketARN(x.Bucket, g.o.Region, g.o.Account),
		Account: g.o.Account, Region: g.o.Region, Zone: name.Zone, LocalZone: configuration.LocalZone,
		Tags: state.Tags(configuration.Tags), StoreName: storeName, Creator: x.grant.Identity.Name,
	}, func(ctx context.Context) error { return g.makeStoreBucket(ctx, x.Bucket, storeName, lock) })
	switch {
	case errors.Is(err, state.ErrBucketExists):
		return s3.Refuse("BucketAlreadyOwnedByYou",
			"Your previous request to create the named bucket succeeded and you already own it.", "BucketName", x.Bucket)
	case err != nil:
		return err
	}
	h := &x.ctx.Response.Header
	h.Set("Location", "/"+x.Bucket)
	if name.Kind == policy.Directory {
		h.Set("x-amz-bucket-arn", policy.BucketARN(x.Bucket, g.o.Region, g.o.Account))
	}
	return nil
}

func bucketExists(bucket string) error {
	return s3.Refuse("BucketAlreadyExists",
		"The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please "+
			"select a different name and try again.", "BucketName", bucket)
}

// makeStoreBucket makes the store's bucket. An existing one is used only when it is empty: an earlier attempt has left
// it then. Objects in it would be unsealed objects of some other owner.
func (g *services) makeStoreBucket(ctx context.Context, bucket, storeName string, objectLock bool) error {
	err := g.o.Store.CreateBucket(ctx, storeName, objectLock)
	switch {
	case err == nil && objectLock:
		return g.mustLock(ctx, storeName)
	case !errors.Is(err, store.ErrExists):
		return err
	}
	a, err := g.o.Store.Do(ctx,
		&store.Request{Operation: "ListObjectsV2", Method: "GET", Bucket: storeName, Query: "list-type=2&max-keys=1"})
	if err != nil {
		return err
	}
	defer a.Close()
	if a.Fault("ListObjectsV2") != nil {
		return bucketExists(bucket) // another owner's
	}
	body, err := a.Bytes(objects.MaxListing)
	if err != nil {
		return s3.Unavailable(err)
	}
	page, err := store.ParsePage(body)
	if err != nil {
		return s3.Internal(err)
	}
	if len(page.Contents) > 0 || len(page.CommonPrefixes) > 0 {
		return bucketExists(bucket)
	}
	if objectLock {
		return g.mustLock(ctx, storeName)
	}
	return nil
}

// mustLock refuses a store's bucket that was created with Object Lock and doesn't have it: a store may ignore the
// header.
func (g *services) mustLock(ctx context.Context, storeName string) error {
	a, err := g.o.Store.Do(ctx,
		&store.Request{Operation: "GetObjectLockConfiguration", Method: "GET", Bucket: storeName, Query: "object-lock="})
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault("GetObjectLockConfiguration"); f != nil {
		return s3.Refuse("NotImplemented", "The store behind this service has no Object Lock", "Header",
			"x-amz-bucket-object-lock-enabled").Because(f)
	}
	return nil
}
