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

// A SpanEnd is the outcome of a request. It doesn't contain the object's key.
type SpanEnd struct {
	Operation, Bucket, Principal, Code, Row string
	Status                                  int
	In, Out                                 int64
}
