package objects

import (
	"context"

	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// Store is the store's client.
type Store interface {
	Do(ctx context.Context, r *store.Request) (*store.Answer, error)
	CreateBucket(ctx context.Context, name string, objectLock bool) error
}

// BucketKeys are the bucket keys of KMS keys.
type BucketKeys interface {
	SealPrepared(ctx context.Context, ref *keyring.Prepared) (*keyring.Use, error)
	OpenPrepared(ctx context.Context, ref *keyring.Prepared, blob []byte) (*keyring.Use, error)
	SealAfterCall(ctx context.Context, ref *keyring.Prepared) (*keyring.Use, error)
	SealFresh(ctx context.Context, ref keyring.Ref) (*keyring.Use, error)
	OpenFresh(ctx context.Context, ref keyring.Ref, blob []byte) (*keyring.Use, error)
	Describe(ctx context.Context, keyID string) (keyring.Description, error)
}

// Buckets are the bucket records.
type bucketRecords interface {
	FreshBucket(ctx context.Context, name string) (*state.Bucket, error)
}

// Uploads are the records of multipart uploads.
type Uploads interface {
	CreateUpload(ctx context.Context, u state.Upload) error
	Upload(ctx context.Context, b *state.Bucket, id string) (*state.Upload, error)
	FreshUpload(ctx context.Context, b *state.Bucket, id string) (*state.Upload, error)
	AddPart(ctx context.Context, u *state.Upload, r *crypto.PartRecord) error
	Parts(ctx context.Context, u *state.Upload, after, most int) (parts []state.Part, more bool, err error)
	EndUpload(ctx context.Context, u *state.Upload, state string, completion *state.Completion) error
	StrayUpload(ctx context.Context, b *state.Bucket, key, id string) (*state.StrayUpload, error)
	RemoveStray(ctx context.Context, u *state.StrayUpload) error
	OpenUploads(ctx context.Context, b *state.Bucket, prefix, from string,
		f func(u *state.OpenUpload) (past string, more bool)) error
}

// Claims let one operation at a time change a key in several steps, among all replicas. Complete, Abort, rename, copies
// that the store makes, updates of the encryption, and the last step of an append take one; PutObject, UploadPart,
// DeleteObject and reads don't.
//
// A claim makes races rare. What makes them harmless is the condition of the last step: If-Match with the ETag of what
// was seen under the claim. An ETag is enough, since none repeats meanwhile: bytes that pass through the proxy get an
// end of their own (transfer.go), and store-side copies, which repeat the ETag, take the destination's claim. An update
// of the encryption always repeats it (sameetag.go): it has the claim, and read what it replaces under that. Empty
// objects are the exception, since they all have one ETag: their envelope's wrap salt is compared right before the
// change, and not in the same step.
type Claims interface {
	Claim(ctx context.Context, b *state.Bucket, what string, keys ...string) (*state.Claim, error)
}

// Options are what Objects are made from. Store, Keys, Buckets, Uploads, Claims and ServiceKey are required.
type Options struct {
	Store   Store
	Keys    BucketKeys
	Buckets bucketRecords
	Uploads Uploads
	Claims  Claims

	StateBucket    string // in the store; stashed parts lie there
	Abilities      store.Abilities
	DirectoryStore bool   // the store is made of directory buckets
	CopyLimit      int64  // largest object, in stored bytes, that the store copies by one request; default 5 GiB
	MetadataHeader string // carries the envelope; lower case, begins with "x-amz-meta-"; default x-amz-meta-sealfront
	ServiceKey     string // ARN of the KMS key of SSE-S3
	PerPrincipal   bool   // each principal has its own bucket keys
	Policy         policy.Options

	Damaged func(kind string) // counts damage of a kind: envelope, trailer, segment, length, key, blob, stash
	Log     *zap.Logger
}

// Objects are the sealed objects of a store. They are safe for concurrent use.
type Objects struct {
	o       Options
	layouts *layouts
	loads   singleflight.Group // of trailers
}

// Damaged counts a damage of this kind.
func (g *Objects) Damaged(kind string) {
	if g.o.Damaged != nil {
		g.o.Damaged(kind)
	}
}

func (g *Objects) policyOptions() *policy.Options { return &g.o.Policy }
