package keyservice_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The AWS CLI, as an operator would use it.
func TestAgainstTheAWSCLI(t *testing.T) {
	t.Parallel() // each command takes a second to start
	path, err := exec.LookPath("aws")
	if err != nil || exec.CommandContext(t.Context(), path, "--version").Run() != nil {
		missing(t, "the AWS CLI is not installed")
	}
	url, dir := serve(t, open(t, options(t.TempDir()))), t.TempDir()
	aws := func(arguments ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), path,
			append([]string{"kms", "--endpoint-url", url, "--output", "text"}, arguments...)...)
		for _, variable := range os.Environ() {
			if !strings.HasPrefix(variable, "AWS_") {
				cmd.Env = append(cmd.Env, variable)
			}
		}
		cmd.Env = append(cmd.Env, "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey,
			"AWS_REGION="+region,
			"AWS_DEFAULT_REGION="+region, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
			"AWS_PAGER=")
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	ok := func(arguments ...string) string {
		t.Helper()
		out, err := aws(arguments...)
		if err != nil {
			t.Fatalf("aws kms %s: %v\n%s", strings.Join(arguments, " "), err, out)
		}
		return out
	}
	id := ok("create-key", "--description", "made by hand", "--query", "KeyMetadata.KeyId")
	ok("create-alias", "--alias-name", "alias/by-hand", "--target-key-id", id)
	plain, blob := filepath.Join(dir, "plain"), filepath.Join(dir, "blob")
	if err := os.WriteFile(plain, []byte("plain text"), 0o600); err != nil {
		t.Fatal(err)
	}
	sealed := ok("encrypt", "--key-id", "alias/by-hand", "--plaintext", "fileb://"+plain, "--encryption-context", "a=b",
		"--query", "CiphertextBlob")
	if err := os.WriteFile(blob, decoded(t, sealed), 0o600); err != nil {
		t.Fatal(err)
	}
	opened := ok("decrypt", "--ciphertext-blob", "fileb://"+blob, "--encryption-context", "a=b", "--query", "Plaintext")
	if got := decoded(t, opened); string(got) != "plain text" {
		t.Errorf("got %q", got)
	}
	ok("disable-key", "--key-id", id)
	if out, err := aws("generate-data-key", "--key-id", id, "--key-spec", "AES_256"); err == nil ||
		!strings.Contains(out, "DisabledException") || !strings.Contains(out, id+" is disabled.") {
		t.Errorf("a disabled key: %v, %s", err, out)
	}
	signing := ok("create-key", "--key-spec", "RSA_2048", "--key-usage", "SIGN_VERIFY", "--policy",
		policyText(`"*"`, "kms:*", ""), "--query", "KeyMetadata.KeyId")
	if out := ok("get-key-policy", "--key-id", signing, "--query", "Policy"); out != policyText(`"*"`, "kms:*", "") {
		t.Errorf("its policy: %s", out)
	}
	foreign := ok("create-key", "--tags", "TagKey=sealfront:account,TagValue=210987654321", "--query",
		"KeyMetadata.Arn")
	if out, err := aws("describe-key", "--key-id", foreign); err == nil ||
		!strings.Contains(out, "AccessDeniedException") {
		t.Errorf("a key of another account: %v, %s", err, out)
	}
}

// missing skips a test for which a program or a Python package is missing; where .ci/run has installed it, that is a
// failure.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SEALFRONT_E2E") == "require" && os.Getenv("SEALFRONT_E2E_PYTHON") != "absent" {
		t.Fatal(what)
	}
	t.Skip(what + "; .ci/run installs it")
}
