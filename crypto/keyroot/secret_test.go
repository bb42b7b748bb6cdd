package keyroot_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/crypto/keyroot"
)

func TestSecretsAreReadWhereTheyAre(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) keyroot.Secret {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return keyroot.Secret{File: path}
	}
	t.Setenv("SEALFRONT_TEST_SECRET", "from the environment")
	for _, c := range []struct {
		secret keyroot.Secret
		want   string // "": an error
		says   string
	}{
		{keyroot.Secret{Value: "given"}, "given", ""},
		{file("line", "from a file\r\n"), "from a file", ""},
		{keyroot.Secret{Env: "SEALFRONT_TEST_SECRET"}, "from the environment", ""},
		{file("empty", "\n"), "", "is empty"},
		{file("lines", "one\ntwo\n"), "", "more than one line"},
		{file("long", strings.Repeat("s", 65<<10)), "", "is no secret"},
		{keyroot.Secret{File: filepath.Join(dir, "none")}, "", "doesn't exist"},
		{keyroot.Secret{File: dir}, "", "directory"},
		{keyroot.Secret{Env: "SEALFRONT_TEST_NONE"}, "", "isn't set"},
	} {
		got, err := c.secret.Read()
		if got != c.want || (err == nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %q, %v", c.secret, got, err)
		}
	}
}
