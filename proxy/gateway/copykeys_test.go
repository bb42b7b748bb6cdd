package gateway_test

import (
	"fmt"
	"testing"

	"sealfront/proxy/proxytest"
)

// TestCopiesInDirectoryBucketsShareABucketKey: KMS is called for each copy, as S3 says, and what is stored is read
// without a call each, however many copies there are.
func TestCopiesInDirectoryBucketsShareABucketKey(t *testing.T) {
	t.Parallel()
	for _, n := range []int{10, 20} {
		p := proxytest.StartCounting(t, t.TempDir())
		bucket := p.Env["SEALFRONT_BUCKET"]
		p.Put(bucket, "source", "plain text")
		p.DropKeys("")
		p.HeadOf(bucket, "source") // the state and session keys are back
		copied := func(i int) string { return fmt.Sprint("copy/", i) }
		generate, decrypt := p.KMSCalls(func() {
			for i := range n {
				p.MustCopy(bucket+"/source", bucket+"/"+copied(i))
			}
		})
		if generate != n || decrypt != n {
			t.Errorf("%d copies took %d GenerateDataKey and %d Decrypt", n, generate, decrypt)
		}
		p.DropKeys("")
		generate, decrypt = p.KMSCalls(func() {
			for i := range n {
				a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + copied(i)})
				if a.StatusCode != 200 || a.Text != "plain text" {
					t.Errorf("copy %d: %d %s", i, a.StatusCode, a.Text)
				}
				if of := a.Header.Get("x-amz-server-side-encryption-bucket-key-enabled"); of != "" {
					t.Errorf("copy %d says that it has a bucket key: %s", i, of)
				}
			}
		})
		if generate != 0 || decrypt != 1 {
			t.Errorf("reading %d copies took %d GenerateDataKey and %d Decrypt, want none and one", n, generate, decrypt)
		}
	}
}
