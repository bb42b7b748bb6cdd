package gateway

import (
	"context"
	"time"
)

// A Tracer makes the span of each request.
type Tracer interface {
	// Start begins a span at a time. What is done for the request under the context it returns belongs to the span.
	Start(ctx context.Context, traceparent, requestID string, at time.Time) (context.Context, Span)
}

// A Span is that of one request.
type Span interface {
	TraceID() string
	End(e SpanEnd)
}

// A SpanEnd is what came of a request. It has no object's key.
type SpanEnd struct {
	Operation, Bucket, Principal, Code, Row string
	Status                                  int
	In, Out                                 int64
}

// beginSpan begins the request's span, where requests are traced.
func (x *exchange) beginSpan() {
	if t := x.g.o.Tracer; t != nil {
		x.Context, x.account.span = t.Start(x.Context, string(x.grant.Bytes("traceparent")), x.requestID, x.grant.Start)
	}
}

func (x *exchange) endSpan(code, row string) {
	if x.account.span == nil {
		return
	}
	e := SpanEnd{
		Operation: x.Operation.String(), Bucket: string([]byte(x.Bucket)), Code: code, Row: row,
		Status: x.ctx.Response.StatusCode(), In: x.account.in, Out: x.account.out,
	}
	if x.grant.Identity != nil {
		e.Principal = x.grant.Identity.Name
	}
	x.account.span.End(e)
}

// traceID is that of the request's trace; "" when it isn't traced.
func (x *exchange) traceID() string {
	if x.account.span == nil {
		return ""
	}
	return x.account.span.TraceID()
}
