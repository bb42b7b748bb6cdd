package tracing

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"sealfront/proxy/gateway"
)

// Options for New.
type Options struct {
	Endpoint string            // URL of the collector, such as http://127.0.0.1:4318/v1/traces
	Headers  map[string]string // sent with each export
	Sample   float64           // share of the traces begun here; a client that sends traceparent decides for its own
	TLS      *tls.Config       // nil: the system's authorities
	Version  string
	Failed   func(error) // called with why spans could not be sent
}

// Tracing makes spans and sends them. It is safe for concurrent use.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// New starts sending. It doesn't wait for the collector.
func New(ctx context.Context, o Options) (*Tracing, error) {
	options := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(o.Endpoint), otlptracehttp.WithHeaders(o.Headers)}
	if o.TLS != nil {
		options = append(options, otlptracehttp.WithTLSClientConfig(o.TLS))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("make the exporter of traces: %w", err)
	}
	if o.Failed != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(o.Failed))
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(2*time.Second)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Sample))),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "sealfront"),
			attribute.String("service.version", o.Version))),
	)
	return &Tracing{provider, provider.Tracer("sealfront")}, nil
}

// Close sends what waits, until ctx ends.
func (t *Tracing) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

var _ gateway.Tracer = (*Tracing)(nil)

// Start begins the span of a request.
func (t *Tracing) Start(ctx context.Context, traceparent, requestID string, at time.Time) (context.Context,
	gateway.Span,
) {
	if traceparent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
	}
	ctx, s := t.tracer.Start(ctx, "S3 request", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(at),
		trace.WithAttributes(attribute.String("aws.request_id", requestID)))
	return ctx, span{s}
}

type span struct{ trace.Span }

// TraceID is the trace's id in hex.
func (s span) TraceID() string { return s.SpanContext().TraceID().String() }

// End ends the span.
func (s span) End(e gateway.SpanEnd) {
	if s.IsRecording() {
		if e.Operation != "" {
			s.SetName(e.Operation)
		}
		s.SetAttributes(
			attribute.String("rpc.system", "aws-api"), attribute.String("rpc.service", "S3"),
			attribute.String("rpc.method", e.Operation),
			attribute.String("aws.s3.bucket", e.Bucket), attribute.String("sealfront.code", e.Code),
			attribute.String("sealfront.row", e.Row),
			attribute.String("sealfront.principal", e.Principal), attribute.Int("http.response.status_code", e.Status),
			attribute.Int64("sealfront.bytes_in", e.In), attribute.Int64("sealfront.bytes_out", e.Out),
		)
		if e.Status >= 500 {
			s.SetStatus(codes.Error, e.Code)
		}
	}
	s.Span.End()
}

// finish ends a client span.
func finish(s trace.Span, err error) {
	if err != nil {
		s.SetStatus(codes.Error, "")
		s.RecordError(err)
	}
	s.End()
}
