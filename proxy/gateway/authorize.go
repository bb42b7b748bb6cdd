package gateway

import (
	"errors"
	"fmt"
	"reflect"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
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
		return s3.Refuse("InvalidRequest", "The request could not be read.")
	}
	if err := x.locate(); err != nil {
		return err
	}
	err := x.verifier().ReadAt(x.start, &x.message, &x.auth, x.services()...)
	if err != nil {
		return x.oldSignature(err)
	}
	if x.header.Fields, err = sigv4.AppendHoisted(x.message.Header, &x.message); err != nil {
		return err
	}
	r := &x.request
	x.Method = s3.View(x.message.Method)
	r.Method, r.Bucket, r.Key, r.Control = x.Method, x.Bucket, x.Key, x.control
	r.Header, r.Query = &x.header, &x.query
	r.TLS = x.secure()
	r.SigningName = s3.View(x.auth.Service)
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
	if x.Operation, refused = policy.Classify(r); refused != nil {
		return refused
	}
	if x.Operation == policy.PostObject {
		return x.postNotAllowed() // a form carries its own signature
	}
	if x.serve = x.g.served[x.Operation]; x.serve == nil {
		return policy.NotImplemented(x.Operation)
	}
	if x.chunks, err = x.verifier().ChunkOptions(&x.message, &x.auth); err != nil {
		return err
	}
	if err := x.checkEncoding(); err != nil {
		return err
	}
	if refused = x.newCase().Check(); refused != nil {
		return refused
	}
	x.Version = x.askedVersion()
	if err := x.CheckKey(); err != nil {
		return err
	}
	if x.Bucket == "" {
		x.matter.Target = policy.Target{Kind: policy.Service}
		return x.rule()
	}
	if err := x.decideBucket(); err != nil {
		return err
	}
	return x.CheckRequested()
}

// newCase begins the case that decides the request: its order of decisions is the only one, see policy.Decide.
func (x *exchange) newCase() *policy.Case {
	x.matter = policy.Case{
		Operation: x.Operation, Request: &x.request, Caller: x.caller(), Options: x.g.policyOptions(), Require: x.g.o.RequireTLS,
	}
	return &x.matter
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
	switch kind := policy.KindOf(x.Bucket); {
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
	if g.hidden(x.Bucket) && x.Operation != policy.CreateBucket {
		return s3.NoSuchBucket(x.Bucket)
	}
	record, err := g.o.Buckets.Bucket(x.Context, x.Bucket)
	if err != nil && !errors.Is(err, state.ErrNoBucket) {
		return objects.RecordError(err)
	}
	fresh := record == nil
	// A record that says SSE-S3 may be older than a PutBucketEncryption; (KMS, K) never is, K stays.
	if record != nil && !record.DefaultKMS && (x.Operation == policy.CreateSession || x.Operation == policy.CopyObject) {
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
	record, err := g.o.Buckets.FreshBucket(x.Context, x.Bucket)
	if err != nil && !errors.Is(err, state.ErrNoBucket) {
		return nil, objects.RecordError(err)
	}
	return record, nil
}

// hidden reports whether a bucket's name leads to the state bucket.
func (g *Gateway) hidden(bucket string) bool {
	return g.o.StoreBucket(bucket) == g.o.StateBucket
}

// decideWith decides with this record of the bucket, nil for none.
func (x *exchange) decideWith(record *state.Bucket) error {
	x.Record = record
	var bucket *policy.Bucket
	if record != nil {
		x.Facts = x.Objects.FactsOf(record)
		bucket = &x.Facts
		var err error
		if x.Policy, err = x.g.bucketPolicies.of(record, x.Facts.Kind); err != nil && !aboutBucketPolicy(x.Operation) {
			return err
		}
	}
	given := x.session
	if given != nil && record != nil && !given.Provisional && x.issued.Incarnation != record.Incarnation {
		// The bucket was deleted and made again: the session was for the other one.
		return expiredToken(x.auth.SessionToken)
	}
	x.matter.Bucket, x.matter.Session = bucket, given
	if bucket == nil {
		arn := policy.BucketARN(x.Bucket, x.g.o.Region, x.g.o.Account)
		x.matter.Target = policy.Target{Kind: policy.KindOf(x.Bucket), BucketARN: arn, Key: x.Key}
		return x.rule()
	}
	x.SetTarget(&x.matter.Target, "")
	return x.rule()
}

// rule decides the request's case. What a read opens is known later: its KMS permission is asked for then.
func (x *exchange) rule() error {
	ruling, refused := policy.Decide(&x.matter)
	if refused != nil {
		return refused
	}
	if ruling.Decision.ResolveKey != "" {
		if err := x.resolveKey(&ruling); err != nil {
			return err
		}
	}
	x.decision, x.mode = ruling.Decision, ruling.Mode
	return nil
}

func (x *exchange) caller() *policy.Caller { return &x.who }

// policyOptions are what every decision is made with. They are shared: whoever changes them copies them.
func (g *Gateway) policyOptions() *policy.Options { return &g.options }

// resolveKey completes a decision whose key is named by an alias, as general purpose buckets may have it: KMS tells which
// key that is now, and the object's envelope names the key.
func (x *exchange) resolveKey(ruling *policy.Ruling) error {
	alias := ruling.Decision.ResolveKey
	d, err := x.g.o.Keys.Describe(x.Context, alias)
	if err != nil {
		return fmt.Errorf("resolve the KMS key %s: %w", alias, err)
	}
	if refused := x.matter.Resolve(ruling, d.ARN); refused != nil {
		return refused
	}
	return nil
}
