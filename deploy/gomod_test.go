package deploy_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// go.mod's first block of direct requirements is what the program imports itself; the second is of tests and the bench.
func TestDirectRequirementsAreInTheirBlock(t *testing.T) {
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	list := exec.Command("go", "list", "-tags", "pkcs11", "-f", `{{if ne .Name "proxytest"}}{{range .Imports}}{{.}}
{{end}}{{end}}`, "sealfront/proxy/...", "sealfront/crypto/...", "sealfront/policy/...", "sealfront/sigv4/...")
	list.Env = append(os.Environ(), "CGO_ENABLED=1") // the tag's files need C
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := strings.Fields(string(out))
	blocks := regexp.MustCompile(`(?s)require \(\n(.*?)\n\)`).FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 3 {
		t.Fatalf("go.mod has %d blocks: want the program's, the tests' and what is indirect", len(blocks))
	}
	for i, block := range blocks[:2] {
		for line := range strings.Lines(block[1]) {
			module := strings.Fields(line)[0]
			imported := slices.ContainsFunc(imports, func(p string) bool {
				return p == module || strings.HasPrefix(p, module+"/")
			})
			if imported != (i == 0) {
				t.Errorf("%s is in block %d; imported by the program: %v", module, i+1, imported)
			}
		}
	}
}
