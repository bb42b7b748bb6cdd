package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// The program is killed at a request to the store, before the store has it or after it was carried out, and started
// again on what is left: the model of TestFaultsOfTheStore holds. With SEALFRONT_FAULTS=all this is done at every
// request, else at one of each operation.
func TestKilledAtARequestToTheStore(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	prefix := fmt.Sprintf("k%d-", time.Now().UnixNano())
	text := fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: %s, state_bucket: %sstate}
kms: {kind: embedded}
data: %s
`, f.URL, prefix, prefix, t.TempDir())
	r := &faultRun{t: t, f: f, kept: make(map[string]string), big: proxytest.RandomBytes(5 * proxytest.MiB)}
	start := func() {
		r.p = proxytest.StartWith(t, text, proxytest.ClaimAge(2*time.Second))
		r.client = r.p.Client(t)
	}
	start()
	if a := r.p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + faultyBucket,
		Body: strings.Replace(proxytest.DirectoryBucketDocument, "local-az1", "usw2-az1", 1),
	}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	all := os.Getenv("SEALFRONT_FAULTS") == "all"
	rows := make(map[string]int)
	n := 0
	for _, op := range faultOperations() {
		switch op.name {
		case "PutObject large", "CopyObject by the store", "CopyObject sealed anew", "RenameObject",
			"append to a large object", "CompleteMultipartUpload", "UploadPart large", "CreateBucket", "UpdateObjectEncryption":
		case "PutObject small", "append to a small object", "CreateMultipartUpload", "UploadPart small",
			"AbortMultipartUpload", "DeleteObject", "PutBucketPolicy (record)", "UpdateObjectEncryption small":
			if !all {
				continue
			}
		default: // only reads
			continue
		}
		steps := r.steps(&op)
		for step := range steps {
			// Where a single step is played it is one that writes.
			if writes := len(steps) - 1 - n%2; !all && step != max(0, writes) {
				continue
			}
			for _, done := range []bool{false, true} {
				if !all && done != (n%2 == 0) {
					continue
				}
				r.kill(&op, step+1, done, rows, start)
			}
		}
		n++
	}
	for key, want := range r.kept {
		c := &faultCase{faultRun: r}
		if body, problem := c.read(key); problem != "" || body != want {
			t.Errorf("at the end: %s is not what was acknowledged: %d bytes, want %d %s", key, len(body), len(want), problem)
		}
	}
	printTable(t, storeTable, rows)
}

// kill plays one row.
func (r *faultRun) kill(op *faultOperation, step int, done bool, rows map[string]int, start func()) {
	r.t.Helper()
	when := "killed before the store has it"
	if done {
		when = "killed after the store did it"
	}
	c := &faultCase{faultRun: r, key: fmt.Sprintf("k%d", nextStart())}
	op.prepare(c)
	victim := r.p
	var dead atomic.Bool
	fault := &proxytest.StoreFault{
		Lasting: true,
		Play: func(f *proxytest.StoreFront, w http.ResponseWriter, q *http.Request) bool {
			if dead.CompareAndSwap(false, true) {
				if done {
					f.CarriedOut(q, nil)
				}
				victim.Kill()
			}
			proxytest.Reset(w, nil)
			return true
		},
	}
	armed := r.f.Arm(fault, step)
	t := op.do(c)
	if dead.Load() {
		victim.Wait()
	}
	r.f.Set(nil, nil)
	hit, steps := armed.WasHit()
	if !hit {
		return
	}
	start()
	if c.upload != nil {
		c.upload.Client = r.client
	}
	where := fmt.Sprintf("%s at request %d of %s (%s)", when, step, op.name, steps[step-1].Name)
	holds, bad := op.holds(c, t)
	if bad != "" {
		r.t.Errorf("%s: the client was told %q: %s", where, t.says, bad)
	}
	rows[fmt.Sprintf("%s\t%s\t%d %s\t%s\t%s", op.name, when, step, steps[step-1].Name, t.says, holds)]++
	r.again(op, c, where, t, holds)
}
