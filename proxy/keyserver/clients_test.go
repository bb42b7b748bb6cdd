package keyserver_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
)

// A station is a key service over TLS, as a process, and the environment of whoever calls it.
type station struct {
	t       *testing.T
	service *proxytest.Program
	env     []string
}

func newStation(t *testing.T) *station {
	t.Helper()
	if testing.Short() {
		t.Skip("stock clients take seconds to start")
	}
	dir := t.TempDir()
	ca := proxytest.WriteCertificates(t, dir)
	issuer := proxytest.NewIssuer(t)
	token := filepath.Join(dir, "token")
	issuer.WriteToken(token, issuer.Token("me", "us", nil))
	text := strings.Replace(proxytest.KeyServerConfig(t, "", fmt.Sprintf(`
tls: {cert: %q, key: %q}
issuers: [{url: %q}]
roles:
- name: app
  trust: [{issuer: %q, audience: us, condition: {StringEquals: {"%s:sub": me}}}]
  policy: [{effect: Allow, action: ["kms:GenerateDataKey", "kms:Decrypt"], resource: "*"}]
`, filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"), issuer.URL, issuer.URL,
		strings.TrimPrefix(issuer.URL, "http://"))), `https: ""`, `https: "127.0.0.1:0"`, 1)
	s := &station{t: t, service: proxytest.StartKeyServer(t, text, proxytest.As(proxytest.Processes))}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") {
			s.env = append(s.env, variable)
		}
	}
	url := s.service.Env["SEALFRONT_KMS_ENDPOINT"]
	s.env = append(s.env, "AWS_ACCESS_KEY_ID="+proxytest.KMSAccessKey, "AWS_SECRET_ACCESS_KEY="+proxytest.KMSSecretKey,
		"AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "AWS_CA_BUNDLE="+ca,
		"AWS_ENDPOINT_URL_KMS="+url, "AWS_ENDPOINT_URL_STS="+url, "TOKEN_FILE="+token)
	return s
}

// run runs a program and returns what it wrote.
func (s *station) run(env []string, path string, args ...string) (string, error) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), path, args...)
	cmd.Env = append(s.env, env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (s *station) must(env []string, path string, args ...string) string {
	s.t.Helper()
	out, err := s.run(env, path, args...)
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", filepath.Base(path), strings.Join(args, " "), err, out)
	}
	return out
}

// The AWS CLI and boto3 call the key service over TLS, by a secret and by a role, with nothing but what AWS's clients
// read from their environment.
func TestStockClientsOfTheKeyService(t *testing.T) {
	t.Parallel()
	cli, python := proxytest.ProgramPath(t, "aws"), proxytest.ProgramPath(t, "python3")
	s := newStation(t)
	key := s.must(nil, cli, "kms", "create-key", "--description", "by hand", "--output", "text", "--query",
		"KeyMetadata.KeyId")
	s.must(nil, cli, "kms", "create-alias", "--alias-name", "alias/by-hand", "--target-key-id", key)
	if got := s.must(nil, cli, "kms", "generate-data-key", "--key-id", "alias/by-hand", "--key-spec", "AES_256",
		"--output", "text", "--query", "KeyId"); !strings.HasSuffix(got, ":key/"+key) {
		t.Errorf("a data key of %s", got)
	}
	if got := s.must(nil, cli, "sts", "get-caller-identity", "--output", "text", "--query", "Arn"); got !=
		"arn:aws:iam::123456789012:user/operator" {
		t.Errorf("the caller is %s", got)
	}
	if out := s.must([]string{"KEY=" + key}, python, filepath.Join("testdata", "client.py")); out != "done" {
		t.Errorf("boto3: %s", out)
	}
}

// OpenTofu encrypts its state with the key service: what it has written opens with the key, and not without.
func TestOpenTofuEncryptsItsStateWithTheKeyService(t *testing.T) {
	t.Parallel()
	tofu := proxytest.ProgramPath(t, "tofu")
	s := newStation(t)
	cli := proxytest.ProgramPath(t, "aws")
	key := s.must(nil, cli, "kms", "create-key", "--output", "text", "--query", "KeyMetadata.Arn")
	dir := t.TempDir()
	text := fmt.Sprintf(`
terraform {
  encryption {
    key_provider "aws_kms" "keys" {
      kms_key_id = %q
      region = %q
      key_spec = "AES_256"
    }
    method "aes_gcm" "sealed" { keys = key_provider.aws_kms.keys }
    state { method = method.aes_gcm.sealed }
  }
}
resource "terraform_data" "a" { input = "a secret of the state" }
`, key, region)
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"TF_CLI_CONFIG_FILE=/dev/null", "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1",
		"TF_DATA_DIR=" + filepath.Join(dir, ".terraform"),
	}
	s.must(env, tofu, "-chdir="+dir, "init", "-input=false", "-no-color")
	s.must(env, tofu, "-chdir="+dir, "apply", "-auto-approve", "-input=false", "-no-color")
	state, err := os.ReadFile(filepath.Join(dir, "terraform.tfstate"))
	if err != nil || strings.Contains(string(state), "a secret of the state") ||
		!strings.Contains(string(state), "encrypted_data") {
		t.Errorf("the state is written as %s, %v", state, err)
	}
	s.must(env, tofu, "-chdir="+dir, "plan", "-detailed-exitcode", "-input=false", "-no-color") // 2 would be a difference
	s.must(nil, cli, "kms", "disable-key", "--key-id", key)
	if out, err := s.run(env, tofu, "-chdir="+dir, "plan", "-input=false", "-no-color"); err == nil ||
		!strings.Contains(out, "DisabledException") {
		t.Errorf("with the key disabled: %v\n%s", err, out)
	}
}
