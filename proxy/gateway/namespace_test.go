package gateway_test

import (
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Names in an account's regional namespace end in account and region, and only there.
func TestAccountRegionalNamesHaveTheirForm(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	region := p.Env["AWS_REGION"]
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
		a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + c.name,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Bucket-Namespace", c.namespace)},
		})
		if a.StatusCode != c.status || a.Code() != c.code {
			t.Errorf("%s in %s: %d %s", c.name, c.namespace, a.StatusCode, a.Text)
		}
		if made := p.Do(&proxytest.Request{
			Method: "HEAD",
			Path:   "/" + c.name,
		}).StatusCode == 200; made != (c.status == 200) {
			t.Errorf("%s in %s: made is %v", c.name, c.namespace, made)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/two", Query: "abac="}); a.StatusCode != 200 ||
		!strings.Contains(a.Text, "<AbacStatus ") || proxytest.Element(a.Text, "Status") != "Disabled" {
		t.Errorf("GetBucketAbac: %d %s", a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/two", Query: "abac=",
		Body: "<AbacStatus><Status>Enabled</Status></AbacStatus>",
	}); a.StatusCode != 501 ||
		a.Code() != "NotImplemented" {
		t.Errorf("PutBucketAbac: %d %s", a.StatusCode, a.Text)
	}
}
