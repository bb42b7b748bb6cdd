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
	Sampled() bool // the collector gets it
	End(e SpanEnd)
}

// A SpanEnd is the outcome of a request. It doesn't contain the object's key.
type SpanEnd struct {
	Operation, Bucket, Principal, Code, Row string
	Status                                  int
	In, Out                                 int64
	Sent                                    int64  // requests to the store that went out for it; -1 if they aren't counted
	Host                                    string // as the client called it, with a port if it named one
}
