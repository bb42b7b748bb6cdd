package main

import (
	"strings"
	"testing"

	"sealfront/sigv4"
)

// Names in an account's regional namespace end in account and region, and only there.
func TestAccountRegionalNamesHaveTheirForm(t *testing.T) {
	t.Parallel()
	p := startEmbedded(t, t.TempDir())
	region := p.env["AWS_REGION"]
	for _, c := range []struct {
		name, namespace string
		status          int
		code            string
	}{
		{"one-123456789012-" + region + "-an", "account-regional", 200, ""},
		{"one", "account-regional", 400, "InvalidBucketName"},
		{"one-999999999999-" + region + "-an", "account-regional", 400, "InvalidBucketName"},
		{"one-123456789012-eu-west-1-an", "account-regional", 400, "InvalidBucketName"},
		{"two", "global", 200, ""},
		{"three", "mine", 400, "InvalidArgument"},
	} {
		a := p.do(&rawRequest{method: "PUT", path: "/" + c.name, header: []sigv4.Field{field("X-Amz-Bucket-Namespace", c.namespace)}})
		if a.StatusCode != c.status || a.code() != c.code {
			t.Errorf("%s in %s: %d %s", c.name, c.namespace, a.StatusCode, a.body)
		}
		if made := p.do(&rawRequest{method: "HEAD", path: "/" + c.name}).StatusCode == 200; made != (c.status == 200) {
			t.Errorf("%s in %s: made is %v", c.name, c.namespace, made)
		}
	}
	if a := p.do(&rawRequest{method: "GET", path: "/two", query: "abac="}); a.StatusCode != 200 || !strings.Contains(a.body, "<AbacStatus ") || element(a.body, "Status") != "Disabled" {
		t.Errorf("GetBucketAbac: %d %s", a.StatusCode, a.body)
	}
	if a := p.do(&rawRequest{method: "PUT", path: "/two", query: "abac=", body: "<AbacStatus><Status>Enabled</Status></AbacStatus>"}); a.StatusCode != 501 || a.code() != "NotImplemented" {
		t.Errorf("PutBucketAbac: %d %s", a.StatusCode, a.body)
	}
}
