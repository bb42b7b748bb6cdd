// Package deploy_test holds the examples of this directory to the program: configurations load, metric names exist, and
// COMPATIBILITY.md's list of operations is true.
package deploy_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sealfront/proxy/config"
)

// documents returns the documents of a YAML file.
func documents(t *testing.T, name string) (list []map[string]any) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for d := yaml.NewDecoder(f); ; {
		var document map[string]any
		switch err := d.Decode(&document); {
		case errors.Is(err, io.EOF):
			return list
		case err != nil:
			t.Fatalf("%s: %v", name, err)
		}
		list = append(list, document)
	}
}

// configurations are the program's configurations in this directory, by where they stand.
func configurations(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for _, name := range []string{"sealfront.yaml", "minimal.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = string(text)
	}
	for _, name := range []string{"kubernetes/gateway.yaml", "kubernetes/sidecar.yaml"} {
		for _, d := range documents(t, name) {
			if d["kind"] == "ConfigMap" {
				found[name], _ = d["data"].(map[string]any)["sealfront.yaml"].(string)
			}
		}
	}
	configs, _ := documents(t, "compose.yaml")[0]["configs"].(map[string]any)
	compose, _ := configs["sealfront"].(map[string]any)
	found["compose.yaml"], _ = compose["content"].(string)
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```yaml\n")
	found["README.md"], _, _ = strings.Cut(rest, "```")
	return found
}

func TestEveryExampleConfigurationLoads(t *testing.T) {
	t.Setenv("STORE_SECRET", "secret")
	t.Setenv("APP_SECRET", "secret")
	for name, text := range configurations(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, file := range []string{
				"tls/tls.crt", "tls/tls.key", "secrets/store", "secrets/app", "secrets/reports", "secrets/admin",
				"tls.crt", "tls.key", "store.secret", "app.secret",
			} {
				write(t, filepath.Join(dir, file), "secret\n")
			}
			file := filepath.Join(dir, "sealfront.yaml")
			if strings.HasPrefix(name, "kubernetes/") { // laid out as the pod's mounts
				file = filepath.Join(dir, "config", "sealfront.yaml")
			}
			write(t, file, text)
			if c, err := config.Load(file); err != nil || len(c.Identities)+len(c.Roles) == 0 {
				t.Fatal(err)
			}
		})
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// TestTheFullExampleShowsEverySetting looks for each setting's name, set or commented out.
func TestTheFullExampleShowsEverySetting(t *testing.T) {
	text := configurations(t)["sealfront.yaml"]
	var look func(typ reflect.Type, path string)
	look = func(typ reflect.Type, path string) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for i := range typ.NumField() {
			name := typ.Field(i).Tag.Get("yaml")
			if !regexp.MustCompile(`(?m)(^|[\s{#])` + name + `:`).MatchString(text) {
				t.Errorf("%s.%s isn't shown", path, name)
			}
			look(typ.Field(i).Type, path+"."+name)
		}
	}
	look(reflect.TypeFor[config.Config](), "sealfront.yaml")
}

func TestEveryYAMLAndJSONFileParses(t *testing.T) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch filepath.Ext(name) {
		case ".yaml":
			if strings.Contains(name, "/templates/") { // of the chart: no YAML before they are rendered
				return err
			}
			if len(documents(t, name)) == 0 {
				t.Errorf("%s is empty", name)
			}
		case ".json":
			if text, err := os.ReadFile(name); err != nil || !json.Valid(text) {
				t.Errorf("%s: not JSON (%v)", name, err)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestManifestsAreStrict(t *testing.T) {
	for _, name := range []string{"kubernetes/gateway.yaml", "kubernetes/sidecar.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found := objects(t, string(text))
		for name, o := range found {
			if !strings.HasPrefix(name, "Deployment ") {
				continue
			}
			pod, where := at(o, "spec", "template", "spec"), "containers"
			if at(pod, "initContainers") != nil {
				where = "initContainers"
			}
			holdPod(t, pod, at(pod, where, 0))
			holdProbes(t, at(pod, where, 0))
			loadInPod(t, pod, at(pod, where, 0), found)
		}
		holdManifests(t, string(text))
	}
}
