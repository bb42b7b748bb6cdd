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

// One command makes all records again, of what the objects show; what it can't, it names.
func TestAdoptAllAfterTheStateIsLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client := p.Client(t)
	const general = "general"
	proxytest.MakeBucket(t, client, general)
	paths := []string{"/" + general + "/a", proxytest.DemoPath + "a"}
	for _, path := range paths {
		if a := p.Do(&proxytest.Request{Method: "PUT", Path: path, Body: "body of " + path}); a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.Text)
		}
	}
	p.Stop()
	objects := filepath.Join(dir, "store", "objects")
	if err := os.RemoveAll(filepath.Join(objects, "sealfront-state")); err != nil {
		t.Fatal(err)
	}
	adopt := func(args ...string) (string, int) {
		t.Helper()
		out, errs, status := proxytest.Subcommand(t, append([]string{"adopt", "--data", dir}, args...)...)
		return out + errs, status
	}
	for name, args := range map[string][]string{
		"no names": {}, "names and --all": {"--all", general},
		"an ARN of two": {general, "other", "--arn", "arn:aws:s3:::general"},
		"no sample":     {"--all", "--sample", "0"}, "an ARN without a key": {general, "--arn", "arn:aws:s3:::general"},
		"the state bucket": {"sealfront-state"},
	} {
		if text, status := adopt(args...); status != command.StatusUsage {
			t.Errorf("%s: status %d %s", name, status, text)
		}
	}
	text, status := adopt("--all")
	if status != command.StatusOK || strings.Count(text, `"outcome":"adopted"`) != 2 ||
		!strings.HasSuffix(text, `{"adopted":2,"kept":0,"refused":[],"failed":[]}`+"\n") {
		t.Errorf("status %d %s", status, text)
	}
	if text, status := adopt("--all"); status != command.StatusOK || !strings.Contains(text, `{"adopted":0,"kept":2,`) {
		t.Errorf("again: status %d %s", status, text)
	}
	if text, status := adopt(general, "none"); status != command.StatusError ||
		!strings.Contains(text, `"kept":1,"refused":["none"]`) || !strings.Contains(text, "not all buckets have a record") {
		t.Errorf("a bucket that isn't there: status %d %s", status, text)
	}
	p = proxytest.StartEmbedded(t, dir)
	for _, path := range paths {
		if a := p.Do(&proxytest.Request{Method: "GET", Path: path}); a.StatusCode != 200 || a.Text != "body of "+path {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
		}
	}
}
