package tracing

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
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
	Instance string      // tells the process from its replicas; "": a random UUID
	Host     string      // the machine's name; "": the system's word for it
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
	if o.Instance == "" {
		o.Instance = uuid()
	}
	if o.Host == "" {
		o.Host, _ = os.Hostname()
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(2*time.Second)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Sample))),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "sealfront"),
			attribute.String("service.version", o.Version), attribute.String("service.instance.id", o.Instance),
			attribute.String("host.name", o.Host))),
	)
	return &Tracing{provider, provider.Tracer("sealfront")}, nil
}

// uuid is a random UUID, version 4, as the conventions want it of service.instance.id.
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
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

// Sampled reports whether the span is sent.
func (s span) Sampled() bool { return s.SpanContext().IsSampled() }

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
		s.SetAttributes(server(e.Host)...)
		if e.Sent >= 0 {
			s.SetAttributes(attribute.Int64("sealfront.store_attempts", e.Sent))
		}
		if e.Status >= 500 {
			s.SetAttributes(attribute.String("error.type", e.Code))
			s.SetStatus(codes.Error, e.Code)
		}
	}
	s.Span.End()
}

// finish ends a client span. kind is the error.type of err.
func finish(s trace.Span, err error, kind string) {
	if err != nil {
		s.SetAttributes(attribute.String("error.type", kind))
		s.SetStatus(codes.Error, "")
		s.RecordError(err)
	}
	s.End()
}

// server is the attributes for a host, with a port or without.
func server(host string) []attribute.KeyValue {
	if host == "" {
		return nil
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		return []attribute.KeyValue{attribute.String("server.address", strings.Trim(host, "[]"))}
	}
	a := []attribute.KeyValue{attribute.String("server.address", name)}
	if n, err := strconv.Atoi(port); err == nil {
		a = append(a, attribute.Int("server.port", n))
	}
	return a
}

// serverOf is the attributes for a URL.
func serverOf(endpoint string) []attribute.KeyValue {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil
	}
	return server(u.Host)
}
