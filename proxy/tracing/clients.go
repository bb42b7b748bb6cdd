package tracing

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"sealfront/crypto/keyring"
	"sealfront/proxy/objects"
	"sealfront/proxy/store"
)

// Store is s, which is at an endpoint, with a span for each request, which ends with the head of the answer.
func (t *Tracing) Store(s objects.Store, endpoint string) objects.Store {
	return &tracedStore{t, s, append(serverOf(endpoint), service("S3")...)}
}

type tracedStore struct {
	t      *Tracing
	next   objects.Store
	server []attribute.KeyValue
}

func (s *tracedStore) start(ctx context.Context, operation, bucket string) (context.Context, trace.Span) {
	return s.t.tracer.Start(ctx, "store "+operation, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(s.server...),
		trace.WithAttributes(attribute.String("rpc.method", operation), attribute.String("aws.s3.bucket", bucket)))
}

func (s *tracedStore) Do(ctx context.Context, r *store.Request) (*store.Answer, error) {
	ctx, span := s.start(ctx, r.Operation, r.Bucket)
	a, err := s.next.Do(ctx, r)
	if err != nil {
		finish(span, err, store.Trouble(err))
		return a, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", a.Status))
	if a.Status >= http.StatusInternalServerError {
		span.SetAttributes(attribute.String("error.type", strconv.Itoa(a.Status)))
		span.SetStatus(codes.Error, "")
	}
	span.End()
	return a, nil
}

func (s *tracedStore) CreateBucket(ctx context.Context, bucket string, objectLock bool) error {
	ctx, span := s.start(ctx, "CreateBucket", bucket)
	err := s.next.CreateBucket(ctx, bucket, objectLock)
	kind := ""
	if fault, ok := errors.AsType[*store.Fault](err); ok {
		kind = strconv.Itoa(fault.Status)
	} else if err != nil {
		kind = store.Trouble(err)
	}
	finish(span, err, kind)
	return err
}

// KMS is k, which is at an endpoint, with a span for each call.
func (t *Tracing) KMS(k keyring.KMS, endpoint string) keyring.KMS {
	return &tracedKMS{t, k, append(serverOf(endpoint), service("KMS")...)}
}

type tracedKMS struct {
	t      *Tracing
	next   keyring.KMS
	server []attribute.KeyValue
}

// service is the attributes for one of AWS's APIs.
func service(name string) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("rpc.system", "aws-api"), attribute.String("rpc.service", name)}
}

// kmsKind is the error.type of a call: KMS's own name of the error, or what became of the call.
func kmsKind(err error) string {
	var coded interface{ ErrorCode() string }
	switch {
	case errors.As(err, &coded):
		return coded.ErrorCode()
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "unreachable"
}

func (k *tracedKMS) start(ctx context.Context, call, keyID string) (context.Context, trace.Span) {
	return k.t.tracer.Start(ctx, "KMS "+call, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(k.server...),
		trace.WithAttributes(attribute.String("rpc.method", call), attribute.String("aws.kms.key_id", keyID)))
}

func (k *tracedKMS) GenerateDataKey(ctx context.Context, keyID string, encryptionContext map[string]string) (plaintext,
	blob []byte, err error,
) {
	ctx, span := k.start(ctx, "GenerateDataKey", keyID)
	defer func() { finish(span, err, kmsKind(err)) }()
	return k.next.GenerateDataKey(ctx, keyID, encryptionContext)
}

func (k *tracedKMS) Decrypt(ctx context.Context, keyID string, blob []byte,
	encryptionContext map[string]string,
) (plaintext []byte, err error) {
	ctx, span := k.start(ctx, "Decrypt", keyID)
	defer func() { finish(span, err, kmsKind(err)) }()
	return k.next.Decrypt(ctx, keyID, blob, encryptionContext)
}

func (k *tracedKMS) DescribeKey(ctx context.Context, keyID string) (arn, state, manager, spec, usage string,
	err error,
) {
	ctx, span := k.start(ctx, "DescribeKey", keyID)
	defer func() { finish(span, err, kmsKind(err)) }()
	return k.next.DescribeKey(ctx, keyID)
}
