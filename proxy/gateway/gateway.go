package gateway

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/conn"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// A Gateway decides and carries out requests. It is safe for concurrent use.
type Gateway struct {
	services
	served [256]func(*exchange) error // by operation
}

var _ conn.Handler = (*Gateway)(nil)

// New makes a Gateway for the identities ids.
func New(o Options, ids *access.Identities) *Gateway {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.MetadataHeader == "" {
		o.MetadataHeader = "x-amz-meta-sealfront"
	}
	g := &Gateway{services: services{o: o, log: o.Log}}
	rules := policy.Options{
		StrictSessionKey: o.StrictSessionKey, AllowedKeys: o.AllowedKeys, ServiceKey: o.ServiceKey,
		DefaultKey: o.ServiceKey, DefaultKMS: o.DefaultKMS,
	}
	g.objects = objects.New(objects.Options{
		Store: o.Store, Keys: o.Keys, Buckets: o.Buckets, Uploads: o.Uploads, Claims: o.Claims, StateBucket: o.StateBucket,
		Abilities: o.Abilities, DirectoryStore: o.DirectoryStore, CopyLimit: o.CopyLimit, MetadataHeader: o.MetadataHeader,
		ServiceKey: o.ServiceKey, PerPrincipal: o.PerPrincipal, Policy: rules, Damaged: o.Observe.Integrity, Log: o.Log,
	})
	g.access = access.New(access.Options{
		Record: g.record, ResolveKey: g.resolveKey, CheckKey: g.objects.CheckKey,
		Served: func(op policy.Operation) bool { return g.served[op] != nil },
		Ended:  o.Ended, Sessions: o.Sessions, Region: o.Region, Account: o.Account, Domains: o.Domains,
		StateBucket: o.StateBucket, BucketPrefix: o.BucketPrefix, Policy: rules, RequireTLS: o.RequireTLS,
		TrustedProxies: o.TrustedProxies, AcceptS3Scope: o.AcceptS3Scope, VerboseMismatch: o.VerboseMismatch,
		PostObject: o.PostObject, FailedLogins: o.FailedLogins, Shed: g.shed, Now: o.Now,
	}, ids)
	g.exchanges.New = func() any { return &exchange{g: &g.services} }
	for op, o := range operations {
		g.served[op] = o.serve
	}
	return g
}

// record is a bucket's, nil for a bucket that doesn't exist. One that can't be read is refused, never defaulted.
func (g *Gateway) record(ctx context.Context, bucket string, age access.Age) (*state.Bucket, error) {
	read := g.o.Buckets.Bucket
	switch age {
	case access.Recent:
		read = g.o.Buckets.RecentBucket
	case access.Now:
		read = g.o.Buckets.FreshBucket
	}
	record, err := read(ctx, bucket)
	switch {
	case errors.Is(err, state.ErrNoBucket):
		return nil, nil
	case err != nil:
		return nil, objects.RecordError(err)
	}
	return record, nil
}

// resolveKey returns the ARN of the KMS key that an alias names now.
func (g *Gateway) resolveKey(ctx context.Context, alias string) (string, error) {
	d, err := g.o.Keys.Describe(ctx, alias)
	if err != nil {
		return "", fmt.Errorf("resolve the KMS key %s: %w", alias, err)
	}
	return d.ARN, nil
}

// Access is who may do what.
func (g *Gateway) Access() *access.Checker { return g.access }

// Objects are the store's.
func (g *Gateway) Objects() *objects.Objects { return g.objects }

// exchangeKey is where an exchange that ExpectHandler has begun waits for the handler.
const exchangeKey = "sealfront exchange"

// Handle answers one request.
func (g *Gateway) Handle(ctx *fasthttp.RequestCtx) { g.withRecover(ctx, func() { g.handle(ctx) }) }

func (g *Gateway) handle(ctx *fasthttp.RequestCtx) {
	x, begun := ctx.UserValue(exchangeKey).(*exchange)
	if begun {
		ctx.RemoveUserValue(exchangeKey) // from here on its lifetime is the request's
	} else {
		x = g.begin(ctx)
	}
	x.withCleanup(func() {
		if x.grant.ToSTS() {
			x.body.stream = ctx.RequestBodyStream()
			x.answerCall()
			return
		}
		if !begun {
			if err := g.enter(x); err != nil {
				x.fail(err)
				return
			}
		}
		x.body.stream = ctx.RequestBodyStream()
		if err := g.served[x.Operation](x); err != nil {
			x.fail(err)
			return
		}
		x.succeed()
	})
}

// withRecover runs f, which answers ctx. A panic in one request must not end the others; its connection isn't reused.
func (g *Gateway) withRecover(ctx *fasthttp.RequestCtx, f func()) {
	defer func() {
		if bug := recover(); bug != nil {
			g.log.Error("a request hit a bug", zap.Any("panic", bug), zap.Stack("stack"))
			ctx.Response.Reset()
			writeError(&ctx.Response, s3.Internal(nil), newRequestID(), hostID, ctx.IsHead(), false)
			ctx.Response.Header.SetConnectionClose()
			g.count("", "InternalError", "", 0, "")
		}
	}()
	f()
}

// Expect answers Expect: 100-continue once the request has been decided: a body that would be refused is never
// requested. fasthttp sends a refusal's status with the response as it is here.
func (g *Gateway) Expect(ctx *fasthttp.RequestCtx) int {
	decided := false
	g.withRecover(ctx, func() {
		x := g.begin(ctx)
		x.withCleanup(func() {
			if x.grant.ToSTS() { // decided by its body
				ctx.SetUserValue(exchangeKey, x)
				decided = true
				return
			}
			if err := g.enter(x); err != nil {
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

// Unreadable answers input that can't be parsed as a request.
func (g *Gateway) Unreadable(ctx *fasthttp.RequestCtx, err error) {
	e := s3.Refuse("InvalidRequest", "The request could not be read.").Because(err)
	var small *fasthttp.ErrSmallBuffer
	if errors.As(err, &small) {
		e = s3.Refuse("RequestHeaderSectionTooLarge", "Your request header section exceeds the maximum allowed size.",
			"MaxSizeAllowed", "16384").Because(err)
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		e = s3.RequestTimeout(err)
	}
	id := newRequestID()
	resetHeaders(&ctx.Response, id)
	ctx.Response.ResetBody()
	writeError(&ctx.Response, e, id, hostID, false, false)
	ctx.Response.Header.SetConnectionClose()
	g.count("", e.Code, e.Row, 0, "")
}

// SetLimits replaces the limits. Requests in flight are not affected.
func (g *Gateway) SetLimits(l Limits) { g.admission.limits.Store(&l) }

// SetLogSample has the log show this share, 0 to 1, of the requests that succeed. Those that fail it shows all.
func (g *Gateway) SetLogSample(share float64) { g.unlogged.Store(math.Float64bits(1 - share)) }

// SetPressed says whether memory is running out. While it does, new requests are answered 503 SlowDown.
func (g *Gateway) SetPressed(pressed bool) { g.admission.pressed.Store(pressed) }

// Active is the number of requests in flight.
func (g *Gateway) Active() int64 { return g.admission.active.Load() }

// Limits are those in force.
func (g *Gateway) Limits() Limits {
	if l := g.admission.limits.Load(); l != nil {
		return *l
	}
	return Limits{}
}

// Refused counts a connection that was closed because there are too many.
func (g *Gateway) Refused() { g.shed(ShedConnections) }

// begin takes an exchange for the request in ctx.
func (g *Gateway) begin(ctx *fasthttp.RequestCtx) *exchange {
	conn.EndHead(ctx.Conn())
	x := g.exchanges.Get().(*exchange)
	x.ctx, x.requestID, x.progress, x.account, x.use, x.body = ctx, newRequestID(), working, account{}, use{}, body{}
	h := &ctx.Request.Header
	x.grant.Read(ctx, h.Method(), h.RequestURI(), h.RawHeaders(), g.o.Now())
	g.access.Begin(&x.grant)
	x.Object = objects.Object{Objects: g.objects, Prepared: &x.prepared}
	// Not fasthttp's own, which is this request's memory: what is derived from it may outlive the request by a timer.
	x.context = conn.Context(ctx.Conn())
	x.account.sentBefore = store.Sent(x.context)
	x.beginSpan()
	x.show("x-amz-request-id", x.requestID)
	x.show("x-amz-id-2", hostID)
	return x
}

// enter admits a request and decides it.
func (g *Gateway) enter(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	if err := x.reserveRecord(); err != nil {
		return err
	}
	err := x.decide()
	x.account.permitted = err == nil
	if !x.endsWithClient() {
		x.context = context.WithoutCancel(x.context)
	}
	return err
}

// endsWithClient reports whether the work for the request ends when its client leaves: that of requests that read, and
// of those that change something by one request to the store. What takes several is carried through, since half of it
// would be somebody else's to clean up.
func (x *exchange) endsWithClient() bool {
	switch x.Operation {
	case policy.PutObject:
		return x.grant.Value("x-amz-write-offset-bytes") == ""
	case policy.UploadPart, policy.DeleteObject:
		return true
	}
	return x.Method == "GET" || x.Method == "HEAD"
}
