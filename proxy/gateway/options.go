package gateway

import (
	"context"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/objects"
	"sealfront/proxy/session"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// Buckets are the bucket records.
type Buckets interface {
	Bucket(ctx context.Context, name string) (*state.Bucket, error)
	RecentBucket(ctx context.Context, name string) (*state.Bucket, error)
	FreshBucket(ctx context.Context, name string) (*state.Bucket, error)
	CreateBucket(ctx context.Context, b state.Bucket, makeBucket func(context.Context) error) (*state.Bucket, error)
	UpdateBucket(ctx context.Context, name string, change func(*state.Bucket) error) (*state.Bucket, error)
	DeleteBucket(ctx context.Context, name string, remove func(context.Context, *state.Bucket) error) error
	ListBuckets(ctx context.Context, prefix, start string, f func(*state.ListedBucket) bool) error
}

// Renames are the tokens of RenameObject.
type Renames interface {
	Rename(ctx context.Context, b *state.Bucket, principal, token string) (*state.Rename, error)
	KeepRename(ctx context.Context, b *state.Bucket, principal, token string, r *state.Rename) error
}

// Options are what a Gateway is made from. Store, Keys, Buckets, Uploads, Renames, Claims, Sessions, Region, Account
// and ServiceKey are required.
type Options struct {
	Store    objects.Store
	Keys     objects.BucketKeys
	Buckets  Buckets
	Uploads  objects.Uploads
	Renames  Renames
	Claims   objects.Claims
	Sessions session.Keys
	// Ended returns how often the sessions of a role were ended; see access.Options.
	Ended func(ctx context.Context, role string, issuing bool) (times uint64, err error)

	Region       string
	Account      string
	Zones        []string // allowed zone ids; empty: any
	Domains      []string // virtual-host style: bucket.domain
	ServiceKey   string   // ARN of the KMS key of SSE-S3, and of SSE-KMS without a key in general purpose buckets
	DefaultKMS   bool     // general purpose buckets without a configuration have SSE-KMS, not SSE-S3
	AllowedKeys  []string // patterns of KMS keys that general purpose buckets may use
	StateBucket  string   // in the store; unknown to clients
	BucketPrefix string   // of the names that buckets have in the store
	// DirectoryStore says that the store is made of directory buckets, so there can be no others.
	DirectoryStore bool
	Abilities      store.Abilities
	CopyLimit      int64 // largest object, in stored bytes, that the store copies by one request; default 5 GiB
	// MetadataHeader carries the envelope at the store; lower case, begins with "x-amz-meta-".
	MetadataHeader string

	RequireTLS       policy.Require
	TrustedProxies   func(remote netip.Addr) bool // whose X-Forwarded-Proto counts; nil: none is trusted
	AcceptS3Scope    bool                         // service name s3 for directory buckets
	VerboseMismatch  bool
	StrictSessionKey bool
	PerPrincipal     bool // each principal has its own bucket keys
	ListObjectsV1    bool // ListObjects of version 1 works in directory buckets, too; otherwise it returns 501
	PostObject       bool // form POST is carried out; otherwise it returns 405 MethodNotAllowed
	// x-amz-checksum-mode costs a second store request where it must; otherwise only free ones are shown
	ChecksumOnGet bool

	FailedLogins access.FailedLogins

	Tracer Tracer // nil: requests aren't traced

	Audit         Auditor // nil: decisions aren't recorded
	AuditRequired bool    // requests are refused while their records can't be written

	Log     *zap.Logger
	Observe Observer
	Now     func() time.Time
}

// An Observer gets events. Its functions may be nil.
type Observer struct {
	// Request counts an answered request. trace is the id of a trace that the collector gets, otherwise "".
	Request   func(operation, code string, took time.Duration, trace string)
	Refusal   func(row string)
	Bytes     func(direction string, n int64) // plaintext, "in" or "out"
	Integrity func(kind string)
	Shed      func(reason string)  // a request that was refused because of a limit
	Session   func(outcome string) // CreateSession: "issued" or its S3 error code
	Failure   func(f Failure)
}
