package main

import (
	"strings"
	"testing"

	"sealfront/sigv4"
)

// W13: a copy needs the right to read its source and to open it, and the right to write its destination and to seal it.
func TestPermissionsOfCopies(t *testing.T) {
	p := startWithIdentities(t, `
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
	as := namesake
	bucket := demoBucket
	for _, r := range []*rawRequest{{method: "PUT", path: "/open"}, {method: "PUT", path: "/open/own/key", body: "b"}, {method: "PUT", path: "/open/key", body: "b"}, {method: "PUT", path: "/" + bucket + "/key", body: "b"}} {
		if a := p.do(r); a.StatusCode != 200 {
			t.Fatal(r.path, a.StatusCode, a.body)
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
		a := p.do(&rawRequest{method: "PUT", path: "/" + c.to, credentials: as(c.who), header: []sigv4.Field{field("X-Amz-Copy-Source", c.from)}})
		if a.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", what, a.StatusCode, a.body, c.status)
		}
	}
	body := "<Delete><Object><Key>own/copy</Key></Object><Object><Key>key</Key></Object></Delete>"
	a := p.do(&rawRequest{method: "POST", path: "/open", query: "delete=", body: body, credentials: as("writer"), header: []sigv4.Field{field("Content-MD5", md5of(body))}})
	if a.StatusCode != 200 || !strings.Contains(a.body, "<Deleted><Key>own/copy</Key></Deleted>") || !strings.Contains(a.body, "<Error><Key>key</Key><Code>AccessDenied</Code>") {
		t.Errorf("many deletions, each with its own permission: %d %s", a.StatusCode, a.body)
	}
	if a := p.do(&rawRequest{method: "GET", path: "/open/key"}); a.StatusCode != 200 {
		t.Errorf("what it may not delete: %d", a.StatusCode)
	}
}
