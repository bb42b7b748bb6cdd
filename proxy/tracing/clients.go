package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"sealfront/crypto/keyring"
	"sealfront/proxy/objects"
	"sealfront/proxy/store"
)

// Store is s with a span for each request, which ends with the head of the answer.
func (t *Tracing) Store(s objects.Store) objects.Store { return &tracedStore{t, s} }

type tracedStore struct {
	t    *Tracing
	next objects.Store
}

func (s *tracedStore) Do(ctx context.Context, r *store.Request) (*store.Answer, error) {
	ctx, span := s.t.tracer.Start(ctx, "store "+r.Operation, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("aws.s3.bucket", r.Bucket)))
	a, err := s.next.Do(ctx, r)
	if err == nil {
		span.SetAttributes(attribute.Int("http.response.status_code", a.Status))
	}
	finish(span, err)
	return a, err
}

func (s *tracedStore) CreateBucket(ctx context.Context, bucket string, objectLock bool) error {
	ctx, span := s.t.tracer.Start(ctx, "store CreateBucket", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("aws.s3.bucket", bucket)))
	err := s.next.CreateBucket(ctx, bucket, objectLock)
	finish(span, err)
	return err
}

// KMS is k with a span for each call.
func (t *Tracing) KMS(k keyring.KMS) keyring.KMS { return &tracedKMS{t, k} }

type tracedKMS struct {
	t    *Tracing
	next keyring.KMS
}

func (k *tracedKMS) start(ctx context.Context, call, keyID string) (context.Context, trace.Span) {
	return k.t.tracer.Start(ctx, "KMS "+call, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("aws.kms.key_id", keyID)))
}

func (k *tracedKMS) GenerateDataKey(ctx context.Context, keyID string, encryptionContext map[string]string) (plaintext,
	blob []byte, err error,
) {
	ctx, span := k.start(ctx, "GenerateDataKey", keyID)
	defer func() { finish(span, err) }()
	return k.next.GenerateDataKey(ctx, keyID, encryptionContext)
}

func (k *tracedKMS) Decrypt(ctx context.Context, keyID string, blob []byte,
	encryptionContext map[string]string,
) (plaintext []byte, err error) {
	ctx, span := k.start(ctx, "Decrypt", keyID)
	defer func() { finish(span, err) }()
	return k.next.Decrypt(ctx, keyID, blob, encryptionContext)
}

func (k *tracedKMS) DescribeKey(ctx context.Context, keyID string) (arn, state, manager, spec, usage string,
	err error,
) {
	ctx, span := k.start(ctx, "DescribeKey", keyID)
	defer func() { finish(span, err) }()
	return k.next.DescribeKey(ctx, keyID)
}
