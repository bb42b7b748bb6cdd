package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// An Abort that the store cut short is repeated, and takes the upload from listings then: a client that aborts what it
// is shown comes to an end.
func TestAnAbortIsRepeated(t *testing.T) {
	t.Parallel()
	front, kms := proxytest.NewStoreFront(t), proxytest.NewFaultyKMS(t)
	prefix := strings.ToLower(time.Now().UTC().Format("t150405.000000000-"))
	prefix = strings.ReplaceAll(prefix, ".", "")
	p := proxytest.StartWith(t, `
listen: {https: "", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: s3, endpoint: "`+front.URL+`", access_key: storekey, secret_key: storesecret, bucket_prefix: `+prefix+
		`, state_bucket: `+prefix+`state}
kms: {kind: aws, endpoint: "`+kms.URL+`", access_key: `+proxytest.KMSAccessKey+`, secret_key: "`+proxytest.KMSSecretKey+
		`", service_key: "`+kms.ServiceKey+`"}
`)
	do := func(method, path, query string) *proxytest.Answer {
		return p.Do(&proxytest.Request{Method: method, Path: path, Query: query, Plain: true})
	}
	if a := do("PUT", "/uploads", ""); a.StatusCode != 200 {
		t.Fatal(a.Text)
	}
	made := do("POST", "/uploads/key", "uploads=")
	id := between(made.Text, "<UploadId>", "</UploadId>")
	if id == "" {
		t.Fatal(made.Text)
	}
	front.Set(func(w http.ResponseWriter, r *http.Request) bool {
		cut := strings.Contains(r.URL.Path, "state/open/") && (r.Method == http.MethodDelete || r.Method == http.MethodPost)
		if cut {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return cut
	}, nil)
	if a := do("DELETE", "/uploads/key", "uploadId="+id); a.StatusCode != 503 {
		t.Fatalf("%d %s: nothing was cut short", a.StatusCode, a.Text)
	}
	front.Set(nil, nil)
	if a := do("DELETE", "/uploads/key", "uploadId="+id); a.StatusCode != 204 {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	if a := do("GET", "/uploads", "uploads="); a.StatusCode != 200 || strings.Contains(a.Text, "<UploadId>"+id) {
		t.Errorf("an upload that was aborted is listed: %d %s", a.StatusCode, a.Text)
	}
}
