package main

import (
	"net/url"
	"strings"
	"testing"

	"sealfront/sigv4"
)

// SSE-S3 objects are sealed under the service key, which clients don't know: whatever is wrong with it, they are told to
// come back later. Nothing is stored meanwhile, and nothing lost.
func TestWhenTheServiceKeyIsAway(t *testing.T) {
	t.Parallel()
	k := newFaultyKMS(t)
	p := k.start(t, t.TempDir(), "timeout: 3s")
	b := &outageBucket{p: p, name: "plain--local-az1--x-s3"}
	b.must(&rawRequest{method: "PUT", path: "/" + b.name, service: "s3express", body: directoryBucketDocument})
	put := func(key string) *rawRequest {
		return &rawRequest{method: "PUT", path: b.path(key), body: "body"}
	}
	b.must(put("object"))
	b.must(put("from"))
	copied := &rawRequest{method: "PUT", path: b.path("copy"), header: []sigv4.Field{field("X-Amz-Copy-Source", b.name+"/object")}}
	renamed := &rawRequest{method: "PUT", path: b.path("renamed"), query: "renameObject=", header: []sigv4.Field{field("X-Amz-Rename-Source", "/"+b.name+"/from")}}
	get := &rawRequest{method: "GET", path: b.path("object")}
	need := map[string]*rawRequest{
		"PutObject": put("other"), "GetObject": get, "CopyObject": copied, "RenameObject": renamed,
		"CreateMultipartUpload": {method: "POST", path: b.path("upload"), query: "uploads="},
	}
	needless := map[string]*rawRequest{
		"CreateSession": {method: "GET", path: "/" + b.name, query: "session=", service: "s3express"},
		"HeadObject":    {method: "HEAD", path: b.path("object")}, "ListObjectsV2": {method: "GET", path: "/" + b.name, query: "list-type=2"},
		"GetBucketEncryption": {method: "GET", path: "/" + b.name, query: "encryption=", service: "s3express"},
	}
	for _, f := range []struct {
		name  string
		fault kmsFault
		want  kmsRow
	}{
		{"KE-1 is disabled", kmsSays("DisabledException", 400, k.serviceKey+" is disabled."), ke7},
		{"KE-2 is pending deletion", kmsSays("KMSInvalidStateException", 400, k.serviceKey+" is pending deletion."), ke7},
		{"KE-3 is gone", kmsSays("NotFoundException", 400, "Key '"+k.serviceKey+"' does not exist"), ke7},
		{"KE-5 is forbidden", kmsSays("AccessDeniedException", 400, k.serviceKey), ke7},
		{"KE-6 is throttled", kmsSays("ThrottlingException", 400, k.serviceKey), ke6},
		{"KE-7 is out of reach", kmsResets, ke7},
	} {
		t.Run("the service key "+f.name, func(t *testing.T) {
			q := p.forTest(t)
			k.set(k.serviceKey, f.fault)
			before := k.all(k.serviceKey)
			b.must(copied) // SSE-S3 to SSE-S3 asks nobody while the bucket key is in memory
			if n := k.all(k.serviceKey) - before; n != 0 {
				t.Errorf("a warm copy made %d calls of KMS", n)
			}
			b.must(&rawRequest{method: "DELETE", path: b.path("copy")})
			p.dropKeys("?kms-key=" + url.QueryEscape(k.serviceKey))
			for name, r := range needless {
				if a := q.do(r); a.StatusCode != 200 {
					t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
				}
			}
			names, requests := make([]string, 0, len(need)), make([]*rawRequest, 0, len(need))
			for name, r := range need {
				names, requests = append(names, name), append(requests, r)
			}
			every(t, len(names), func(i int) string { return names[i] }, func(t *testing.T, i int) {
				q := p.forTest(t)
				a := q.do(requests[i])
				if a.StatusCode != f.want.status || a.code() != f.want.code || q.rowOf(a) != f.want.row || strings.Contains(a.body, "arn:aws:kms") {
					t.Errorf("%d %s (%s), want %+v", a.StatusCode, a.body, q.rowOf(a), f.want)
				}
			})
			b.has("while the service key "+f.name, "object from")
			k.set(k.serviceKey, nil)
			if a := b.must(get); a.body != "body" {
				t.Errorf("GET afterwards: %q", a.body)
			}
			b.must(put("object"))
		})
	}
}
