package main

import (
	"testing"

	"sealfront/proxy/proxytest"
)

// Invariant 5: an upload goes on after its replica was killed and another one started.
func TestUploadSurvivesAKilledReplica(t *testing.T) {
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	bucket, a, b := p.Env["SEALFRONT_BUCKET"], proxytest.RandomBytes(5*proxytest.MiB), []byte("the end")
	u := proxytest.NewUploader(t, p.Client(t), bucket, "key")
	u.Part(1, a)
	p.Kill()
	p.Wait()
	p = proxytest.StartEmbedded(t, dir)
	u.Client = p.Client(t)
	u.Part(2, b)
	if _, err := u.Complete(1, 2); err != nil {
		t.Fatal(err)
	}
	proxytest.MustRead(t, u.Client, bucket, "key", append(a, b...))
}
