package proxytest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/crypto/keyroot/file"
)

// KeyServerConfig is the configuration of a key service with records in a folder of their own, and KMSAccessKey as its
// operator. root is its root main, as in {kind: file, file: root.key}; "" is a root key of its own. more are further
// settings.
func KeyServerConfig(t testing.TB, root, more string) string {
	t.Helper()
	dir := t.TempDir()
	if root == "" {
		path := filepath.Join(dir, "root.key")
		if err := file.Create(path); err != nil {
			t.Fatal(err)
		}
		root = fmt.Sprintf("{kind: file, file: %q}", path)
	}
	return fmt.Sprintf(`
listen: {https: "", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
records: {dir: %q}
root: main
roots: [{name: main, %s]
identities:
  - name: operator
    access_key: %s
    secret_key: %q
    policy: [{effect: Allow, action: "kms:*", resource: "*"}]
%s
`, filepath.Join(dir, "records"), strings.TrimPrefix(root, "{"), KMSAccessKey, KMSSecretKey, more)
}

// Fixed is the configuration with an address of its own, for a program that is started again.
func Fixed(t testing.TB, text string) string {
	t.Helper()
	return strings.Replace(text, `http: "127.0.0.1:0"`, fmt.Sprintf("http: %q", Loopback(t)), 1)
}

// StartKeyServer starts "sealfront kms" with a configuration, as the package's programs are started. Where it is, is in
// Env: SEALFRONT_KMS_ENDPOINT and SEALFRONT_ADMIN.
func StartKeyServer(t testing.TB, text string, options ...Option) *Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kms.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return startCommand(t, options, "kms", "--config", path)
}
