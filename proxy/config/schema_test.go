package config_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sealfront/proxy/config"
)

// fits reports where a document doesn't fit a schema, as far as names, types and words go.
func fits(schema map[string]any, v any, path string, fault func(path string)) {
	if words, ok := schema["enum"].([]any); ok {
		for _, w := range words {
			if w == v {
				return
			}
		}
		fault(path)
		return
	}
	switch v := v.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for name, item := range v {
			p, ok := properties[name].(map[string]any)
			if !ok {
				if p, ok = schema["additionalProperties"].(map[string]any); !ok {
					fault(path + "." + name)
					continue
				}
			}
			fits(p, item, path+"."+name, fault)
		}
	case []any:
		if schema["oneOf"] != nil {
			return
		}
		items, ok := schema["items"].(map[string]any)
		if !ok {
			fault(path)
		}
		for _, item := range v {
			fits(items, item, path+"[]", fault)
		}
	case bool:
		if schema["type"] != "boolean" {
			fault(path)
		}
	}
}

func TestTheSchemaFitsTheExampleAndRefusesOthers(t *testing.T) {
	text, err := json.Marshal(config.Schema())
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../deploy/sealfront.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := yaml.Unmarshal(example, &document); err != nil {
		t.Fatal(err)
	}
	fits(schema, document, "", func(path string) { t.Errorf("%s of the example doesn't fit the schema", path) })
	for _, wrong := range []string{
		"listen: {htps: x}", "store: {kind: s4}", "identities: {name: x}",
		"log: {audit: {keys: none}}", "auth: {accept_s3_scope: maybe, verbose_mismatch: true, no: 1}",
	} {
		var document map[string]any
		if err := yaml.Unmarshal([]byte(wrong), &document); err != nil {
			t.Fatal(err)
		}
		faults := 0
		fits(schema, document, "", func(string) { faults++ })
		if faults == 0 {
			t.Errorf("%s fits the schema", wrong)
		}
	}
	limits := schema["properties"].(map[string]any)["limits"].(map[string]any)["properties"].(map[string]any)
	progress := limits["progress_timeout"].(map[string]any)
	if progress["default"] != "1m0s" || !strings.Contains(progress["description"].(string), "silence in a request") {
		t.Errorf("%v", progress)
	}
}

// The key service's has every setting of its example, also of what that shows commented out, with its description.
func TestTheKeyServicesSchemaFitsItsExample(t *testing.T) {
	text, err := json.Marshal(config.KeyServiceSchema())
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../deploy/kms.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^( *)# ( *(- )?[a-z_{]+:(?: |$))`).ReplaceAllString(string(example), "$1$2")
	for _, content := range []string{string(example), all} {
		var document map[string]any
		if err := yaml.Unmarshal([]byte(content), &document); err != nil {
			t.Fatal(err)
		}
		fits(schema, document, "", func(path string) { t.Errorf("%s of the example doesn't fit the schema", path) })
	}
	for _, wrong := range []string{
		"roots: [{kind: fire}]", "roots: [{transit: {place: x}}]", "roles: [{trust: [{who: x}]}]", "recods: {}",
	} {
		var document map[string]any
		if err := yaml.Unmarshal([]byte(wrong), &document); err != nil {
			t.Fatal(err)
		}
		faults := 0
		fits(schema, document, "", func(string) { faults++ })
		if faults == 0 {
			t.Errorf("%s fits the schema", wrong)
		}
	}
	key := schema["properties"].(map[string]any)["key"].(map[string]any)["properties"].(map[string]any)
	if l := key["lifetime"].(map[string]any); l["default"] != "5m0s" ||
		!strings.Contains(l["description"].(string), "root") {
		t.Errorf("%v", l)
	}
}
