package proxytest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sealfront/crypto/keyroot/file"
)

// KeyServerConfig is the configuration of a key service with records and a root key in a folder of their own, and
// KMSAccessKey as its operator. more are further settings.
func KeyServerConfig(t testing.TB, more string) string {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root.key")
	if err := file.Create(root); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`
listen: {https: "", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
records: {dir: %q}
root: main
roots: [{name: main, kind: file, file: %q}]
identities:
  - name: operator
    access_key: %s
    secret_key: %q
    policy: [{effect: Allow, action: "kms:*", resource: "*"}]
%s`, filepath.Join(dir, "records"), root, KMSAccessKey, KMSSecretKey, more)
}

// StartKeyServer starts "sealfront kms" with a configuration, as the package's programs are started. Where it is, is in
// Env: SEALFRONT_KMS_ENDPOINT and SEALFRONT_ADMIN.
func StartKeyServer(t testing.TB, text string) *Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kms.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Start(t, "kms", "--config", path)
}
