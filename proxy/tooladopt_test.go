package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/tools"
)

// Losing the state bucket loses no object: adopt makes the record again, and the proxy serves what was there.
func TestAdoptAfterTheStateIsLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	bucket, kmsKey := p.Env["SEALFRONT_BUCKET"], p.Env["SEALFRONT_KMS_KEY"]
	const general = "general"
	proxytest.MakeBucket(t, p.Client(t), general)
	for _, path := range []string{"/" + general + "/a", "/" + general + "/b/c", "/" + bucket + "/a"} {
		if a := p.Do(&proxytest.Request{Method: "PUT", Path: path, Body: "body of " + path}); a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.Text)
		}
	}
	arn := "arn:aws:s3express:us-west-2:123456789012:bucket/" + bucket
	adopt := func(args ...string) (tools.AdoptionReport, string, int) {
		out, errs, status := proxytest.Subcommand(t, append([]string{"adopt", "--data", dir}, args...)...)
		var r tools.AdoptionReport
		if out != "" {
			if err := json.Unmarshal([]byte(out), &r); err != nil {
				t.Fatal(err, out)
			}
		}
		return r, out + errs, status
	}
	if _, text, status := adopt(bucket, "--arn", arn, "--kms-key", kmsKey); status != command.StatusError ||
		!strings.Contains(text, "has a record") {
		t.Errorf("a bucket with a record: status %d %s", status, text)
	}
	p.Stop()
	state := filepath.Join(dir, "store", "objects", "sealfront-state")
	if _, err := os.Stat(filepath.Join(state, "state-key")); err != nil {
		t.Fatal("the state bucket isn't where it was thought to be:", err)
	}
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "data.json"))
	if err != nil {
		t.Fatal(err)
	}
	if r, text, status := adopt(bucket, "--arn", strings.Replace(arn, "us-west-2", "us-east-1", 1), "--kms-key",
		kmsKey); status != command.StatusError || len(r.Left) != 1 || r.Made {
		t.Errorf("a wrong ARN: status %d %s", status, text)
	}
	if r, text, status := adopt(bucket, "--arn", arn, "--kms-key", serviceKeyOf(t, data)); status != command.StatusError ||
		len(r.Left) != 1 || r.Made {
		t.Errorf("a wrong KMS key: status %d %s", status, text)
	}
	if _, text, status := adopt("none", "--arn", "arn:aws:s3:::none", "--kms-key",
		kmsKey); status != command.StatusError || !strings.Contains(text, "none") {
		t.Errorf("no bucket in the store: status %d %s", status, text)
	}
	for name, args := range map[string][]string{
		"no ARN": {bucket, "--kms-key", kmsKey}, "another's ARN": {bucket, "--arn", "arn:aws:s3:::x", "--kms-key", kmsKey},
		"an alias": {bucket, "--arn", arn, "--kms-key", "alias/x"},
	} {
		if _, text, status := adopt(args...); status != command.StatusUsage {
			t.Errorf("%s: status %d %s", name, status, text)
		}
	}
	for b, a := range map[string]string{bucket: arn, general: "arn:aws:s3:::" + general} {
		if r, text, status := adopt(b, "--arn", a, "--kms-key", kmsKey); status != command.StatusOK || !r.Made ||
			r.Sampled == 0 {
			t.Errorf("%s: status %d %s", b, status, text)
		}
	}
	p = proxytest.StartEmbedded(t, dir)
	for _, path := range []string{"/" + general + "/a", "/" + general + "/b/c", "/" + bucket + "/a"} {
		if a := p.Do(&proxytest.Request{Method: "GET", Path: path}); a.StatusCode != 200 || a.Text != "body of "+path {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket + "/new", Body: "new"}); a.StatusCode != 200 {
		t.Error(a.StatusCode, a.Text)
	}
}
