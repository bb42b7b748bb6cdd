package main

import (
	"net/url"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// SSE-S3 objects are sealed under the service key, which clients don't know: whatever is wrong with it, they are told
// to come back later. Nothing is stored meanwhile, and nothing lost.
func TestWhenTheServiceKeyIsAway(t *testing.T) {
	t.Parallel()
	k := proxytest.NewFaultyKMS(t)
	p := k.Start(t, t.TempDir(), "")
	b := &proxytest.KMSBucket{P: p, Name: "plain--local-az1--x-s3"}
	b.Must(&proxytest.Request{
		Method: "PUT", Path: "/" + b.Name, Service: "s3express", Body: proxytest.DirectoryBucketDocument,
	})
	put := func(key string) *proxytest.Request {
		return &proxytest.Request{Method: "PUT", Path: b.Path(key), Body: "body"}
	}
	b.Must(put("object"))
	b.Must(put("from"))
	copied := &proxytest.Request{
		Method: "PUT", Path: b.Path("copy"), Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", b.Name+"/object")},
	}
	renamed := &proxytest.Request{
		Method: "PUT", Path: b.Path("renamed"), Query: "renameObject=",
		Header: []sigv4.Field{proxytest.Field("X-Amz-Rename-Source", "/"+b.Name+"/from")},
	}
	get := &proxytest.Request{Method: "GET", Path: b.Path("object")}
	need := map[string]*proxytest.Request{
		"PutObject": put("other"), "GetObject": get, "CopyObject": copied, "RenameObject": renamed,
		"CreateMultipartUpload": {Method: "POST", Path: b.Path("upload"), Query: "uploads="},
	}
	needless := map[string]*proxytest.Request{
		"CreateSession":       {Method: "GET", Path: "/" + b.Name, Query: "session=", Service: "s3express"},
		"HeadObject":          {Method: "HEAD", Path: b.Path("object")},
		"ListObjectsV2":       {Method: "GET", Path: "/" + b.Name, Query: "list-type=2"},
		"GetBucketEncryption": {Method: "GET", Path: "/" + b.Name, Query: "encryption=", Service: "s3express"},
	}
	for _, f := range []struct {
		name  string
		fault proxytest.KMSFault
		want  kmsRow
	}{
		{"KE-1 is disabled", proxytest.KMSSays("DisabledException", 400, k.ServiceKey+" is disabled."), ke7},
		{
			"KE-2 is pending deletion", proxytest.KMSSays("KMSInvalidStateException", 400, k.ServiceKey+" is pending deletion."),
			ke7,
		},
		{"KE-3 is gone", proxytest.KMSSays("NotFoundException", 400, "Key '"+k.ServiceKey+"' does not exist"), ke7},
		{"KE-5 is forbidden", proxytest.KMSSays("AccessDeniedException", 400, k.ServiceKey), ke7},
		{"KE-6 is throttled", proxytest.KMSSays("ThrottlingException", 400, k.ServiceKey), ke6},
		{"KE-7 is out of reach", proxytest.KMSResets, ke7},
	} {
		t.Run("the service key "+f.name, func(t *testing.T) {
			q := p.ForTest(t)
			k.Set(k.ServiceKey, f.fault)
			before := k.All(k.ServiceKey)
			b.Must(copied) // SSE-S3 to SSE-S3 asks nobody while the bucket key is in memory
			if n := k.All(k.ServiceKey) - before; n != 0 {
				t.Errorf("a warm copy made %d calls of KMS", n)
			}
			b.Must(&proxytest.Request{Method: "DELETE", Path: b.Path("copy")})
			p.DropKeys("?kms-key=" + url.QueryEscape(k.ServiceKey))
			for name, r := range needless {
				if a := q.Do(r); a.StatusCode != 200 {
					t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
				}
			}
			names, requests := make([]string, 0, len(need)), make([]*proxytest.Request, 0, len(need))
			for name, r := range need {
				names, requests = append(names, name), append(requests, r)
			}
			proxytest.Every(t, len(names), func(i int) string { return names[i] }, func(t *testing.T, i int) {
				q := p.ForTest(t)
				a := q.Do(requests[i])
				if a.StatusCode != f.want.status || a.Code() != f.want.code || q.RowOf(a) != f.want.row ||
					strings.Contains(a.Text, "arn:aws:kms") {
					t.Errorf("%d %s (%s), want %+v", a.StatusCode, a.Text, q.RowOf(a), f.want)
				}
			})
			b.Has("while the service key "+f.name, "object from")
			k.Set(k.ServiceKey, nil)
			if a := b.Must(get); a.Text != "body" {
				t.Errorf("GET afterwards: %q", a.Text)
			}
			b.Must(put("object"))
		})
	}
}
