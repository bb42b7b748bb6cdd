package access

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealfront/policy"
	"sealfront/proxy/session"
	"sealfront/proxy/state"
	"sealfront/proxy/webidentity"
	"sealfront/sigv4"
)

// Options are what a Checker is made from. Record, Served, CheckKey, ResolveKey, Sessions, Region, Account
// and Now are required.
type Options struct {
	// Record returns a bucket's record, nil for a bucket that doesn't exist.
	Record func(ctx context.Context, bucket string, age Age) (*state.Bucket, error)
	// Served reports whether an operation is carried out; any other returns 501 NotImplemented.
	Served func(op policy.Operation) bool
	// CheckKey refuses the name of an object that is to be made and that the store can't hold under exactly that name.
	CheckKey func(op policy.Operation, key string) error
	// ResolveKey returns the ARN of the KMS key that an alias names now.
	ResolveKey func(ctx context.Context, alias string) (keyARN string, err error)

	// Ended returns how often the sessions of a role were ended; issuing says that credentials are to be made by it. An
	// error means that it can't be known now. Nil: there are no roles.
	Ended func(ctx context.Context, role string, issuing bool) (times uint64, err error)

	Sessions     session.Keys
	Region       string
	Account      string
	Domains      []string // virtual-host style: bucket.domain
	StateBucket  string   // in the store; unknown to clients
	BucketPrefix string   // of the names that buckets have in the store

	Policy          policy.Options
	RequireTLS      policy.Require
	TrustedProxies  func(remote netip.Addr) bool // whose X-Forwarded-… counts; nil: none is trusted
	AcceptS3Scope   bool                         // service name s3 for directory buckets
	VerboseMismatch bool                         // SignatureDoesNotMatch shows the canonical request
	PostObject      bool                         // form POST is carried out; otherwise it returns 405 MethodNotAllowed
	FailedLogins    FailedLogins

	Shed func(reason string) // counts a request that is refused; may be nil
	Now  func() time.Time
}

// An Age is how old a bucket's record may be.
type Age int

const (
	Cached Age = iota // as old as records in the cache get
	Recent            // less than a second, and read now if refusals haven't had it read several times lately
	Now               // read now
)

// A Checker decides who may do what. It is safe for concurrent use.
type Checker struct {
	o          Options
	verifier   *sigv4.Verifier
	logins     atomic.Pointer[logins] // nil: failed logins aren't counted
	identities atomic.Pointer[Identities]
	issuers    atomic.Pointer[webidentity.Issuers]
	opened     *lru.Cache[string, *opened] // by token
	sts        *sigv4.Verifier             // of calls to STS
}

func (c *Checker) shed(reason string) {
	if c.o.Shed != nil {
		c.o.Shed(reason)
	}
}

// The reasons for which a caller gets 503 SlowDown, as Options.Shed gets them.
const (
	ShedConcurrency = "concurrency" // as many of the identity's as Identity.Concurrency are in flight
	ShedRate        = "rate"        // the identity's requests come faster than Identity.RequestsPerSecond
	ShedLogins      = "logins"      // too many failed logins
)
