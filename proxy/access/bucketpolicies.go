package access

import (
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// bucketPolicies keeps the bucket policies that records hold, compiled.
type bucketPolicies struct {
	compiled *lru.Cache[string, *policy.BucketPolicy]
}

func newBucketPolicies() *bucketPolicies {
	compiled, err := lru.New[string, *policy.BucketPolicy](1024)
	if err != nil {
		panic("gateway: internal error: " + err.Error())
	}
	return &bucketPolicies{compiled}
}

// of returns the policy of a bucket, nil if it has none. One that doesn't compile, say since a newer version of this
// program has accepted it, is refused with whatever it was asked for: it could hold a Deny.
func (p *bucketPolicies) of(b *state.Bucket, kind policy.Kind) (*policy.BucketPolicy, error) {
	if b.Policy == "" {
		return nil, nil
	}
	name := b.ARN + "\n" + b.Policy
	if known, ok := p.compiled.Get(name); ok {
		return known, nil
	}
	compiled, refused := policy.ParseBucketPolicy([]byte(b.Policy), kind, b.ARN)
	if refused != nil {
		return nil, s3.Internal(fmt.Errorf("the policy of the bucket %s can't be understood: %w", b.Name, refused))
	}
	p.compiled.Add(name, compiled)
	return compiled, nil
}

// aboutBucketPolicy says that an operation is about the bucket's policy, which has no say in it: also one that can't be
// understood is replaced or removed by who may.
func aboutBucketPolicy(op policy.Operation) bool {
	return op == policy.PutBucketPolicy || op == policy.GetBucketPolicy || op == policy.DeleteBucketPolicy
}
