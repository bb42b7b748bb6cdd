package access_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/access"
	"sealfront/proxy/session"
)

// valueOf is the value of a condition key as a request's policies see it.
func (g *room) valueOf(x *access.Grant, key string) string {
	g.t.Helper()
	value, ok := x.Caller().Values.Value(strings.ToLower(key))
	if !ok && value != "" {
		g.t.Errorf("%s has no value, and is %q", key, value)
	}
	return value
}

func TestConditionKeysHaveTheRequestsValues(t *testing.T) {
	t.Parallel()
	g := newRoom(t, func(o *access.Options) { o.TrustedProxies, o.PostObject = trustsTen, true })
	ordinary := &request{
		method: "GET", path: "/plain/key", who: "all", from: peerAt("10.0.0.1"),
		signed:   testStart.Add(-5 * time.Second),
		header:   []string{"User-Agent: agent/1", "Referer: http://example.com/"},
		unsigned: []string{"X-Forwarded-For: 10.0.0.2, 192.0.2.7"},
	}
	bare := &request{
		method: "GET", path: "/plain/key", who: "all", plain: true, from: peerAt("192.0.2.1"),
		signed: testStart.Add(time.Second),
	}
	presigned := &request{method: "GET", path: "/plain/key", who: "all", presigned: true}
	presigned.from = peerAt("192.0.2.1")
	presigned.from.tls = &tls.ConnectionState{Version: tls.VersionTLS12}
	inSession := &request{
		method: "GET", path: "/never--az1--x-s3/key",
		session: g.newSession(session.Session{Principal: "all", Bucket: "never--az1--x-s3", Incarnation: "i"}),
	}
	form := &request{method: "POST", path: "/plain", who: "all", form: true}
	for name, c := range map[string]struct {
		r      *request
		values map[string]string // "": none
	}{
		"a request by a trusted proxy": {ordinary, map[string]string{
			"aws:SourceIp": "192.0.2.7", "aws:CurrentTime": "2026-01-02T03:04:05Z", "aws:EpochTime": "1767323045",
			"aws:UserAgent": "agent/1", "aws:Referer": "http://example.com/", "aws:username": "all",
			"aws:PrincipalType":   "User",
			"aws:RequestedRegion": testRegion, "s3:signatureversion": "AWS4-HMAC-SHA256",
			"s3express:signatureversion": "AWS4-HMAC-SHA256",
			"s3:authType":                "REST-HEADER", "s3express:authType": "REST-HEADER", "s3:signatureAge": "5000",
			"s3express:signatureAge": "5000",
			"s3:TlsVersion":          "1.3", "aws:unheard-of": "",
		}},
		"a request over HTTP, by a clock that is ahead": {bare, map[string]string{
			"aws:SourceIp": "192.0.2.1", "aws:UserAgent": "", "aws:Referer": "", "s3:signatureAge": "0",
			"s3:TlsVersion":        "",
			"s3express:TlsVersion": "",
		}},
		"a presigned URL": {
			presigned,
			map[string]string{"s3:authType": "REST-QUERY-STRING", "s3express:TlsVersion": "1.2"},
		},
		"a session": {inSession, map[string]string{"s3express:authType": "REST-HEADER", "aws:username": "all"}},
		"a form":    {form, map[string]string{"s3:authType": "POST", "aws:UserAgent": ""}},
	} {
		x := g.want(name, c.r, "")
		for key, want := range c.values {
			if got := g.valueOf(x, key); got != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
	}
}

// A form's fields take the header's place, but not for what is about the caller: a form can't say what its browser is.
func TestFieldsOfAFormAreNoHeaderOfTheCaller(t *testing.T) {
	t.Parallel()
	g := newRoom(t, func(o *access.Options) { o.PostObject = true })
	r := &request{
		method: "POST", path: "/plain", who: "all", form: true,
		header: []string{"User-Agent: forged", "x-amz-meta-a: b"}, unsigned: []string{"User-Agent: browser"},
	}
	x := g.want("a form", r, "")
	if got := g.valueOf(x, "aws:UserAgent"); got != "browser" {
		t.Errorf("the agent is %q", got)
	}
	if x.Value("x-amz-meta-a") != "b" || x.Key != "key" {
		t.Errorf("the form's fields aren't the request's: %+v, key %q", x.Header, x.Key)
	}
}
