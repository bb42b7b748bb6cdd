package main

import (
	"strings"
	"testing"
)

// A name of a host is one in any case, and with the root's dot behind it.
func TestHostsAreComparedAsNames(t *testing.T) {
	t.Parallel()
	p := startEmbedded(t, t.TempDir())
	makeBucket(t, p.client(t), "plain")
	p.put("plain", "key", "body")
	for _, host := range []string{"plain.localhost", "plain.localhost.", "PLAIN.LocalHost", "Plain.localhost.:8443", "plain.LOCALHOST:443"} {
		if a := p.do(&rawRequest{method: "GET", path: "/key", host: host}); a.StatusCode != 200 || a.body != "body" {
			t.Errorf("Host %s: %d %s", host, a.StatusCode, a.body)
		}
	}
	for _, host := range []string{"localhost", "localhost.", "LOCALHOST.:1", "127.0.0.1", "plain.localhost.example.com", "plainlocalhost", ".localhost", "[::1]:1"} {
		if a := p.do(&rawRequest{method: "GET", path: "/plain/key", host: host}); a.StatusCode != 200 || a.body != "body" {
			t.Errorf("Host %s, path style: %d %s", host, a.StatusCode, a.body)
		}
	}
	// The signature covers the header as it was sent.
	_, head := p.head(&rawRequest{method: "GET", path: "/key", host: "plain.localhost", plain: true})
	if statuses, bodies := p.answersOf([]byte(strings.Replace(string(head), "plain.localhost", "PLAIN.localhost", 1))); len(statuses) != 1 || statuses[0] != 403 {
		t.Errorf("another spelling than the signed one: %v %s", statuses, bodies)
	}
}

// Errors about the region say where the bucket is, on HEAD, too, which has no document.
func TestErrorsAboutTheRegionNameIt(t *testing.T) {
	t.Parallel()
	p := startEmbedded(t, t.TempDir())
	makeBucket(t, p.client(t), "plain")
	p.put("plain", "key", "body")
	wrong := *p.credentials()
	wrong.SecretAccessKey = "wrong"
	for _, c := range []struct {
		name    string
		request rawRequest
		status  int
		named   bool
	}{
		{"HeadBucket of another region", rawRequest{method: "HEAD", path: "/plain", region: "eu-west-1"}, 400, true},
		{"HeadObject of another region", rawRequest{method: "HEAD", path: "/plain/key", region: "eu-west-1"}, 400, true},
		{"GetObject of another region", rawRequest{method: "GET", path: "/plain/key", region: "eu-west-1"}, 400, true},
		{"a bucket that doesn't exist, of another region", rawRequest{method: "HEAD", path: "/none", region: "eu-west-1"}, 400, true},
		{"HeadBucket, refused", rawRequest{method: "HEAD", path: "/plain", credentials: &wrong}, 403, true},
		{"HeadBucket of none", rawRequest{method: "HEAD", path: "/none"}, 404, false},
		{"GetObject, refused", rawRequest{method: "GET", path: "/plain/key", credentials: &wrong}, 403, false},
		{"ListBuckets of another region", rawRequest{method: "GET", path: "/", region: "eu-west-1"}, 400, false},
	} {
		a := p.do(&c.request)
		want := ""
		if c.named {
			want = p.env["AWS_REGION"]
		}
		if got := a.Header.Get("x-amz-bucket-region"); a.StatusCode != c.status || got != want {
			t.Errorf("%s: %d, region %q, want %d %q", c.name, a.StatusCode, got, c.status, want)
		}
	}
}
