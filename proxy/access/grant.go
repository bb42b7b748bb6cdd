package access

import (
	"context"
	"fmt"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/session"
	"sealfront/proxy/state"
	"sealfront/sigv4"
)

// A Grant is what was granted to a request: its caller, its operation, its bucket and key, and how the object that it
// writes is sealed. Only Check and CheckForm grant anything. Begin reuses a Grant for a later request; it belongs to
// one goroutine at a time.
type Grant struct {
	Request
	grantState

	c *Checker
}

// grantState is the part of a Grant that a new request starts without.
type grantState struct {
	Place     // that the request names
	Operation policy.Operation

	Identity *Identity       // nil until the sender is known
	Session  *policy.Session // nil with long-term keys
	ReadOnly bool            // of the session
	Decision policy.Decision
	Mode     policy.Mode // of the session to be made, for CreateSession
	Chunks   sigv4.ChunkOptions

	caller       policy.Caller // the identity, as policies see it
	matter       policy.Case
	issued       session.Session
	sessionFacts policy.Session // behind Session
	charged      *share         // that the request counts against
}

// Begin makes x the grant of a request that nothing is granted to yet. The caller reads the request into it first.
func (c *Checker) Begin(x *Grant) { x.c, x.grantState = c, grantState{} }

// Release returns what the request took of its identity's share. It may be called more than once.
func (x *Grant) Release() {
	if x.charged != nil {
		x.charged.active.Add(-1)
		x.charged = nil
	}
}

// Forget drops the grant and borrowed memory. x's own memory stays for the next request.
func (x *Grant) Forget() {
	x.Release()
	x.grantState = grantState{}
	x.Request.Forget()
}

// Target is the request's bucket or object as policies see it, and the KMS key that it is or gets sealed under.
func (x *Grant) Target(keyARN string) *policy.Target {
	return x.target(keyARN, x.c.o.Policy.ServiceKey)
}

// Permit checks an operation's permission on a place, and on the KMS key that it is or gets sealed under.
func (x *Grant) Permit(op policy.Operation, p *Place, keyARN string) error {
	target := p.target(keyARN, x.c.o.Policy.ServiceKey)
	if refused := policy.Authorize(op, &x.Rules, &x.caller, target, policy.ReadWrite); refused != nil {
		return refused
	}
	return nil
}

// MayRead checks whether the caller may use the KMS key that the request's object is sealed under. The principal's
// permission on the session's own key was checked when the session was created. Any other key is checked now, otherwise
// a session that chose SSE-S3 would read what its principal has no key permission for.
func (x *Grant) MayRead(keyARN string) error {
	var refused *policy.Refusal
	switch {
	case x.Session == nil:
		refused = policy.Authorize(x.Operation, &x.Rules, &x.caller, x.Target(keyARN), policy.ReadWrite)
	case x.Session.Encryption.SSE != policy.SSEKMS || x.Session.Encryption.KeyARN != keyARN:
		refused = policy.AuthorizeKey(x.Operation, &x.Rules, &x.caller, x.Target(keyARN))
	}
	if refused != nil {
		return refused
	}
	return nil
}

// MayReadSource checks whether the caller may read another object, such as the source of a copy, and use the KMS key
// that it is sealed under; keyARN "" checks the object alone.
func (x *Grant) MayReadSource(p *Place, keyARN string) error {
	target := p.target(keyARN, x.c.o.Policy.ServiceKey)
	if refused := policy.AuthorizeSource(&x.Rules, &x.caller, target); refused != nil {
		return refused
	}
	return nil
}

// MayDelete checks the permission that an entry of DeleteObjects needs.
func (x *Grant) MayDelete(p *Place) error {
	if refused := policy.AuthorizeEntry(&x.Rules, &x.caller, p.target("", x.c.o.Policy.ServiceKey)); refused != nil {
		return refused
	}
	return nil
}

// MayUse reports whether the caller of PutBucketEncryption has its permissions on a KMS key.
func (x *Grant) MayUse(keyARN string) bool {
	return policy.Authorize(policy.PutBucketEncryption, &x.Rules, &x.caller, x.Target(keyARN), policy.ReadWrite) == nil
}

// MayTag checks the permissions on tags that the request's document adds or removes.
func (x *Grant) MayTag(tags policy.Tags) error {
	if refused := policy.AuthorizeTags(x.Operation, &x.Rules, &x.caller, &x.matter.Target, tags); refused != nil {
		return refused
	}
	return nil
}

// MayTagAs is MayTag by a record of the bucket that is newer than the one that the request was decided by.
func (x *Grant) MayTagAs(b *state.Bucket, tags policy.Tags) error {
	bucketPolicy, err := policyOf(b, x.c.FactsOf(b).Kind)
	if err != nil {
		return err
	}
	target := x.matter.Target
	target.Tags, target.BucketPolicy = policy.Tags(b.Tags), bucketPolicy
	if refused := policy.AuthorizeTags(x.Operation, &x.Rules, &x.caller, &target, tags); refused != nil {
		return refused
	}
	return nil
}

// Secure decides whether an object with this encryption may pass over the request's connection.
func (x *Grant) Secure(sse policy.SSE) error {
	if refused := policy.DecideTLS(x.Operation, &x.Rules, sse, x.c.o.RequireTLS); refused != nil {
		return refused
	}
	return nil
}

// DecideExisting decides a request about an object that exists, sealed as e says: the headers that show e, or the
// settings of what it adds. options is the caller's memory.
func (x *Grant) DecideExisting(e *policy.Encryption, options *policy.Options) error {
	*options = x.c.o.Policy
	options.Existing = e
	var refused *policy.Refusal
	if x.Decision, refused = policy.DecideEncryption(x.Operation, &x.Rules, &x.Facts, x.Session, options); refused != nil {
		return refused
	}
	return nil
}

// FreshRecord reads the bucket's record past the cache; nil if there is none.
func (x *Grant) FreshRecord(ctx context.Context) (*state.Bucket, error) {
	return x.c.o.Record(ctx, x.Bucket, Now)
}

// SetRecord replaces the request's bucket record by another one of the same bucket.
func (x *Grant) SetRecord(record *state.Bucket) { x.Record, x.Facts = record, x.c.FactsOf(record) }

// A Place is an object, or with Key "" its bucket, as permissions see it.
type Place struct {
	Key          string
	Version      string               // requested; "" for the current one, and always in directory buckets
	Record       *state.Bucket        // nil where there is none
	Facts        policy.Bucket        // the record's, as rules see it
	BucketPolicy *policy.BucketPolicy // the record's, compiled; nil: the bucket has none
}

// setTarget makes t the place as policies see it. keyARN is the KMS key that it is or gets sealed under, managed the
// one of SSE-S3.
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
	p.BucketPolicy, err = policyOf(record, p.Facts.Kind)
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

// policyOf returns the policy of a bucket, nil if it has none. It is compiled once for a record in the cache. One that
// doesn't compile, such as one accepted by a newer version of this program, is an error, since it could hold a Deny.
func policyOf(b *state.Bucket, kind policy.Kind) (*policy.BucketPolicy, error) {
	if b.Policy == "" {
		return nil, nil
	}
	compiled, err := b.Made(func() (any, error) {
		compiled, refused := policy.ParseBucketPolicy([]byte(b.Policy), kind, b.ARN)
		if refused != nil {
			return nil, s3.Internal(fmt.Errorf("the policy of the bucket %s can't be understood: %w", b.Name, refused))
		}
		return compiled, nil
	})
	if err != nil {
		return nil, err
	}
	return compiled.(*policy.BucketPolicy), nil
}

// aboutBucketPolicy reports whether an operation is about the bucket's policy, which doesn't decide about it: even a
// policy that doesn't compile can be replaced or removed with the permission.
func aboutBucketPolicy(op policy.Operation) bool {
	return op == policy.PutBucketPolicy || op == policy.GetBucketPolicy || op == policy.DeleteBucketPolicy
}

// Options are what every decision is made with. They are shared: copy them before a change.
func (c *Checker) Options() *policy.Options { return &c.o.Policy }
