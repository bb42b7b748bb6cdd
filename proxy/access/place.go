package access

import (
	"sealfront/policy"
	"sealfront/proxy/state"
)

// A Place is an object, or with Key "" its bucket, as permissions see it.
type Place struct {
	Key          string
	Version      string               // that is asked for; "" for the current one, and always in directory buckets
	Record       *state.Bucket        // nil where there is none
	Facts        policy.Bucket        // the record's, as rules see it
	BucketPolicy *policy.BucketPolicy // the record's, compiled; nil: the bucket has none
}

// setTarget makes t the place as policies see it. keyARN is the KMS key that it is or gets sealed under, managed the one
// of SSE-S3.
func (p *Place) setTarget(t *policy.Target, keyARN, managed string) {
	*t = policy.Target{
		Kind: p.Facts.Kind, BucketARN: p.Facts.ARN, Account: p.Facts.Account, Key: p.Key, Version: p.Version,
		KeyARN: keyARN, ManagedKey: managed, BucketPolicy: p.BucketPolicy,
	}
	if p.Record != nil {
		t.Tags = policy.Tags(p.Record.Tags)
	}
}

func (p *Place) target(keyARN, managed string) *policy.Target {
	t := new(policy.Target)
	p.setTarget(t, keyARN, managed)
	return t
}
