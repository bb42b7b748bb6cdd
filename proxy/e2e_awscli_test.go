package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
)

func journeyOfAWSCLI(t *testing.T, j *journey) {
	aws := proxytest.ProgramPath(t, "aws")
	try := func(env []string, operation string, args ...string) (map[string]any, string, error) {
		t.Helper()
		out, errs, err := j.command(t, env, aws,
			append([]string{"s3api", operation, "--output", "json", "--bucket", j.bucket}, args...)...)
		answer := map[string]any{}
		if strings.TrimSpace(out) != "" {
			if err := json.Unmarshal([]byte(out), &answer); err != nil {
				t.Fatalf("%s: %v in %s", operation, err, out)
			}
		}
		return answer, errs, err
	}
	do := func(operation string, args ...string) map[string]any {
		t.Helper()
		answer, errs, err := try(nil, operation, args...)
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", operation, args, err, errs)
		}
		return answer
	}
	sealed := func(what string, answer map[string]any) {
		t.Helper()
		if answer["ServerSideEncryption"] != "aws:kms" || answer["SSEKMSKeyId"] != j.p.Env["SEALFRONT_KMS_KEY"] {
			t.Errorf("%s: %v under %v", what, answer["ServerSideEncryption"], answer["SSEKMSKeyId"])
		}
	}

	do("create-bucket", "--create-bucket-configuration",
		"Location={Name=usw2-az1,Type=AvailabilityZone},Bucket={DataRedundancy=SingleAvailabilityZone,Type=Directory}")
	do("put-bucket-encryption", "--server-side-encryption-configuration",
		`{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"`+
			j.p.Env["SEALFRONT_KMS_KEY"]+`"}}]}`)
	for _, n := range j.sizes {
		sealed("PUT", do("put-object", "--key", key(n), "--body", j.file(n)))
		head := do("head-object", "--key", key(n))
		sealed("HEAD", head)
		if head["ContentLength"] != float64(n) {
			t.Errorf("HEAD of %d bytes: %v", n, head["ContentLength"])
		}
		got := filepath.Join(t.TempDir(), strconv.Itoa(n))
		sealed("GET", do("get-object", "--key", key(n), got))
		if !sameFiles(t, got, j.file(n)) {
			t.Errorf("GET of %d bytes: other bytes", n)
		}
	}
	listed := map[any]any{}
	contents, _ := do("list-objects-v2")["Contents"].([]any)
	for _, c := range contents {
		object, _ := c.(map[string]any)
		listed[object["Key"]] = object["Size"]
	}
	for _, n := range j.sizes {
		if listed[key(n)] != float64(n) {
			t.Errorf("the listing says %v for %d bytes", listed[key(n)], n)
		}
		do("delete-object", "--key", key(n))
	}
	_, errs, err := try([]string{"AWS_SECRET_ACCESS_KEY=wrong"}, "list-objects-v2")
	if err == nil || !strings.Contains(errs, "SignatureDoesNotMatch") {
		t.Errorf("with a wrong secret: %v %s", err, errs)
	}
	do("delete-bucket")
}

func sameFiles(t *testing.T, a, b string) bool {
	t.Helper()
	one, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(one, other)
}
