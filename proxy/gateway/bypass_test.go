package gateway

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"sealfront/crypto"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// answeringStore is a store whose every object is the empty one, and which takes note of what it is asked.
type answeringStore struct {
	*store.Client
	mu    sync.Mutex
	asked map[string]map[string]string // headers in question, by method
}

func newAnsweringStore(t *testing.T) *answeringStore {
	t.Helper()
	s := &answeringStore{asked: make(map[string]map[string]string)}
	envelope := crypto.Envelope{
		ObjectID: crypto.NewSalt(), SSE: crypto.SSES3, KeyARN: keyOne, Blob: []byte("blob"),
		Wrapped: make([]byte, 57),
	}
	ln := fasthttputil.NewInmemoryListener()
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		s.mu.Lock()
		s.asked[string(ctx.Method())] = map[string]string{
			objects.BypassHeader: string(ctx.Request.Header.Peek(objects.BypassHeader)),
			"If-Match":           string(ctx.Request.Header.Peek("If-Match")),
		}
		s.mu.Unlock()
		ctx.Response.Header.Set("ETag", `"e"`)
		if ctx.IsDelete() {
			ctx.Response.SetStatusCode(fasthttp.StatusNoContent)
			return
		}
		ctx.Response.Header.SetBytesV("x-amz-meta-sealfront", envelope.AppendText(nil))
		ctx.Response.SkipBody = true
		ctx.Response.Header.SetContentLength(0)
	}}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	t.Cleanup(func() {
		_ = ln.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	var err error
	s.Client, err = store.New(store.Options{
		Endpoint: "http://store", Region: "us-west-2",
		Credentials: func(context.Context) (sigv4.Credentials, error) {
			return sigv4.Credentials{AccessKeyID: "a", SecretAccessKey: "s"}, nil
		},
		Dial: func(context.Context, string, string) (net.Conn, error) { return ln.Dial() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *answeringStore) CreateBucket(context.Context, string, bool) error { return nil }

// An entry of DeleteObjects with conditions is deleted in spite of a retention as one without is, by who may.
func TestEntriesWithConditionsBypassRetentions(t *testing.T) {
	s := newAnsweringStore(t)
	g := testGateway(t, func(o *Options) { o.Store, o.Abilities.ConditionalDelete = s, true })
	for who, want := range map[string]string{"all": "true", "reader": ""} {
		for _, header := range []string{"true", "TRUE", ""} {
			r := &testRequest{
				method: "POST", path: "/kms", query: "delete=",
				header: []string{"content-md5: 1B2M2Y8AsgTpgAmY7PhCfg=="}, who: who,
			}
			if header != "" {
				r.header = append(r.header, objects.BypassHeader+": "+header)
			}
			x := r.exchange(t, g)
			err := x.decide()
			if (err == nil) != (who == "all") {
				t.Fatalf("%s: %v", who, err)
			}
			if err == nil {
				y := x.at(x.Record, "key")
				y.Version = "v"
				if _, err := y.Remove(t.Context(), s3.ClientETag([]byte(`"e"`)), "0", "", x.bypasses()); err != nil {
					t.Fatal(err)
				}
				s.mu.Lock()
				if asked := s.asked["DELETE"]; asked[objects.BypassHeader] != map[bool]string{true: want}[header != ""] ||
					asked["If-Match"] != `"e"` {
					t.Errorf("%s with %q: the store was asked with %v", who, header, asked)
				}
				s.mu.Unlock()
			}
			x.finish("", nil)
		}
	}
	// Who may only delete may not delete in spite of a retention, entry by entry.
	for header, want := range map[string]string{"": "", objects.BypassHeader + ": true": "AccessDenied"} {
		r := &testRequest{
			method: "POST", path: "/kms", query: "delete=",
			header: []string{"content-md5: 1B2M2Y8AsgTpgAmY7PhCfg=="}, who: "deleter",
		}
		if header != "" {
			r.header = append(r.header, header)
		}
		x := r.exchange(t, g)
		if err := x.decide(); err != nil {
			t.Fatal(err)
		}
		for _, d := range []deletion{{Key: "key"}, {Key: "key", ETag: "e"}} {
			got := ""
			if err := x.permitDeletion(&d, x.at(x.Record, "key")); err != nil {
				got = objects.Translate(err).Code
			}
			if got != want {
				t.Errorf("%+v with %q: %q, want %q", d, header, got, want)
			}
		}
		x.finish("", nil)
	}
}
