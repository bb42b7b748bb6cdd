package access

import (
	"sealfront/policy"
	"sealfront/proxy/state"
)

// PlaceOf is a key of a bucket. A policy that can't be compiled is an error: it could hold a Deny.
func (c *Checker) PlaceOf(record *state.Bucket, key, version string) (Place, error) {
	p := Place{Key: key, Version: version, Record: record, Facts: c.FactsOf(record)}
	var err error
	p.BucketPolicy, err = c.policies.of(record, p.Facts.Kind)
	return p, err
}

// FactsOf is FactsOf with the checker's options.
func (c *Checker) FactsOf(b *state.Bucket) policy.Bucket { return FactsOf(b, &c.o.Policy) }

// FactsOf is a bucket's record as rules see it.
func FactsOf(b *state.Bucket, o *policy.Options) policy.Bucket {
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
		f.Default = o.GeneralDefault()
	default:
		f.Default.BucketKey = b.BucketKey
	}
	return f
}
