package tools

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// An Installation is the store, records and keys that a tool works on.
type Installation struct {
	Objects *objects.Objects
	FactsOf func(*state.Bucket) policy.Bucket // the policy's view of a bucket's record
	State   *state.State
	Store   *store.Client

	StateBucket    string          // of the store
	Abilities      store.Abilities // of the store, for tools that write to it
	MetadataHeader string          // carries the envelope
	ServiceKey     string          // ARN of the KMS key of SSE-S3

	// WithoutKMS are the objects for a reader whose key service refuses every call, for Attest; nil: that isn't tried.
	WithoutKMS *objects.Objects
}

// ErrUsage is wrapped by errors in a tool's arguments.
var ErrUsage = errors.New("usage")

// A Target is the bucket, and the key or prefix, of s3://BUCKET[/REST].
type Target struct{ Bucket, Key string }

// ParseTarget reads s3://BUCKET[/KEY]. The key is used as it is, without unescaping.
func ParseTarget(uri string) (Target, error) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	bucket, key, _ := strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return Target{}, fmt.Errorf("%w: %q is not s3://BUCKET[/KEY]", ErrUsage, uri)
	}
	return Target{bucket, key}, nil
}

// URI names an object on one line: a key with control characters is quoted.
func (t Target) URI() string {
	uri := "s3://" + t.Bucket + "/" + t.Key
	if strings.ContainsFunc(uri, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return strconv.Quote(uri)
	}
	return uri
}

// place is a bucket of the installation.
type place struct {
	*Installation
	facts  policy.Bucket
	record *state.Bucket
}

func (in *Installation) place(ctx context.Context, bucket string) (*place, error) {
	record, err := in.State.FreshBucket(ctx, bucket)
	if errors.Is(err, state.ErrNoBucket) {
		return nil, fmt.Errorf("there is no bucket %q", bucket)
	}
	if err != nil {
		return nil, err
	}
	return &place{in, in.FactsOf(record), record}, nil
}

// Outcomes of a request for one object.
var (
	errGone     = errors.New("the object is gone")
	errReplaced = errors.New("the object kept being replaced while it was read")
)

// attempts bounds how often the work on an object that changes meanwhile starts again.
const attempts = 5

func retry(f func() error) error {
	var err error
	for range attempts {
		if err = f(); !errors.Is(err, errReplaced) {
			return err
		}
	}
	return err
}

// Facts are the parts of a bucket's record that decide about opening its objects.
func (in *Installation) Facts(ctx context.Context, bucket string) (policy.Bucket, error) {
	p, err := in.place(ctx, bucket)
	if err != nil {
		return policy.Bucket{}, err
	}
	return p.facts, nil
}
