package gateway_test

import (
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// TestRefusalsReadABucketOnceASecond holds what the growth of refused requests costs the store: nothing that depends on
// their number, for a bucket that exists and for one that doesn't.
func TestRefusalsReadABucketOnceASecond(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir())
	bucket := proxytest.MakeBucket(t, p.Client(t), "denies")
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + bucket, Query: "policy=",
		Body: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject",` +
			`"Resource":"arn:aws:s3:::denies/*"}]}`,
	}); a.StatusCode != 204 {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	for _, r := range []struct {
		what, path, code string
	}{
		{"that doesn't exist", "/none--az1--x-s3/key", "NoSuchBucket"},
		{"whose policy denies it", "/" + bucket + "/key", "AccessDenied"},
	} {
		for _, n := range []int{100, 200} {
			began := time.Now()
			cost := p.StoreRequests(func() {
				for range n {
					a := p.Do(&proxytest.Request{Method: "GET", Path: r.path})
					if a.Code() != r.code {
						t.Fatalf("a bucket %s: %d %s", r.what, a.StatusCode, a.Text)
					}
				}
			})
			// The revocations are read with the records, every five seconds.
			if most := 5 + 2*int(time.Since(began)/time.Second+1); cost["GetObject"] > most {
				t.Errorf("%d refusals at a bucket %s cost %v, want %d at most", n, r.what, cost, most)
			}
		}
	}
}
