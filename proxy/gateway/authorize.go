package gateway

import (
	"errors"
	"fmt"
	"reflect"

	"sealfront/policy"
	"sealfront/proxy/state"
	"sealfront/sigv4"
)

// An Identity is a principal with long-term credentials.
type Identity struct {
	Name            string
	AccessKeyID     string
	SecretAccessKey string
	ARN             string // arn:aws:iam::account:user/name, for policies
	Policy          *policy.Permitter

	// Certificates are names, such as cn:app or uri:spiffe://example.com/app, of which the client certificate of every
	// request must have one; empty: no certificate is asked for. See certificateNames.
	Certificates []string

	// What the identity may use up; 0: no limit. Burst is how many requests may come at once, default a second's.
	Concurrency       int
	RequestsPerSecond float64
	Burst             int

	share *share
}

// Identities are who may call. They don't change; the Gateway swaps the whole.
type Identities struct{ byAccessKey, byName map[string]*Identity }

// NewIdentities indexes list. Names and access key ids must be unique.
func NewIdentities(list []*Identity) (*Identities, error) {
	ids := &Identities{byAccessKey: make(map[string]*Identity), byName: make(map[string]*Identity)}
	for i, id := range list {
		if id.AccessKeyID == "" || id.SecretAccessKey == "" || id.Name == "" {
			return nil, fmt.Errorf("identities[%d]: name, access key and secret key must be set", i)
		}
		if ids.byAccessKey[id.AccessKeyID] != nil {
			return nil, fmt.Errorf("identities[%d]: the access key %s is used twice", i, id.AccessKeyID)
		}
		if ids.byName[id.Name] != nil {
			return nil, fmt.Errorf("identities[%d]: the name %q is used twice", i, id.Name)
		}
		id.share = new(share)
		ids.byAccessKey[id.AccessKeyID], ids.byName[id.Name] = id, id
	}
	return ids, nil
}

// decide takes a request through everything that comes before its body: where it points, who signed it, which
// operation it is, whether it is permitted, and how it is sealed. After it, x.serve carries the request out. The
// order of refusals is that of section 7.3 of the behaviour reference.
func (x *exchange) decide() error {
	if x.ambiguous {
		return refusal("InvalidRequest", "The request could not be read.")
	}
	if err := x.locate(); err != nil {
		return err
	}
	err := x.verifier().ReadAt(x.start, &x.message, &x.auth, x.services()...)
	if err != nil {
		return x.oldSignature(err)
	}
	if x.header.fields, err = sigv4.AppendHoisted(x.message.Header, &x.message); err != nil {
		return err
	}
	r := &x.request
	r.Method, r.Bucket, r.Key = text(x.message.Method), x.bucket, x.key
	r.Header, r.Query = &x.header, &x.query
	r.TLS = x.secure()
	r.SigningName = text(x.auth.Service)
	if x.auth.Kind != sigv4.Anonymous {
		r.Signature = policy.SigV4
	} else {
		r.Signature = policy.Anonymous
	}
	if x.auth.Kind == sigv4.Form || x.posts() {
		return x.decidePost()
	}
	if refused := policy.DecideSignature(r, nil); refused != nil {
		return refused
	}
	if err := x.authenticate(); err != nil {
		return err
	}
	var refused *policy.Refusal
	if x.operation, refused = policy.Classify(r); refused != nil {
		return refused
	}
	if x.operation == policy.PostObject {
		return x.postNotAllowed() // a form carries its own signature
	}
	if x.serve = x.g.served[x.operation]; x.serve == nil {
		return policy.NotImplemented(x.operation)
	}
	if x.chunks, err = x.verifier().ChunkOptions(&x.message, &x.auth); err != nil {
		return err
	}
	if err := x.checkEncoding(); err != nil {
		return err
	}
	if refused = policy.CheckRequest(x.operation, r); refused != nil {
		return refused
	}
	x.version = x.askedVersion()
	if refused = policy.DecideTLS(x.operation, r, policy.NoSSE, x.g.o.RequireTLS); refused != nil {
		return refused
	}
	if err := x.checkKey(); err != nil {
		return err
	}
	if x.bucket == "" {
		return x.permit(policy.Service, "")
	}
	return x.decideBucket()
}

func (x *exchange) verifier() *sigv4.Verifier { return x.g.verifier }

var (
	expressOnly  = []string{"s3express"}
	expressOrS3  = []string{"s3express", "s3"}
	s3OrExpress  = []string{"s3", "s3express"}
	plainS3Scope = []string{"s3"}
)

// services are the names accepted in the credential scope.
func (x *exchange) services() []string {
	switch kind := policy.KindOf(x.bucket); {
	case kind == policy.Service:
		return s3OrExpress
	case kind == policy.General:
		return plainS3Scope
	case x.g.o.AcceptS3Scope:
		return expressOrS3
	}
	return expressOnly
}

// secure tells whether the request came over TLS, here or at a trusted proxy.
func (x *exchange) secure() bool {
	if x.ctx.IsTLS() {
		return true
	}
	trusted := x.g.o.TrustedProxies
	return trusted != nil && trusted(x.remote()) && string(x.headerBytes("x-forwarded-proto")) == "https"
}

// decideBucket decides what depends on the bucket's record. A refusal that rests on a cached record is checked
// against the record as it is now.
func (x *exchange) decideBucket() error {
	g := x.g
	if g.hidden(x.bucket) && x.operation != policy.CreateBucket {
		return noSuchBucket(x.bucket)
	}
	record, err := g.o.Buckets.Bucket(x.context, x.bucket)
	if err != nil && !errors.Is(err, state.ErrNoBucket) {
		return recordError(err)
	}
	fresh := record == nil
	// A record that says SSE-S3 may be older than a PutBucketEncryption; (KMS, K) never is, K stays.
	if record != nil && !record.DefaultKMS && (x.operation == policy.CreateSession || x.operation == policy.CopyObject) {
		if record, err = g.freshBucket(x); err != nil {
			return err
		}
		fresh = true
	}
	refused := x.decideWith(record)
	if refused == nil || fresh {
		return refused
	}
	now, err := g.freshBucket(x)
	if err != nil {
		return err
	}
	if now != nil && reflect.DeepEqual(now, record) {
		return refused
	}
	return x.decideWith(now)
}

// freshBucket reads the record anew; nil if there is none.
func (g *Gateway) freshBucket(x *exchange) (*state.Bucket, error) {
	record, err := g.o.Buckets.FreshBucket(x.context, x.bucket)
	if err != nil && !errors.Is(err, state.ErrNoBucket) {
		return nil, recordError(err)
	}
	return record, nil
}

// recordError is a bucket record that can't be read: refused, never defaulted.
func recordError(err error) error {
	if errors.Is(err, state.ErrRecord) {
		return internal(err)
	}
	return unavailable(err)
}

// hidden reports whether a bucket's name leads to the state bucket.
func (g *Gateway) hidden(bucket string) bool {
	return g.o.StoreBucket(bucket) == g.o.StateBucket
}

// decideWith decides with this record of the bucket, nil for none.
func (x *exchange) decideWith(record *state.Bucket) error {
	r := &x.request
	x.record = record
	var bucket *policy.Bucket
	if record != nil {
		x.facts = factsOf(record)
		bucket = &x.facts
		var err error
		if x.bucketPolicy, err = x.g.bucketPolicies.of(record, x.facts.Kind); err != nil && !aboutBucketPolicy(x.operation) {
			return err
		}
	}
	given := x.session
	if given != nil && record != nil && !given.Provisional && x.issued.Incarnation != record.Incarnation {
		// The bucket was deleted and made again: the session was for the other one.
		return expiredToken(x.auth.SessionToken)
	}
	if x.operation == policy.CreateSession && record == nil && given == nil {
		return nil // REG-2 and REG-3: createSession decides
	}
	session, refused := policy.DecideSession(x.operation, r, bucket, given)
	if refused != nil {
		return refused
	}
	if bucket == nil {
		return x.permit(policy.KindOf(x.bucket), policy.BucketARN(x.bucket, x.g.o.Region, x.g.o.Account))
	}
	if refused := policy.CheckBucket(x.operation, r, bucket); refused != nil {
		return refused
	}
	var base *policy.Session
	if given != nil {
		base = &session
	}
	if x.decision, refused = policy.DecideEncryption(x.operation, r, bucket, base, x.g.policyOptions()); refused != nil {
		return refused
	}
	if x.operation.SealsObject() {
		if refused := policy.DecideTLS(x.operation, r, x.decision.Encryption.SSE, x.g.o.RequireTLS); refused != nil {
			return refused
		}
		if x.decision.ResolveKey != "" {
			if err := x.resolveKey(bucket); err != nil {
				return err
			}
		}
	}
	// A zonal request with a session was authorized when the session was made.
	if given != nil && x.operation.Zonal() {
		return nil
	}
	if x.operation == policy.CreateSession {
		return nil // the mode decides which permission is asked for: createSession
	}
	return x.permit(bucket.Kind, bucket.ARN)
}

// permit asks the identity's policy. What a read opens is known later: its KMS permission is asked for then.
func (x *exchange) permit(kind policy.Kind, arn string) error {
	key := ""
	if x.operation.SealsObject() && x.decision.Encryption.SSE == policy.SSEKMS {
		key = x.decision.Encryption.KeyARN
	}
	target := &policy.Target{Kind: kind, BucketARN: arn, Key: x.key, Version: x.version, KeyARN: key, BucketPolicy: x.bucketPolicy}
	if refused := policy.Authorize(x.operation, &x.request, x.caller(), target, policy.ReadWrite); refused != nil {
		return refused
	}
	return nil
}

func (x *exchange) caller() *policy.Caller {
	return &policy.Caller{Principal: x.identity.ARN, Account: x.g.o.Account, Policy: x.identity.Policy, Values: (*conditionValues)(x)}
}

// target is an object of the request's bucket, or with key "" the bucket, and the KMS key that it is or gets sealed under.
func (x *exchange) target(key, keyARN string) *policy.Target {
	return &policy.Target{Kind: x.facts.Kind, BucketARN: x.facts.ARN, Key: key, Version: x.version, KeyARN: keyARN, BucketPolicy: x.bucketPolicy}
}

// policyOptions are what every decision is made with. They are shared: whoever changes them copies them.
func (g *Gateway) policyOptions() *policy.Options { return &g.options }

// factsOf is the policy's view of a record.
func factsOf(b *state.Bucket) policy.Bucket {
	f := policy.Bucket{
		Name: b.Name, ARN: b.ARN, Account: b.Account, Region: b.Region, Kind: policy.General,
		Default: policy.Encryption{SSE: policy.SSES3}, KeyAsGiven: b.KeyAsGiven, BoundKey: b.BoundKey, LocalZone: b.LocalZone, Creator: b.Creator,
	}
	if b.Directory {
		f.Kind = policy.Directory
	}
	if b.DefaultKMS {
		f.Default = policy.Encryption{SSE: policy.SSEKMS, KeyARN: b.DefaultKey}
	}
	f.Default.BucketKey = b.BucketKey
	return f
}
