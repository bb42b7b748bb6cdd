package gateway_test

import (
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
)

// A name of a host is one in any case, and with the root's dot behind it.
func TestHostsAreComparedAsNames(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	proxytest.MakeBucket(t, p.Client(t), "plain")
	p.Put("plain", "key", "body")
	for _, host := range []string{
		"plain.localhost", "plain.localhost.", "PLAIN.LocalHost", "Plain.localhost.:8443",
		"plain.LOCALHOST:443",
	} {
		if a := p.Do(&proxytest.Request{Method: "GET", Path: "/key", Host: host}); a.StatusCode != 200 ||
			a.Text != "body" {
			t.Errorf("Host %s: %d %s", host, a.StatusCode, a.Text)
		}
	}
	for _, host := range []string{
		"localhost", "localhost.", "LOCALHOST.:1", "127.0.0.1", "plain.localhost.example.com",
		"plainlocalhost", ".localhost", "[::1]:1",
	} {
		if a := p.Do(&proxytest.Request{Method: "GET", Path: "/plain/key", Host: host}); a.StatusCode != 200 ||
			a.Text != "body" {
			t.Errorf("Host %s, path style: %d %s", host, a.StatusCode, a.Text)
		}
	}
	// The signature covers the header as it was sent.
	_, head := p.Head(&proxytest.Request{Method: "GET", Path: "/key", Host: "plain.localhost", Plain: true})
	if statuses, bodies := answersOf(p,
		[]byte(strings.Replace(string(head), "plain.localhost", "PLAIN.localhost", 1))); len(statuses) != 1 ||
		statuses[0] != 403 {
		t.Errorf("another spelling than the signed one: %v %s", statuses, bodies)
	}
}

// Errors about the region say where the bucket is, on HEAD, too, which has no document.
func TestErrorsAboutTheRegionNameIt(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	proxytest.MakeBucket(t, p.Client(t), "plain")
	p.Put("plain", "key", "body")
	wrong := *p.Credentials()
	wrong.SecretAccessKey = "wrong"
	for _, c := range []struct {
		name    string
		request proxytest.Request
		status  int
		named   bool
	}{
		{
			"HeadBucket of another region",
			proxytest.Request{Method: "HEAD", Path: "/plain", Region: "eu-west-1"},
			400,
			true,
		},
		{
			"HeadObject of another region",
			proxytest.Request{Method: "HEAD", Path: "/plain/key", Region: "eu-west-1"},
			400, true,
		},
		{
			"GetObject of another region",
			proxytest.Request{Method: "GET", Path: "/plain/key", Region: "eu-west-1"},
			400,
			true,
		},
		{
			"a bucket that doesn't exist, of another region",
			proxytest.Request{Method: "HEAD", Path: "/none", Region: "eu-west-1"},
			400, true,
		},
		{"HeadBucket, refused", proxytest.Request{Method: "HEAD", Path: "/plain", Credentials: &wrong}, 403, true},
		{"HeadBucket of none", proxytest.Request{Method: "HEAD", Path: "/none"}, 404, false},
		{"GetObject, refused", proxytest.Request{Method: "GET", Path: "/plain/key", Credentials: &wrong}, 403, false},
		{"ListBuckets of another region", proxytest.Request{Method: "GET", Path: "/", Region: "eu-west-1"}, 400, false},
	} {
		a := p.Do(&c.request)
		want := ""
		if c.named {
			want = p.Env["AWS_REGION"]
		}
		if got := a.Header.Get("x-amz-bucket-region"); a.StatusCode != c.status || got != want {
			t.Errorf("%s: %d, region %q, want %d %q", c.name, a.StatusCode, got, c.status, want)
		}
	}
}
