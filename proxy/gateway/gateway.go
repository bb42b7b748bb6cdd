package gateway

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/session"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// Buckets are the bucket records.
type Buckets interface {
	Bucket(ctx context.Context, name string) (*state.Bucket, error)
	FreshBucket(ctx context.Context, name string) (*state.Bucket, error)
	CreateBucket(ctx context.Context, b state.Bucket, makeBucket func(context.Context) error) (*state.Bucket, error)
	UpdateBucket(ctx context.Context, name string, change func(*state.Bucket) error) (*state.Bucket, error)
	DeleteBucket(ctx context.Context, name string, remove func(context.Context, *state.Bucket) error) error
	ListBuckets(ctx context.Context, start string, f func(*state.Bucket) bool) error
}

// Renames are the tokens of RenameObject.
type Renames interface {
	Rename(ctx context.Context, b *state.Bucket, principal, token string) (*state.Rename, error)
	KeepRename(ctx context.Context, b *state.Bucket, principal, token string, r *state.Rename) error
}

// Options are what a Gateway is made from. Store, Keys, Buckets, Uploads, Renames, Claims, Sessions, Region, Account and
// ServiceKey are required.
type Options struct {
	Store    objects.Store
	Keys     objects.BucketKeys
	Buckets  Buckets
	Uploads  objects.Uploads
	Renames  Renames
	Claims   objects.Claims
	Sessions session.Keys

	Region      string
	Account     string
	Zones       []string // allowed zone ids; empty: any
	Domains     []string // virtual-host style: bucket.domain
	ServiceKey  string   // ARN of the KMS key of SSE-S3, and of SSE-KMS without a key in general purpose buckets
	DefaultKMS  bool     // general purpose buckets without a configuration have SSE-KMS, not SSE-S3
	AllowedKeys []string // patterns of KMS keys that general purpose buckets may use
	StateBucket string   // in the store; unknown to clients
	StoreBucket func(bucket string) string
	// DirectoryStore says that the store is made of directory buckets, so there can be no others.
	DirectoryStore bool
	Abilities      store.Abilities
	CopyLimit      int64 // largest object, in stored bytes, that the store copies by one request; default 5 GiB
	// MetadataHeader carries the envelope at the store; lower case, begins with "x-amz-meta-".
	MetadataHeader string

	RequireTLS       policy.Require
	TrustedProxies   func(remote netip.Addr) bool // whose X-Forwarded-Proto counts; nil: nobody's
	AcceptS3Scope    bool                         // service name s3 for directory buckets
	VerboseMismatch  bool
	StrictSessionKey bool
	PerPrincipal     bool // bucket keys are kept apart by principal
	ListObjectsV1    bool // ListObjects of version 1 works in directory buckets, too; else it is 501
	PostObject       bool // form POST is carried out; else it is 405 MethodNotAllowed
	ChecksumOnGet    bool // x-amz-checksum-mode costs a second store request where it must; else only free ones are shown

	FailedLogins FailedLogins

	Tracer Tracer // nil: requests aren't traced

	Audit         Auditor // nil: decisions aren't recorded
	AuditRequired bool    // requests are refused while their records can't be written

	Log     *zap.Logger
	Observe Observer
	Now     func() time.Time
}

// An Observer is told what happens. Its functions may be nil.
type Observer struct {
	Request   func(operation, code string, took time.Duration)
	Refusal   func(row string)
	Bytes     func(direction string, n int64) // plaintext, "in" or "out"
	Integrity func(kind string)
	Shed      func(reason string)  // a request turned away for want of room
	Session   func(outcome string) // CreateSession: "issued" or its S3 error code
}

// A Gateway decides and carries out requests. It is safe for concurrent use.
type Gateway struct {
	o          Options
	options    policy.Options
	log        *zap.Logger
	verifier   *sigv4.Verifier
	logins     atomic.Pointer[logins] // nil: failed logins aren't counted
	identities atomic.Pointer[Identities]
	exchanges  sync.Pool
	admission  admission
	objects    *objects.Objects

	bucketPolicies *bucketPolicies
	opened         *lru.Cache[string, *openedSession] // by token
	served         [256]func(*exchange) error         // by operation
}

// New makes a Gateway that knows ids.
func New(o Options, ids *Identities) *Gateway {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	o.Domains = slices.Clone(o.Domains)
	for i, domain := range o.Domains {
		o.Domains[i] = strings.TrimSuffix(domain, ".")
	}
	// A domain may be below another one: the longest that a host ends in counts.
	slices.SortStableFunc(o.Domains, func(a, b string) int { return len(b) - len(a) })
	g := &Gateway{o: o, log: o.Log, bucketPolicies: newBucketPolicies(), opened: newOpenedSessions()}
	g.options = policy.Options{
		StrictSessionKey: o.StrictSessionKey, AllowedKeys: o.AllowedKeys, ServiceKey: o.ServiceKey,
		DefaultKey: o.ServiceKey, DefaultKMS: o.DefaultKMS,
	}
	g.objects = objects.New(objects.Options{
		Store: o.Store, Keys: o.Keys, Buckets: o.Buckets, Uploads: o.Uploads, Claims: o.Claims, StateBucket: o.StateBucket,
		Abilities: o.Abilities, DirectoryStore: o.DirectoryStore, CopyLimit: o.CopyLimit, MetadataHeader: o.MetadataHeader,
		ServiceKey: o.ServiceKey, PerPrincipal: o.PerPrincipal, Policy: g.options, Damaged: o.Observe.Integrity, Log: o.Log,
	})
	g.verifier = sigv4.NewVerifier(sigv4.Options{Regions: []string{o.Region}, Now: o.Now, VerboseMismatch: o.VerboseMismatch})
	g.SetFailedLogins(o.FailedLogins)
	g.SetIdentities(ids)
	g.exchanges.New = func() any { return newExchange(g) }
	for op, serve := range operations {
		g.served[op] = serve
	}
	return g
}

// SetIdentities replaces who may call. Sessions of identities that are gone end with it.
func (g *Gateway) SetIdentities(ids *Identities) {
	ids.keepShares(g.identities.Load())
	g.identities.Store(ids)
}

// exchangeKey is where an exchange that ExpectHandler has begun waits for the handler.
const exchangeKey = "sealfront exchange"

// Handle answers one request.
func (g *Gateway) Handle(ctx *fasthttp.RequestCtx) { g.guarded(ctx, func() { g.handle(ctx) }) }

func (g *Gateway) handle(ctx *fasthttp.RequestCtx) {
	x, begun := ctx.UserValue(exchangeKey).(*exchange)
	if begun {
		ctx.RemoveUserValue(exchangeKey) // from now on it ends with the request
	} else {
		x = g.begin(ctx)
	}
	x.orderly(func() {
		if !begun {
			if err := x.enter(); err != nil {
				x.fail(err)
				return
			}
		}
		x.body = ctx.RequestBodyStream()
		if err := x.serve(x); err != nil {
			x.fail(err)
			return
		}
		x.succeed()
	})
}

// guarded runs f, which answers ctx: a bug that one request comes upon must not end all others. Its connection is not
// used again.
func (g *Gateway) guarded(ctx *fasthttp.RequestCtx, f func()) {
	defer func() {
		if bug := recover(); bug != nil {
			g.log.Error("a request came upon a bug", zap.Any("panic", bug), zap.Stack("stack"))
			ctx.Response.Reset()
			writeError(&ctx.Response, s3.Internal(nil), newRequestID(), hostID, ctx.IsHead(), false)
			ctx.Response.Header.SetConnectionClose()
			g.count("", "InternalError", "", 0)
		}
	}()
	f()
}

// Expect answers Expect: 100-continue once the request has been decided: a body that would be refused is never
// asked for. fasthttp sends a refusal's status with the response as it stands here.
func (g *Gateway) Expect(ctx *fasthttp.RequestCtx) int {
	decided := false
	g.guarded(ctx, func() {
		x := g.begin(ctx)
		x.orderly(func() {
			if err := x.enter(); err != nil {
				x.fail(err)
				return
			}
			ctx.SetUserValue(exchangeKey, x)
			decided = true
		})
	})
	if !decided {
		return ctx.Response.StatusCode()
	}
	return fasthttp.StatusContinue
}

// Unreadable answers what isn't a request.
func (g *Gateway) Unreadable(ctx *fasthttp.RequestCtx, err error) {
	e := s3.Refuse("InvalidRequest", "The request could not be read.").Because(err)
	var small *fasthttp.ErrSmallBuffer
	if errors.As(err, &small) {
		e = s3.Refuse("RequestHeaderSectionTooLarge", "Your request header section exceeds the maximum allowed size.", "MaxSizeAllowed", "16384").Because(err)
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		e = s3.RequestTimeout(err)
	}
	id := newRequestID()
	keepRequestHeaders(&ctx.Response, id)
	ctx.Response.ResetBody()
	writeError(&ctx.Response, e, id, hostID, false, false)
	ctx.Response.Header.SetConnectionClose()
	g.count("", e.Code, e.Row, 0)
}

func (g *Gateway) count(operation, code, row string, took time.Duration) {
	if g.o.Observe.Request != nil {
		g.o.Observe.Request(operation, code, took)
	}
	if row != "" && code != "" && g.o.Observe.Refusal != nil {
		g.o.Observe.Refusal(row)
	}
}

// hostID is the x-amz-id-2 of this process.
var hostID = func() string {
	var b [24]byte
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rand.Uint64())
	}
	return hex.EncodeToString(b[:])
}()

// newRequestID makes the x-amz-request-id: 16 upper-case characters, like S3's.
func newRequestID() string {
	const digits = "0123456789ABCDEF"
	var id [16]byte
	for i, v := 0, rand.Uint64(); i < len(id); i, v = i+1, v>>4 { // nothing secret: it tells requests apart
		id[i] = digits[v&15]
	}
	return string(id[:])
}

// UploadGone reports whether an open upload is over and did not become an object. The janitor calls it.
func (g *Gateway) UploadGone(ctx context.Context, u *state.Upload) (bool, error) {
	return g.objects.UploadGone(ctx, u)
}

// FinishMove ends a rename whose replica has gone. The sweep of claims calls it.
func (g *Gateway) FinishMove(ctx context.Context, bucket string, m *state.Move) error {
	return g.objects.FinishMove(ctx, bucket, m)
}
