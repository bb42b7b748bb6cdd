package gateway

import (
	"context"

	"github.com/valyala/fasthttp"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// An exchange is the state of one request: the request with what was granted to it, the object that it names, its body
// and its answer. It comes from a pool and returns to it when the answer's body has been sent.
//
// What is reused: the memory of grant, scratch and prepared. They hold slices that fasthttp lends until the handler
// returns, or until the answer's body stream is closed. begin resets everything else. No part of an exchange outlives
// finish.
type exchange struct {
	g         *services
	ctx       *fasthttp.RequestCtx // the answer is written to its response
	context   context.Context      // of the work for the request; the claim's context while one is held
	requestID string

	grant          access.Grant
	objects.Object // that the request names

	body     body
	scratch  requestScratch
	prepared objects.PreparedRef // behind Object.Prepared
	progress progress
	account  account
	use      use
}

// progress is how much of the answer has been sent.
type progress uint8

const (
	working   progress = iota
	streaming          // the answer's body goes out after the handler
	done
)

// account is what the log, the audit log and the metrics record of a request.
type account struct {
	in, out    int64  // plaintext
	sentBefore int64  // requests to the store that went out for earlier requests of the connection
	span       Span   // nil when requests aren't traced
	action     string // of a call of STS; "" of a request to S3
	permitted  bool   // the request has its permission
	reserved   bool   // there is room for its record in the audit log
}

// use is a request's share of what is limited for all requests together.
type use struct {
	admitted bool  // counted among the requests in flight
	charged  int64 // charged for its document
}

// requestScratch is memory that requests which put or get an object reuse; it belongs to a request while its handler
// runs.
type requestScratch struct {
	plain     plainBody
	integrity integrity
	object    objects.Scratch
	existing  policy.Encryption // of the object that is read
	options   policy.Options    // of the decision about it
}

// forget drops what the last request left. Hashes and the envelope's memory stay.
func (t *requestScratch) forget() {
	if t.plain.x == nil && !t.object.Used() {
		return
	}
	t.plain = plainBody{}
	t.object.Forget()
	t.existing, t.options = policy.Encryption{}, policy.Options{}
	t.integrity = integrity{hashes: t.integrity.hashes}
}

// decide decides everything that comes before the request's body.
func (x *exchange) decide() error {
	err := x.grant.Check(x.context)
	x.setObject()
	if err != nil {
		return err
	}
	return x.CheckRequested()
}

// setObject sets x's object to the one that the request names.
func (x *exchange) setObject() {
	g, o := &x.grant, &x.Object
	o.Bucket, o.Key, o.Version, o.Record, o.Facts = g.Bucket, g.Key, g.Version, g.Record, g.Facts
	o.Operation, o.Method = g.Operation, s3.View(g.Message.Method)
	if g.Identity != nil {
		o.Principal = g.Identity.Unit()
	}
}

// setRecord replaces the request's bucket record by a newer one of the same bucket.
func (x *exchange) setRecord(record *state.Bucket) {
	x.grant.SetRecord(record)
	x.Record, x.Facts = record, x.grant.Facts
}

// operation is the name of what the request asks for, for logs and metrics.
func (x *exchange) operation() string {
	if x.account.action != "" {
		return x.account.action
	}
	return x.Operation.String()
}

// at returns another object than the request's own. It lives no longer than x.
func (x *exchange) at(record *state.Bucket, key string) *objects.Object {
	return x.Object.At(record, x.g.access.FactsOf(record), key)
}

// place is an object as permissions see it.
func (x *exchange) place(y *objects.Object) (access.Place, error) {
	return x.g.access.PlaceOf(y.Record, y.Key, y.Version)
}

// claimed runs f while the request holds the claims of these keys of its bucket; what f sends to the store ends with
// them.
func (x *exchange) claimed(f func(c *state.Claim) error, keys ...string) error {
	return x.Object.Claimed(x.context, func(ctx context.Context, c *state.Claim) error {
		before := x.context
		x.context = ctx
		defer func() { x.context = before }()
		return f(c)
	}, keys...)
}
