package tracing_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"sealfront/proxy/gateway"
	"sealfront/proxy/store"
	"sealfront/proxy/tracing"
)

// A collector holds the spans that it was sent.
type collector struct {
	*httptest.Server
	mu       sync.Mutex
	spans    []*tracepb.Span
	service  string
	token    string
	instance string
}

func newCollector(t *testing.T, secure bool) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var in coltrace.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &in); err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.token = r.Header.Get("X-Token")
		for _, resource := range in.ResourceSpans {
			c.service = value(resource.Resource.Attributes, "service.name") + " " + value(resource.Resource.Attributes,
				"service.version")
			c.instance = value(resource.Resource.Attributes, "service.instance.id") + " " +
				value(resource.Resource.Attributes, "host.name")
			for _, scope := range resource.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
	}))
	if secure {
		c.StartTLS()
	} else {
		c.Start()
	}
	t.Cleanup(c.Close)
	return c
}

// span returns the only span of a name.
func (c *collector) span(t *testing.T, name string) *tracepb.Span {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	var found *tracepb.Span
	for _, s := range c.spans {
		if names = append(names, s.Name); s.Name == name {
			if found != nil {
				t.Errorf("two spans %q", name)
			}
			found = s
		}
	}
	if found == nil {
		t.Fatalf("no span %q, only %q", name, names)
	}
	return found
}

func value(list []*commonpb.KeyValue, name string) string {
	for _, a := range list {
		if a.Key == name {
			if s, ok := a.Value.Value.(*commonpb.AnyValue_IntValue); ok {
				return time.Duration(s.IntValue).String()
			}
			return a.Value.GetStringValue()
		}
	}
	return ""
}

func begin(t *testing.T, c *collector, change func(*tracing.Options)) *tracing.Tracing {
	t.Helper()
	o := tracing.Options{
		Endpoint: c.URL + "/v1/traces", Headers: map[string]string{"X-Token": "token"}, Sample: 1,
		Version: "1.2", Host: "machine",
	}
	if change != nil {
		change(&o)
	}
	tr, err := tracing.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func closed(t *testing.T, tr *tracing.Tracing) {
	t.Helper()
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

var errAway = errors.New("away")

// fakeStore answers with what it is told.
type fakeStore struct{ err error }

func (f fakeStore) Do(context.Context, *store.Request) (*store.Answer, error) {
	if f.err != nil {
		return nil, f.err
	}
	return &store.Answer{Status: 206}, nil
}
func (f fakeStore) CreateBucket(context.Context, string, bool) error { return f.err }

// A request's span goes on with the client's trace and says what came of it; what was done for it is beneath.
func TestARequestIsTracedWithWhatItCost(t *testing.T) {
	c := newCollector(t, false)
	tr := begin(t, c, nil)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ctx, span := tr.Start(t.Context(), traceparent, "R1", at)
	if span.TraceID() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("trace %s", span.TraceID())
	}
	a, err := tr.Store(fakeStore{}, "http://store.example:7070").Do(ctx,
		&store.Request{Operation: "GetObject", Bucket: "b", Key: "secret-key"})
	if err != nil || a.Status != 206 {
		t.Errorf("%+v, %v", a, err)
	}
	if err := tr.Store(fakeStore{errAway}, "http://store.example:7070").CreateBucket(ctx, "new", true); !errors.Is(err,
		errAway) {
		t.Errorf("%v", err)
	}
	span.End(gateway.SpanEnd{
		Operation: "GetObject", Bucket: "b", Principal: "app", Code: "SlowDown", Row: "A1",
		Status: 503, In: 3, Out: 4, Sent: 2, Host: "b.s3.example.com:8443",
	})
	closed(t, tr)

	request := c.span(t, "GetObject")
	if hex.EncodeToString(request.ParentSpanId) != "b7ad6b7169203331" ||
		request.Kind != tracepb.Span_SPAN_KIND_SERVER ||
		request.StartTimeUnixNano != uint64(at.UnixNano()) || request.Status.Code != tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("%+v", request)
	}
	for name, want := range map[string]string{
		"aws.request_id": "R1", "aws.s3.bucket": "b", "sealfront.principal": "app", "sealfront.code": "SlowDown",
		"sealfront.row":             "A1",
		"http.response.status_code": time.Duration(503).String(), "sealfront.bytes_in": time.Duration(3).String(),
		"sealfront.bytes_out": time.Duration(4).String(), "rpc.method": "GetObject",
		"sealfront.store_attempts": time.Duration(2).String(), "error.type": "SlowDown",
		"server.address": "b.s3.example.com", "server.port": time.Duration(8443).String(),
	} {
		if got := value(request.Attributes, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	sent := c.span(t, "store GetObject")
	if !slices.Equal(sent.ParentSpanId, request.SpanId) || sent.Kind != tracepb.Span_SPAN_KIND_CLIENT ||
		value(sent.Attributes, "http.response.status_code") != time.Duration(206).String() ||
		value(sent.Attributes, "aws.s3.bucket") != "b" || value(sent.Attributes, "server.address") != "store.example" ||
		value(sent.Attributes, "server.port") != time.Duration(7070).String() ||
		value(sent.Attributes, "rpc.service") != "S3" || value(sent.Attributes, "error.type") != "" {
		t.Errorf("%+v", sent)
	}
	failed := c.span(t, "store CreateBucket")
	if failed.Status.Code != tracepb.Status_STATUS_CODE_ERROR || len(failed.Events) != 1 ||
		value(failed.Attributes, "error.type") != "unavailable" {
		t.Errorf("%+v", failed)
	}
	for _, s := range c.spans {
		if strings.Contains(s.String(), "secret-key") {
			t.Errorf("an object's key is in a span: %v", s)
		}
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12} machine$`).MatchString(c.instance) {
		t.Errorf("instance %q", c.instance)
	}
	if c.service != "sealfront 1.2" || c.token != "token" {
		t.Errorf("service %q, header %q", c.service, c.token)
	}
}

// fakeKMS answers every call, or fails every one.
type fakeKMS struct{ err error }

func (k fakeKMS) GenerateDataKey(context.Context, string, map[string]string) ([]byte, []byte, error) {
	return []byte("plain"), []byte("blob"), k.err
}

func (k fakeKMS) Decrypt(context.Context, string, []byte, map[string]string) ([]byte, error) {
	return []byte("plain"), k.err
}

func (k fakeKMS) DescribeKey(context.Context, string) (arn, state, manager, spec, usage string, err error) {
	return "arn", "Enabled", "CUSTOMER", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", k.err
}

// Calls of KMS have spans that name the key, hand on every result, and hold no secret.
func TestCallsOfKMSAreTraced(t *testing.T) {
	for _, err := range []error{nil, errAway} {
		c := newCollector(t, true)
		roots := x509.NewCertPool()
		roots.AddCert(c.Certificate())
		tr := begin(t, c, func(o *tracing.Options) {
			o.TLS = &tls.Config{
				RootCAs:    roots,
				MinVersion: tls.VersionTLS12,
			}
		})
		k := tr.KMS(fakeKMS{err}, "https://kms.example")
		if plain, blob, got := k.GenerateDataKey(t.Context(), "key", nil); string(plain) != "plain" ||
			string(blob) != "blob" || !errors.Is(got, err) {
			t.Errorf("GenerateDataKey: %q, %q, %v", plain, blob, got)
		}
		if plain, got := k.Decrypt(t.Context(), "key", []byte("blob"), nil); string(plain) != "plain" ||
			!errors.Is(got, err) {
			t.Errorf("Decrypt: %q, %v", plain, got)
		}
		if arn, state, manager, spec, usage, got := k.DescribeKey(t.Context(), "key"); arn+state+manager+spec+usage !=
			"arnEnabledCUSTOMERSYMMETRIC_DEFAULTENCRYPT_DECRYPT" || !errors.Is(got, err) {
			t.Errorf("DescribeKey: %q, %q, %q, %q, %q, %v", arn, state, manager, spec, usage, got)
		}
		closed(t, tr)
		for _, call := range []string{"GenerateDataKey", "Decrypt", "DescribeKey"} {
			s := c.span(t, "KMS "+call)
			if value(s.Attributes, "aws.kms.key_id") != "key" ||
				(s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR) != (err != nil) ||
				value(s.Attributes, "server.address") != "kms.example" || value(s.Attributes, "rpc.service") != "KMS" ||
				(value(s.Attributes, "error.type") == "unreachable") != (err != nil) {
				t.Errorf("%v", s)
			}
			if strings.Contains(s.String(), "plain") || strings.Contains(s.String(), "blob") {
				t.Errorf("a secret is in a span: %v", s)
			}
		}
	}
}

// A share of the traces that begin here is sent; a client that is traced, or says that it isn't, decides for its own.
func TestSampling(t *testing.T) {
	c := newCollector(t, false)
	tr := begin(t, c, func(o *tracing.Options) { o.Sample = 0 })
	for name, parent := range map[string]string{
		"sent": traceparent, "begun here": "", "not sampled by the client": strings.TrimSuffix(traceparent, "1") + "0",
		"garbled": "00-x",
	} {
		_, span := tr.Start(t.Context(), parent, name, time.Now())
		if len(span.TraceID()) != 32 {
			t.Errorf("%s: trace %q", name, span.TraceID())
		}
		span.End(gateway.SpanEnd{Status: 200})
	}
	closed(t, tr)
	if s := c.span(t, "S3 request"); value(s.Attributes, "aws.request_id") != "sent" ||
		s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("%v", s)
	}
}

// A collector that refuses costs spans: that they could not be sent is reported, and nothing waits for it.
func TestACollectorThatRefuses(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request,
	) {
		w.WriteHeader(http.StatusForbidden)
	}))
	defer s.Close()
	failed := make(chan error, 8)
	tr, err := tracing.New(t.Context(),
		tracing.Options{Endpoint: s.URL, Sample: 1, Failed: func(err error) { failed <- err }})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tr.Start(t.Context(), "", "R", time.Now())
	span.End(gateway.SpanEnd{})
	_ = tr.Close(t.Context())
	select {
	case err := <-failed:
		if !strings.Contains(err.Error(), "403") {
			t.Errorf("%v", err)
		}
	default:
		t.Error("nobody was told that spans were lost")
	}
}

// The type of an error is the status, the store's silence by its kind, or KMS's name of it.
func TestErrorsHaveTypes(t *testing.T) {
	c := newCollector(t, false)
	tr := begin(t, c, nil)
	s := tr.Store(answering(503), "http://[::1]:80")
	if a, err := s.Do(t.Context(), &store.Request{Operation: "GetObject"}); err != nil || a.Status != 503 {
		t.Errorf("%+v, %v", a, err)
	}
	hangs := fmt.Errorf("%w: %w", store.ErrUnavailable, store.ErrHangs)
	if _, err := tr.Store(fakeStore{hangs}, "").Do(t.Context(), &store.Request{Operation: "PutObject"}); !errors.Is(err,
		hangs) {
		t.Error(err)
	}
	refused := &store.Fault{Operation: "CreateBucket", Status: 409}
	if err := tr.Store(fakeStore{refused}, "").CreateBucket(t.Context(), "b", false); !errors.Is(err, refused) {
		t.Error(err)
	}
	for call, err := range map[string]error{
		"GenerateDataKey": namedError("DisabledException"), "Decrypt": context.DeadlineExceeded,
		"DescribeKey": context.Canceled,
	} {
		k := tr.KMS(fakeKMS{err}, "")
		switch call {
		case "GenerateDataKey":
			_, _, _ = k.GenerateDataKey(t.Context(), "key", nil)
		case "Decrypt":
			_, _ = k.Decrypt(t.Context(), "key", nil, nil)
		default:
			_, _, _, _, _, _ = k.DescribeKey(t.Context(), "key")
		}
	}
	closed(t, tr)
	for name, want := range map[string]string{
		"store GetObject": "503", "store PutObject": "hanging", "store CreateBucket": "409",
		"KMS GenerateDataKey": "DisabledException", "KMS Decrypt": "timeout", "KMS DescribeKey": "canceled",
	} {
		span := c.span(t, name)
		if got := value(span.Attributes, "error.type"); got != want ||
			span.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR {
			t.Errorf("%s: %q, want %q; %v", name, got, want, span.Status)
		}
	}
	if got := value(c.span(t, "store GetObject").Attributes, "server.address"); got != "::1" {
		t.Errorf("address %q", got)
	}
}

// answering is a store that answers with a status.
type answering int

func (a answering) Do(context.Context, *store.Request) (*store.Answer, error) {
	return &store.Answer{Status: int(a)}, nil
}
func (answering) CreateBucket(context.Context, string, bool) error { return nil }

// namedError is an error of KMS.
type namedError string

func (e namedError) Error() string     { return string(e) }
func (e namedError) ErrorCode() string { return string(e) }
