package gateway_test

import (
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// W13: a copy needs the right to read its source and to open it, and the right to write its destination and to seal it.
func TestPermissionsOfCopies(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWithIdentities(t, `
- {name: nokms, access_key: AKIANOKMS, secret_key: nokmssecret, policy: [{effect: Allow, action: ["s3:*", "s3express:*"], resource: "*"}]}
- name: writer
  access_key: AKIAWRITER
  secret_key: writersecret
  policy: [{effect: Allow, action: ["s3:PutObject", "s3:DeleteObject"], resource: "arn:aws:s3:::open/own/*"}, {effect: Allow, action: "s3:GetObject", resource: "arn:aws:s3:::open/own/*"}]
- name: reader
  access_key: AKIAREADER
  secret_key: readersecret
  policy:
  - {effect: Allow, action: "s3express:CreateSession", resource: "*", condition: {StringEquals: {"s3express:SessionMode": ReadOnly}}}
  - {effect: Allow, action: ["kms:*"], resource: "*"}
  - {effect: Allow, action: "s3:*", resource: "*"}
`)
	as := proxytest.Namesake
	bucket := proxytest.DemoBucket
	for _, r := range []*proxytest.Request{
		{Method: "PUT", Path: "/open"},
		{Method: "PUT", Path: "/open/own/key", Body: "b"},
		{Method: "PUT", Path: "/open/key", Body: "b"},
		{Method: "PUT", Path: "/" + bucket + "/key", Body: "b"},
	} {
		if a := p.Do(r); a.StatusCode != 200 {
			t.Fatal(r.Path, a.StatusCode, a.Text)
		}
	}
	for what, c := range map[string]struct {
		who, from, to string
		status        int
	}{
		"its own":                           {"writer", "open/own/key", "open/own/copy", 200},
		"a source that it may not read":     {"writer", "open/key", "open/own/other", 403},
		"that isn't there, likewise":        {"writer", "open/absent", "open/own/other", 403},
		"a destination it may not write":    {"writer", "open/own/key", "open/other", 403},
		"a source it has no session for":    {"writer", bucket + "/key", "open/own/other", 403},
		"a source it may not open":          {"nokms", bucket + "/key", "open/other", 403},
		"a destination it may not seal":     {"nokms", "open/key", bucket + "/other", 403},
		"neither of which has a key":        {"nokms", "open/key", "open/other", 200},
		"a source with a ReadOnly session":  {"reader", bucket + "/key", "open/copied", 200},
		"a destination with a ReadOnly one": {"reader", "open/key", bucket + "/copied", 403},
	} {
		a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + c.to, Credentials: as(c.who),
			Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", c.from)},
		})
		if a.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", what, a.StatusCode, a.Text, c.status)
		}
	}
	body := "<Delete><Object><Key>own/copy</Key></Object><Object><Key>key</Key></Object></Delete>"
	a := p.Do(&proxytest.Request{
		Method: "POST", Path: "/open", Query: "delete=", Body: body, Credentials: as("writer"),
		Header: []sigv4.Field{proxytest.Field("Content-MD5", proxytest.MD5(body))},
	})
	if a.StatusCode != 200 || !strings.Contains(a.Text, "<Deleted><Key>own/copy</Key></Deleted>") ||
		!strings.Contains(a.Text, "<Error><Key>key</Key><Code>AccessDenied</Code>") {
		t.Errorf("many deletions, each with its own permission: %d %s", a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/open/key"}); a.StatusCode != 200 {
		t.Errorf("what it may not delete: %d", a.StatusCode)
	}
}
