package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sealfront/policy"
	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
)

// explain runs the subcommand and returns what it printed and its exit status.
func explain(t *testing.T, args ...string) (e policy.Explanation, stderr string, status int) {
	t.Helper()
	cmd := proxytest.Command(append([]string{"explain"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &e)
		if err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
	}
	return e, errs.String(), cmd.ProcessState.ExitCode()
}

// The subcommand, beside a running server, and the admin address name the row that the server then decides by.
func TestExplainNamesTheRowThatDecides(t *testing.T) {
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	bucket := p.Env["SEALFRONT_BUCKET"]
	for _, c := range []struct {
		name string
		args []string
		want string // decision, row, code
	}{
		{"a write in a session", []string{"--operation", "PutObject", "--key", "a"}, "allow PUT-1"},
		{
			"headers that contradict the session",
			[]string{"--operation", "PutObject", "--header", "x-amz-server-side-encryption: AES256"},
			"refuse PUT-2 InvalidRequest",
		},
		{
			"the same with a long-term key",
			[]string{"--operation", "PutObject", "--header", "x-amz-server-side-encryption: AES256", "--long-term"},
			"allow PUT-2",
		},
		{
			"a session that says so, too",
			[]string{
				"--operation", "PutObject", "--header", "x-amz-server-side-encryption: AES256", "--session-header",
				"X-Amz-Server-Side-Encryption: AES256",
			},
			"allow PUT-2",
		},
		{"over HTTP", []string{"--operation", "CreateMultipartUpload", "--http"}, "refuse T-1 InvalidArgument"},
		{
			"an encryption header on a read",
			[]string{"--operation", "GetObject", "--header", "x-amz-server-side-encryption: aws:kms"},
			"refuse G-1 InvalidArgument",
		},
		{"a part", []string{"--operation", "UploadPart"}, "allow UP-1"},
		{
			"a listing with a prefix that isn't one",
			[]string{"--operation", "ListObjectsV2", "--query", "prefix=abc"},
			"refuse 6.5 InvalidRequest",
		},
		{"with permissions", []string{"--operation", "PutObject", "--principal", "local"}, "allow PUT-1"},
		{"no such bucket", []string{"--operation", "PutObject", "--bucket", "none"}, "refuse 1.1 NoSuchBucket"},
		{
			"a bucket that is to be made",
			[]string{"--operation", "CreateBucket", "--bucket", "none", "--principal", "local"},
			"allow 2.11",
		},
	} {
		e, stderr, status := explain(t, append([]string{"--data", dir, "--bucket", bucket}, c.args...)...)
		if got := strings.TrimSpace(e.Decision + " " + e.Row + " " + e.Code); status != 0 || got != c.want || e.Why == "" {
			t.Errorf("%s: %q %d, %s; want %q", c.name, got, status, stderr, c.want)
		}
	}
	for name, args := range map[string][]string{
		"an unknown operation": {"--data", dir, "--operation", "PutObjekt", "--bucket", bucket},
		"no operation":         {"--data", dir, "--bucket", bucket},
		"a header of no form":  {"--data", dir, "--operation", "PutObject", "--bucket", bucket, "--header", "x"},
		"an unknown principal": {"--data", dir, "--operation", "PutObject", "--bucket", bucket, "--principal", "nobody"},
		"both places":          {"--data", dir, "--config", "x", "--operation", "PutObject", "--bucket", bucket},
	} {
		if _, stderr, status := explain(t, args...); status != command.StatusUsage || stderr == "" {
			t.Errorf("%s: status %d, %q", name, status, stderr)
		}
	}
	if _, stderr, status := explain(t, "--data", t.TempDir(), "--operation", "PutObject", "--bucket",
		bucket); status != command.StatusError || !strings.Contains(stderr, "no data directory") {
		t.Errorf("a directory without data: status %d, %q", status, stderr)
	}
	p.MustNotExist(bucket, "a")

	v := url.Values{"operation": {"PutObject"}, "bucket": {bucket}, "header": {"x-amz-server-side-encryption: AES256"}}
	get := func(v url.Values) (int, string) {
		t.Helper()
		resp, err := http.Get(p.Env["SEALFRONT_ADMIN"] + "/explain?" + v.Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if status, body := get(v); status != 200 || !strings.Contains(body, `"row": "PUT-2"`) {
		t.Errorf("admin: %d %s", status, body)
	}
	v.Set("operation", "PutObjekt")
	if status, body := get(v); status != 400 || !strings.Contains(body, "PutObjekt") {
		t.Errorf("admin, an unknown operation: %d %s", status, body)
	}
}
