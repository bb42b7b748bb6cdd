package proxytest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/instance"
)

// StartWithIdentities starts the program with embedded parts, an identity app that may do everything, and these others.
// The secret of AKIANAME is namesecret: see [Namesake].
func StartWithIdentities(t testing.TB, others string) *Program {
	t.Helper()
	return StartWith(t, `
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
kms: {kind: embedded}
data: `+t.TempDir()+`
identities:
- {name: app, access_key: AKIATEST, secret_key: testsecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
`+others)
}

// Account is the one of embedded programs.
const Account = "123456789012"

// DemoBucket is the directory bucket that an embedded program starts with.
const DemoBucket = instance.DemoBucket

// DemoPath is its path.
const DemoPath = "/" + DemoBucket + "/"

// EmbeddedWith is a configuration with embedded parts, two identities, and the lines in more.
func EmbeddedWith(t testing.TB, more string) string {
	t.Helper()
	return `
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
kms: {kind: embedded}
identities:
- {name: app, access_key: AKIATEST, secret_key: testsecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
- {name: other, access_key: AKIAOTHER, secret_key: othersecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
data: ` + t.TempDir() + "\n" + more
}

// StartConfigured starts the program with embedded parts under dir and further lines of configuration, and sets the
// environment that an operator would give to clients.
func StartConfigured(t testing.TB, dir, lines string, options ...Option) *Program {
	t.Helper()
	file := filepath.Join(dir, "sealfront.yaml")
	text := fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
data: %q
domains: [localhost]
kms: {kind: embedded}
identities:
  - name: app
    access_key: AKIAIOSFODNN7EXAMPLE
    secret_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
    policy: [{effect: Allow, action: ["s3express:*", "s3:*", "kms:*"], resource: ["*"]}]
%s
`, dir, lines)
	if !strings.Contains(lines, "store:") {
		text += "store: {kind: embedded}\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startCommand(t, options, "serve", "--config", file)
	for name, value := range map[string]string{
		"AWS_CA_BUNDLE": filepath.Join(dir, "tls", "ca.pem"), "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"AWS_REGION":            "us-west-2", "AWS_DEFAULT_REGION": "us-west-2", "SEALFRONT_BUCKET": DemoBucket,
	} {
		p.Env[name] = value
	}
	return p
}

// WriteConfig returns the name of a configuration file with this text.
func WriteConfig(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sealfront.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const Identity = `
identities:
- {name: app, access_key: AKIATEST, secret_key: testsecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
`

// StartWith starts the program with a configuration file and the credentials in testIdentity.
func StartWith(t testing.TB, text string, options ...Option) *Program {
	t.Helper()
	if !strings.Contains(text, "identities:") {
		text += Identity
	}
	p := startCommand(t, options, "serve", "--config", WriteConfig(t, text))
	p.Env["AWS_ACCESS_KEY_ID"], p.Env["AWS_SECRET_ACCESS_KEY"], p.Env["AWS_REGION"] = "AKIATEST", "testsecret",
		"us-west-2"
	if _, rest, ok := strings.Cut(text, "data: "); ok {
		dir, _, _ := strings.Cut(rest, "\n")
		p.Env["AWS_CA_BUNDLE"] = filepath.Join(dir, "tls", "ca.pem")
	}
	return p
}

// StartBehind starts the program before f, with a state bucket of its own.
func StartBehind(t testing.TB, f *StoreFront, more string, options ...Option) *Program {
	t.Helper()
	prefix := fmt.Sprintf("t%d-", time.Now().UnixNano())
	return StartWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: %s, state_bucket: %sstate}
kms: {kind: embedded}
data: %s
%s`, f.URL, prefix, prefix, t.TempDir(), more), options...)
}

// Rewrite replaces a file's content in one step, as an operator does who changes a configuration.
func Rewrite(t testing.TB, file, text string) {
	t.Helper()
	err := os.WriteFile(file+".new", []byte(text), 0o600)
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		t.Fatal(err)
	}
}
