package gateway

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// readDocument reads a small body and checks it like an object's.
func (x *exchange) readDocument(limit int64) ([]byte, error) {
	if x.grant.Bytes("content-length") == nil && !x.grant.Auth.Payload.Chunked() {
		return nil, nil
	}
	body, err := x.newDocument(limit)
	if err != nil {
		return nil, err
	}
	body.Start()
	document := make([]byte, body.length)
	if err := body.Fill(document); err != nil {
		return nil, err
	}
	_, err = body.Finish()
	return document, err
}

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

// makeStoreBucket makes the store's bucket. One that is there already is taken only when it is empty: it is then what
// an earlier attempt left, while objects in it would be somebody's that were never sealed.
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
		return bucketExists(bucket) // somebody else's
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

// mustLock refuses to go on with a store's bucket that was to have Object Lock and doesn't: a store may ignore the
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

// deleteBucket carries out DeleteBucket. The store knows whether its bucket is empty, the records whether uploads are
// in progress: they keep a directory bucket, while they end with one of general purpose, whose records the janitor
// removes.
func deleteBucket(x *exchange) error {
	inProgress := false
	if x.Record.Directory {
		if err := x.g.o.Uploads.Uploads(x.context, x.Record,
			func(*state.Upload) bool { inProgress = true; return false }); err != nil {
			return objects.RecordError(err)
		}
	}
	if inProgress {
		return s3.Refuse("BucketNotEmpty", "The bucket you tried to delete has multipart uploads in progress", "BucketName",
			x.Bucket)
	}
	err := x.g.o.Buckets.DeleteBucket(x.context, x.Bucket, func(ctx context.Context, b *state.Bucket) error {
		a, err := x.g.o.Store.Do(ctx, &store.Request{Operation: "DeleteBucket", Method: "DELETE", Bucket: b.StoreName})
		if err != nil {
			return err
		}
		defer a.Close()
		if f := a.Fault("DeleteBucket"); f != nil && f.Status != http.StatusNotFound {
			return objects.StoreError(f, x.Bucket, "")
		}
		return nil
	})
	if errors.Is(err, state.ErrNoBucket) {
		return s3.NoSuchBucket(x.Bucket)
	}
	if err != nil {
		return err
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}

// headBucket carries out HeadBucket from the record.
func headBucket(x *exchange) error {
	h := &x.ctx.Response.Header
	h.Set("x-amz-bucket-region", x.Record.Region)
	if x.Record.Directory {
		h.Set("x-amz-bucket-arn", x.Record.ARN)
		h.Set("x-amz-bucket-location-name", x.Record.Zone)
		kind := "AvailabilityZone"
		if x.Record.LocalZone {
			kind = "LocalZone"
		}
		h.Set("x-amz-bucket-location-type", kind)
	}
	h.Set("x-amz-access-point-alias", "false")
	x.ctx.Response.SkipBody = true
	return nil
}

type encryptionRule struct {
	ApplyServerSideEncryptionByDefault struct {
		SSEAlgorithm   string
		KMSMasterKeyID string `xml:",omitempty"`
	}
	BucketKeyEnabled       bool
	BlockedEncryptionTypes *blockedTypes `xml:",omitempty"`
}

type blockedTypes struct{ EncryptionType string }

// getBucketEncryption carries out GetBucketEncryption: rows GBE-1 and GBE-2. It reads the record anew: who asks wants
// to know what holds now.
func getBucketEncryption(x *exchange) error {
	record, err := x.grant.FreshRecord(x.context)
	if err != nil {
		return err
	}
	if record == nil {
		return s3.NoSuchBucket(x.Bucket)
	}
	facts := x.g.access.FactsOf(record)
	rule := policy.EncryptionConfiguration(&facts, x.g.access.Options())
	out := struct {
		XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
		Xmlns   string   `xml:"xmlns,attr"`
		Rule    encryptionRule
	}{Xmlns: s3.Namespace}
	out.Rule.ApplyServerSideEncryptionByDefault.SSEAlgorithm = rule.Algorithm
	out.Rule.ApplyServerSideEncryptionByDefault.KMSMasterKeyID = rule.KeyID
	out.Rule.BucketKeyEnabled = rule.BucketKey
	if !record.Directory {
		out.Rule.BlockedEncryptionTypes = &blockedTypes{"SSE-C"} // it isn't served: rows PBE-21 and H-13
	}
	return x.answerXML(&out)
}

// putBucketEncryption carries out PutBucketEncryption: rows PBE-1 to PBE-22. The key is described and tried, without
// a trace in the bucket key cache, before the record changes by compare and swap.
func putBucketEncryption(x *exchange) error {
	document, err := x.readDocument(objects.MaxDocument)
	if err != nil {
		return err
	}
	rule, refused := policy.ParseEncryptionConfiguration(document)
	if refused != nil {
		return refused
	}
	record, err := x.grant.FreshRecord(x.context)
	if err != nil {
		return err
	}
	if record == nil {
		return s3.NoSuchBucket(x.Bucket)
	}
	x.setRecord(record)
	options := x.g.access.Options()
	keyID, refused := policy.KeyToDescribe(&x.Facts, rule, options)
	if refused != nil {
		return refused
	}
	var facts *policy.KeyFacts
	if keyID != "" {
		if facts, err = x.tryKey(keyID); err != nil {
			return err
		}
	}
	_, err = x.g.o.Buckets.UpdateBucket(x.context, x.Bucket, func(b *state.Bucket) error {
		now := x.g.access.FactsOf(b)
		after, _, refused := policy.DecideBucketEncryption(&now, rule, facts, options)
		if refused != nil {
			return refused
		}
		setEncryption(b, &after)
		return nil
	})
	return x.updateError(err)
}

// tryKey asks KMS about a key and, when it looks right, makes it wrap and unwrap once.
func (x *exchange) tryKey(keyID string) (*policy.KeyFacts, error) {
	named := keyID
	if arn, ok := policy.KeyARN(&x.Facts, keyID); ok {
		named = arn
	}
	failed := func(err error) (*policy.KeyFacts, error) {
		var coded interface {
			ErrorCode() string
			ErrorMessage() string
		}
		if !errors.As(err, &coded) {
			return nil, err
		}
		return &policy.KeyFacts{ARN: named, Error: coded.ErrorCode(), Message: coded.ErrorMessage()}, nil
	}
	// What KMS knows of a key is told to those who may use it.
	if arn, ok := policy.KeyARN(&x.Facts, keyID); ok && !x.grant.MayUse(arn) {
		return &policy.KeyFacts{ARN: arn, Denied: true}, nil
	}
	d, err := x.g.o.Keys.Describe(x.context, keyID)
	if err != nil {
		return failed(fmt.Errorf("describe the KMS key %s: %w", keyID, err))
	}
	facts := &policy.KeyFacts{ARN: d.ARN, State: d.State, Manager: d.Manager, Spec: d.Spec, Usage: d.Usage}
	facts.Denied = !x.grant.MayUse(d.ARN)
	if facts.Denied || d.Manager == "AWS" || d.State != "" && d.State != "Enabled" ||
		d.Usage != "" && d.Usage != "ENCRYPT_DECRYPT" || d.Spec != "" && d.Spec != "SYMMETRIC_DEFAULT" {
		return facts, nil // the decision refuses it; KMS needn't be asked
	}
	if err := x.Object.TryKey(x.context, d.ARN); err != nil {
		return failed(fmt.Errorf("try the KMS key %s: %w", keyID, err))
	}
	return facts, nil
}

func setEncryption(b *state.Bucket, after *policy.Bucket) {
	b.DefaultKMS = after.Default.SSE == policy.SSEKMS
	b.DefaultKey, b.BucketKey = after.Default.KeyARN, after.Default.BucketKey
	b.KeyAsGiven, b.BoundKey, b.Configured = after.KeyAsGiven, after.BoundKey, after.Configured
}

func (x *exchange) updateError(err error) error {
	switch {
	case errors.Is(err, state.ErrNoBucket):
		return s3.NoSuchBucket(x.Bucket)
	case errors.Is(err, state.ErrRecord):
		return objects.RecordError(err)
	}
	return err
}

// deleteBucketEncryption carries out DeleteBucketEncryption: row DBE-1.
func deleteBucketEncryption(x *exchange) error {
	_, err := x.g.o.Buckets.UpdateBucket(x.context, x.Bucket, func(b *state.Bucket) error {
		now := x.g.access.FactsOf(b)
		after := policy.DecideDeleteBucketEncryption(&now)
		setEncryption(b, &after)
		return nil
	})
	if err != nil {
		return x.updateError(err)
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}
