package admin_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/admin"
	"sealfront/proxy/config"
	"sealfront/proxy/health"
	"sealfront/proxy/metrics"
	"sealfront/proxy/status"
)

// An operator calls an admin address that a test serves.
type operator struct {
	t      *testing.T
	server *admin.Server
	url    string
}

func serve(t *testing.T, o admin.Options) *operator {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := admin.New(o)
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &operator{t, s, "http://" + ln.Addr().String()}
}

func (o *operator) call(method, path string) (status int, text string) {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.url+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (o *operator) want(method, path string, status int, words string) {
	o.t.Helper()
	if got, text := o.call(method, path); got != status || !strings.Contains(text, words) {
		o.t.Errorf("%s %s: %d %s, want %d %s", method, path, got, text, status, words)
	}
}

func options(t *testing.T) admin.Options {
	t.Helper()
	c, err := config.Embedded(t.TempDir(), "us-west-2", "127.0.0.1:0", "", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return admin.Options{Config: c, Metrics: metrics.New(), Health: health.New(health.Options{})}
}

func TestReadiness(t *testing.T) {
	o := options(t)
	o.Config.Admin.ReadyNeeds = []string{"kms"}
	kms, certificate := health.Finding{State: health.Refusing, Why: "no key"}, health.Finding{State: health.Well}
	o.Health = health.New(health.Options{},
		health.Dependency{Name: "store", Works: "little", Look: func() health.Finding {
			return health.Finding{State: health.Hanging, Why: "gone, but not needed"}
		}},
		health.Dependency{Name: "kms", Look: func() health.Finding { return kms }},
		health.Dependency{Name: "certificates", Look: func() health.Finding { return certificate }})
	a := serve(t, o)
	a.want("GET", "/livez", 200, "ok")
	a.want("GET", "/readyz", 503, "draining, or not started yet")
	a.server.SetReady(true)
	a.want("GET", "/readyz", 503, "not ready: kms: refusing: no key")
	if _, text := a.call("GET", "/readyz"); strings.Contains(text, "not needed") {
		t.Errorf("%q", text)
	}
	a.want("GET", "/readyz?verbose", 503, "store hanging: gone, but not needed, since ")
	a.want("GET", "/readyz?verbose", 503, "\n  meanwhile: little\nkms refusing: no key")
	kms = health.Finding{State: health.Slow}
	a.want("GET", "/readyz", 200, "ok")
	certificate = health.Finding{State: health.Refusing, Why: "expired"} // whatever is needed
	a.want("GET", "/readyz", 503, "not ready: certificates: refusing: expired")
	certificate = health.Finding{State: health.Due, Why: "soon"}
	a.want("GET", "/readyz?verbose", 200, "ok\nstore hanging")
	a.server.SetReady(false)
	a.want("GET", "/readyz", 503, "draining")
}

func TestExplanationsAndKeys(t *testing.T) {
	o := options(t)
	o.Explain = func(_ context.Context, q url.Values) (any, error) {
		switch q.Get("operation") {
		case "":
			return nil, admin.NewBadQuestion(errors.New("which operation?"))
		case "GetObject":
			return map[string]string{"row": "G-1"}, nil
		}
		return nil, errors.New("no store")
	}
	o.Held = func() []admin.HeldKey {
		return []admin.HeldKey{
			{Bucket: "arn:b", KMSKey: "arn:k", Age: 1, Expires: 2, Uses: 3},
		}
	}
	var dropped []string
	o.Drop = func(_ context.Context, keyARN string) error {
		dropped = append(dropped, keyARN)
		if keyARN == "" {
			return errors.New("no store")
		}
		return nil
	}
	a := serve(t, o)
	a.want("GET", "/explain", 400, "which operation?")
	a.want("GET", "/explain?operation=GetObject", 200, `"row": "G-1"`)
	a.want("GET", "/explain?operation=PutObject", 503, "the bucket's record can't be read: no store")
	a.want("GET", "/keys", 200, `"kmsKey": "arn:k"`)
	a.want("POST", "/keys/drop?kms-key=arn:k", 204, "")
	a.want("POST", "/keys/drop", 503, "dropped here, but other replicas can't be reached: no store; try again")
	if len(dropped) != 2 || dropped[0] != "arn:k" || dropped[1] != "" {
		t.Errorf("dropped %q", dropped)
	}
}

func TestTheStatusPageSaysWhatDeservesALook(t *testing.T) {
	o := options(t)
	o.Row = func(string) string { return "" }
	o.Buckets = func(context.Context, int) ([]status.Bucket, bool, error) {
		return []status.Bucket{{Name: "reports", Kind: "general purpose"}}, false, nil
	}
	o.Situation = func() admin.Situation {
		return admin.Situation{
			Version: "v1", Since: time.Now(), Host: "node-7", Listeners: "https 127.0.0.1:8443", Config: o.Config,
			Abilities: abilities{}, Requests: 7,
			Reload: admin.Reload{At: time.Now(), Err: errors.New("identities: none")}, Memory: 64 << 20, MemoryBy: "GOMEMLIMIT",
			Audit: &admin.Audit{Failing: true, Why: "the disk is full", Waiting: 3, Oldest: 5 * time.Second, Lost: 2},
		}
	}
	o.Failures = new(status.Failures)
	o.Failures.Add(status.Failure{Request: "0123456789ABCDEF", Operation: "GetObject", Status: 503, Code: "SlowDown"})
	o.Replicas = func(context.Context) ([]admin.Replica, error) { return []admin.Replica{{Host: "neighbour"}}, nil }
	a := serve(t, o)
	a.want("GET", "/", 200, "<html")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, text := a.call("GET", "/status"); !strings.Contains(text, "it is being read") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the buckets are never listed")
		}
	}
	for _, words := range []string{
		"reports", "identities: none", "64 MiB (GOMEMLIMIT)", "all it can",
		"can't be written: the disk is full; 3 records wait, the oldest for 5s; 2 records were lost since the start",
		"https 127.0.0.1:8443", "0123456789ABCDEF", "neighbour", "node-7",
	} {
		a.want("GET", "/status", 200, words)
	}
	o.Config.Admin.HealthOnly = true
	a = serve(t, o)
	a.want("GET", "/status", 404, "")
	a.want("GET", "/metrics", 200, "sealfront_")
}

type abilities struct{}

func (abilities) String() string { return "all it can" }
