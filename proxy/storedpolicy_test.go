package main

import (
	"testing"

	"sealfront/proxy/instance"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/state"
	"sealfront/sigv4"
)

// A stored policy that can't be understood, as another version of the program may have left it, could hold a Deny: it
// refuses everything but what replaces it.
func TestABucketPolicyThatCannotBeUnderstood(t *testing.T) {
	t.Parallel()
	r := newRequestBench(t, instance.Options{})
	r.credentials = sigv4.Credentials{AccessKeyID: r.instance.Data.AccessKey, SecretAccessKey: r.instance.Data.SecretKey}
	set := func(document string) {
		t.Helper()
		_, err := r.instance.State.UpdateBucket(t.Context(), proxytest.DemoBucket,
			func(b *state.Bucket) error { b.Policy = document; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(method, query string, status int) {
		t.Helper()
		if got := r.ask(r.head(method, "/"+proxytest.DemoBucket, query, -1), nil); got != status {
			t.Errorf("%s %s: %d %s, want %d", method, query, got, r.ctx.Response.Body(), status)
		}
	}
	set(`{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3express:CreateSession","Resource":"*","Condition":{"StringEquals":{"aws:Future":"x"}}}]}`)
	want("GET", "list-type=2", 500)
	want("GET", "policy=", 200)
	want("DELETE", "policy=", 204)
	want("GET", "list-type=2", 200)
}
