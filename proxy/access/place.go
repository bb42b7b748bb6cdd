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

// PlaceOf is a key of a bucket. A policy that can't be compiled is an error: it could hold a Deny.
func (c *Checker) PlaceOf(record *state.Bucket, key, version string) (Place, error) {
	p := Place{Key: key, Version: version, Record: record, Facts: c.FactsOf(record)}
	var err error
	p.BucketPolicy, err = c.policies.of(record, p.Facts.Kind)
	return p, err
}

// FactsOf is a bucket's record as rules see it.
func (c *Checker) FactsOf(b *state.Bucket) policy.Bucket {
	f := policy.Bucket{
		Name: b.Name, ARN: b.ARN, Account: b.Account, Region: b.Region, Kind: policy.General,
		Default: policy.Encryption{SSE: policy.SSES3}, KeyAsGiven: b.KeyAsGiven, BoundKey: b.BoundKey,
		Configured: b.Configured || b.DefaultKMS, LocalZone: b.LocalZone, Creator: b.Creator,
	}
	if b.Directory {
		f.Kind = policy.Directory
	}
	switch {
	case b.DefaultKMS:
		f.Default = policy.Encryption{SSE: policy.SSEKMS, KeyARN: b.DefaultKey, BucketKey: b.BucketKey}
	case !b.Directory && !b.Configured:
		f.Default = c.o.Policy.GeneralDefault()
	default:
		f.Default.BucketKey = b.BucketKey
	}
	return f
}
