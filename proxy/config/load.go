package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads a configuration file, fills in defaults and secrets from files and environment, and validates. Paths in
// the file are taken relative to it. The error is Faults, or says that the file can't be read.
func Load(file string) (*Config, error) {
	c, faults, err := load(file)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return c, nil
}

func load(file string) (*Config, Faults, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("read the configuration: %w", err)
	}
	c := Default()
	var faults Faults
	decode(text, c, &faults)
	dir := filepath.Dir(file)
	c.resolve(dir, &faults)
	c.complete()
	return c, append(faults, c.validate()...), nil
}

// LoadOnly is Load for whoever needs some settings only, named by the first word of their paths: faults of the others
// are passed over.
func LoadOnly(file string, words ...string) (*Config, error) {
	c, faults, err := load(file)
	if err != nil {
		return nil, err
	}
	faults = slices.DeleteFunc(faults, func(f Fault) bool {
		word, _, _ := strings.Cut(f.Path, ".")
		return !slices.Contains(words, word)
	})
	if len(faults) > 0 {
		return nil, faults
	}
	return c, nil
}

// decode reads one YAML document into target, with every fault and its path.
func decode(text []byte, target any, faults *Faults) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var root yaml.Node
	switch err := d.Decode(&root); {
	case errors.Is(err, io.EOF):
		return
	case err != nil:
		faults.add("file", "%v", err)
		return
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		faults.add("file", "holds more than one document")
	}
	fill(root.Content[0], reflect.ValueOf(target).Elem(), "", faults)
}

var unmarshaler = reflect.TypeFor[yaml.Unmarshaler]()

// fill decodes a node into a value, field by field, so that one fault doesn't hide the next.
func fill(node *yaml.Node, v reflect.Value, path string, faults *Faults) {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Tag == "!!null" {
		return
	}
	custom := v.CanAddr() && v.Addr().Type().Implements(unmarshaler)
	switch {
	case v.Kind() == reflect.Struct && !custom:
		fillStruct(node, v, path, faults)
		return
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		if node.Kind != yaml.SequenceNode {
			faults.add(path, "must be a list")
			return
		}
		list := reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content))
		for i, item := range node.Content {
			fill(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i), faults)
		}
		v.Set(list)
		return
	}
	if err := node.Decode(v.Addr().Interface()); err != nil {
		var types *yaml.TypeError
		if errors.As(err, &types) {
			faults.add(path, "%q is not a %s", node.Value, typeName(v.Type()))
		} else {
			faults.add(path, "%v", err)
		}
	}
}

func fillStruct(node *yaml.Node, v reflect.Value, path string, faults *Faults) {
	if node.Kind != yaml.MappingNode {
		faults.add(orFile(path), "must be a mapping")
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i].Value
		at := name
		if path != "" {
			at = path + "." + name
		}
		field, ok := fieldByTag(v, name)
		switch {
		case !ok:
			faults.add(at, "unknown field (line %d)", node.Content[i].Line)
		case seen[name]:
			faults.add(at, "is set twice (line %d)", node.Content[i].Line)
		default:
			fill(node.Content[i+1], field, at, faults)
		}
		seen[name] = true
	}
}

func orFile(path string) string {
	if path == "" {
		return "file"
	}
	return path
}

func fieldByTag(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func typeName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.String() == "time.Duration":
		return "duration such as 300s"
	case t.Kind() == reflect.Bool:
		return "truth value"
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		return "whole number"
	case t.Kind() == reflect.Float64:
		return "number"
	case t.Kind() == reflect.Slice:
		return "list of strings"
	}
	return "string"
}

// resolve makes paths absolute and reads secrets and identities from their files.
func (c *Config) resolve(dir string, faults *Faults) {
	base, err := filepath.Abs(dir)
	if err != nil {
		faults.add("file", "%v", err)
		return
	}
	for _, p := range []*string{
		&c.TLS.Cert, &c.TLS.Key, &c.TLS.ClientCA, &c.Store.CA, &c.KMS.CA, &c.Data, &c.IdentitiesFile,
		&c.Store.SecretKeyFile, &c.KMS.SecretKeyFile, &c.Admin.TokenFile, &c.Tracing.CA, &c.Admin.Cert, &c.Admin.Key,
		&c.Admin.ClientCA, &c.Log.Audit.File,
	} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(base, *p)
		}
	}
	for i := range c.TLS.Certificates {
		for _, p := range []*string{&c.TLS.Certificates[i].Cert, &c.TLS.Certificates[i].Key} {
			if *p != "" && !filepath.IsAbs(*p) {
				*p = filepath.Join(base, *p)
			}
		}
	}
	secret("store.secret_key", &c.Store.SecretKey, c.Store.SecretKeyFile, c.Store.SecretKeyEnv, faults)
	secret("kms.secret_key", &c.KMS.SecretKey, c.KMS.SecretKeyFile, c.KMS.SecretKeyEnv, faults)
	secret("admin.token", &c.Admin.Token, c.Admin.TokenFile, "", faults)
	if c.IdentitiesFile != "" {
		if len(c.Identities) > 0 {
			faults.add("identities_file", "can't be set together with identities")
		}
		text, err := os.ReadFile(c.IdentitiesFile)
		if err != nil {
			faults.add("identities_file", "%v", err)
		} else {
			var file struct {
				Identities []Identity `yaml:"identities"`
			}
			decode(text, &file, faults)
			if c.Identities = file.Identities; len(c.Identities) == 0 {
				faults.add("identities_file", "holds no identities")
			}
		}
	}
	for i := range c.Identities {
		id := &c.Identities[i]
		if id.SecretKeyFile != "" && !filepath.IsAbs(id.SecretKeyFile) {
			id.SecretKeyFile = filepath.Join(base, id.SecretKeyFile)
		}
		secret(fmt.Sprintf("identities[%d].secret_key", i), &id.SecretKey, id.SecretKeyFile, id.SecretKeyEnv, faults)
	}
}

// secret fills value from a file or the environment; at most one of the three may be set.
func secret(path string, value *string, file, env string, faults *Faults) {
	set := 0
	for _, s := range []string{*value, file, env} {
		if s != "" {
			set++
		}
	}
	switch {
	case set > 1:
		faults.add(path, "is given in more than one way: set one of %s, _file and _env",
			path[strings.LastIndexByte(path, '.')+1:])
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			faults.add(path+"_file", "%v", err)
		}
		*value = strings.TrimSpace(string(text))
	case env != "":
		v, ok := os.LookupEnv(env)
		if !ok {
			faults.add(path+"_env", "the environment has no %s", env)
		}
		*value = v
	}
}
