package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// OpenTofu keeps its state in a versioned bucket and locks it by a file that it makes where there is none: a second
// time, too, over the delete marker of the first. Whoever finds the lock waits or goes.
func TestOpenTofuKeepsItsStateUnderALock(t *testing.T) {
	t.Parallel()
	tofu := proxytest.ProgramPath(t, "tofu")
	for name, start := range map[string]func(*testing.T) proxytest.Service{
		"versitygw": proxytest.StartVersioningVersitygw, "minio": proxytest.StartMinIO,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := proxytest.StartOn(t, start(t), proxytest.StartLocalKMS(t))
			client := p.Client(t)
			bucket := proxytest.MakeBucket(t, client, "states")
			proxytest.EnableVersions(t, client, bucket)
			dir := t.TempDir()
			config := func(input string) {
				t.Helper()
				text := fmt.Sprintf(`
terraform {
  backend "s3" {
    bucket = %q
    key = "env/state"
    region = "us-west-2"
    endpoints = { s3 = %q }
    use_path_style = true
    use_lockfile = true
    encrypt = true
    skip_credentials_validation = true
    skip_requesting_account_id = true
    skip_metadata_api_check = true
    skip_region_validation = true
  }
}
resource "terraform_data" "a" { input = %q }
`, bucket, p.Env["SEALFRONT_HTTP_URL"], input)
				if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			j := &journey{p: p}
			run := func(args ...string) (string, error) {
				t.Helper()
				env := []string{
					"TF_CLI_CONFIG_FILE=/dev/null", "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1",
					"TF_DATA_DIR=" + filepath.Join(dir, ".terraform"), "AWS_CA_BUNDLE=",
				}
				out, errs, err := j.command(t, env, tofu, append([]string{"-chdir=" + dir}, args...)...)
				return out + errs, err
			}
			must := func(args ...string) {
				t.Helper()
				if out, err := run(args...); err != nil {
					t.Fatalf("tofu %v: %v\n%s", args, err, out)
				}
			}
			config("one")
			must("init", "-input=false", "-no-color")
			must("apply", "-auto-approve", "-input=false", "-no-color")
			config("two")
			must("apply", "-auto-approve", "-input=false", "-no-color")
			must("plan", "-detailed-exitcode", "-input=false", "-no-color") // 2 would be a difference

			p.Put(bucket, "env/state.tflock",
				`{"ID":"1","Operation":"apply","Who":"another","Version":"1","Created":"2026-01-01T00:00:00Z","Path":"states/env/state"}`)
			config("three")
			if out, err := run("apply", "-auto-approve", "-input=false", "-no-color"); err == nil ||
				!strings.Contains(out, "Error acquiring the state lock") {
				t.Errorf("it went on under another's lock: %v\n%s", err, out)
			}
			key := "env/state.tflock"
			if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
				t.Fatal(err)
			}
			must("apply", "-auto-approve", "-input=false", "-no-color")
			must("destroy", "-auto-approve", "-input=false", "-no-color")
			p.MustNotExist(bucket, key)
		})
	}
}
