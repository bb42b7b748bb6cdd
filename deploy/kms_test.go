package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sealfront/crypto/keyservice"
	"sealfront/proxy/config"
)

// The example of a key service's configuration loads, also with all that it shows commented out.
func TestTheKeyServiceExample(t *testing.T) {
	text, err := os.ReadFile("kms.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^( *)# ( *(- )?[a-z_{]+:(?: |$))`).ReplaceAllString(string(text), "$1$2")
	all = regexp.MustCompile(`(?m)^ +dir: .*\n`).ReplaceAllString(all, "") // the other way
	for name, content := range map[string]string{"as it is": string(text), "everything": all} {
		dir := t.TempDir()
		for _, file := range []string{
			"tls.crt", "tls.key", "ca.crt", "store-ca.crt", "store-secret", "admin-secret", "proxy-secret", "admin-token",
			"root.key",
		} {
			write(t, filepath.Join(dir, file), "content")
		}
		path := filepath.Join(dir, "kms.yaml")
		write(t, path, content)
		c, err := config.LoadKeyService(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.Root != "main" || len(c.Identities) != 2 ||
			name == "everything" && (len(c.Roots) != 4 || len(c.Roles) != 1 || len(c.Issuers) != 1) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestTheKeyServicesUnit(t *testing.T) {
	proxy, err := os.ReadFile("sealfront.service")
	if err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile("sealfront-kms.service")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(proxy)) { // it is no less closed than the proxy's
		if name, _, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") &&
			!strings.Contains("Description ExecStart StateDirectory LogsDirectory WorkingDirectory", name) &&
			!strings.Contains(string(unit), line) {
			t.Errorf("it has no line %s", line)
		}
	}
}

// COMPATIBILITY.md lists the actions that the key service answers: all, and no other.
func TestTheKeyServicesActions(t *testing.T) {
	text, err := os.ReadFile("COMPATIBILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "answer these actions of KMS: ")
	list, _, _ = strings.Cut(list, ".")
	named := strings.Split(strings.ReplaceAll(list, "\n", " "), ", ")
	slices.Sort(named)
	if want := keyservice.Actions(); !slices.Equal(named, want) {
		t.Errorf("it lists %q, and the key service answers %q", named, want)
	}
}
