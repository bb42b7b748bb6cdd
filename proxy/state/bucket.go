package state

import "time"

// A Bucket is the record of one bucket. ARN, account, region and store name are as they were when the bucket
// was made: a later change of the configuration concerns new buckets only.
type Bucket struct {
	Name        string    `json:"name"`
	Directory   bool      `json:"directory"`
	ARN         string    `json:"arn"`
	Account     string    `json:"account"`
	Region      string    `json:"region"`
	Zone        string    `json:"zone,omitempty"`
	LocalZone   bool      `json:"localZone,omitempty"`
	StoreName   string    `json:"storeName"`
	Created     time.Time `json:"created"`
	Creator     string    `json:"creator"`
	Incarnation string    `json:"incarnation"` // random; tells this bucket from another one of its name

	// The default encryption now. DefaultKey is the ARN; KeyAsGiven is how PutBucketEncryption named it, which
	// GetBucketEncryption repeats. BoundKey is the customer managed key a directory bucket is bound to for life.
	DefaultKMS bool   `json:"defaultKMS,omitempty"`
	DefaultKey string `json:"defaultKey,omitempty"`
	KeyAsGiven string `json:"keyAsGiven,omitempty"`
	BucketKey  bool   `json:"bucketKey,omitempty"`
	BoundKey   string `json:"boundKey,omitempty"`
	Configured bool   `json:"encryptionConfigured,omitempty"` // by PutBucketEncryption; SSE-KMS always is

	Policy string `json:"policy,omitempty"` // the bucket policy as PutBucketPolicy gave it; "" for none
	Tags   Tags   `json:"tags,omitempty"`   // policies have conditions on them

	// What is stored only to be returned; nothing here depends on it.
	// the four settings of the public access block, each 0 or 1; "" for none
	PublicAccess   string `json:"publicAccess,omitempty"`
	NoOwnership    bool   `json:"noOwnership,omitempty"`    // the ownership controls were deleted
	TransitionSize string `json:"transitionSize,omitempty"` // of the lifecycle configuration; "" for S3's default

	// State is "creating" while the store's bucket is being made, "active", "deleted" while a replica may still have
	// the bucket in its cache (the record is then a tombstone), and "free" afterwards.
	State   string    `json:"state"`
	Deleted time.Time `json:"deleted,omitzero"` // for people and for replicas of earlier releases; see tombstones.go

	made *made // of the policy; nil unless the record was in the cache
}

// The states of a bucket record.
const (
	creating = "creating"
	active   = "active"
	deleted  = "deleted"
	free     = "free"
)

const bucketPrefix = "buckets/"

// A tombstone is the record of a deleted bucket as this replica found it. The ETag distinguishes it from a later one of
// the same name: a sealed record never has the bytes of an earlier one.
type tombstone struct {
	etag  string
	found time.Time
}
