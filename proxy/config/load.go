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

	"sealfront/policy"
)

// Load reads a configuration file, fills in defaults and secrets from files and environment, and validates. Paths in
// the file are taken relative to it. The error is Faults, or says that the file can't be read.
func Load(file string) (*Config, error) {
	c, faults, err := load(file, &Sources{})
	return only(c, faults, err)
}

// LoadWatched is Load with what the configuration comes from, also when it is refused.
func LoadWatched(file string) (*Config, *Sources, error) {
	s := &Sources{}
	c, faults, err := load(file, s)
	if c != nil {
		s.note(c.Files())
	}
	c, err = only(c, faults, err)
	return c, s, err
}

// only returns a configuration without faults.
func only[C any](c *C, faults Faults, err error) (*C, error) {
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return c, nil
}

func load(file string, s *Sources) (*Config, Faults, error) {
	text, err := s.read(file)
	if err != nil {
		return nil, nil, fmt.Errorf("read the configuration: %w", err)
	}
	c := Default()
	r := &reading{sources: s}
	if !r.decode("file", text, c) {
		return c, r.faults, nil // nothing is known of the settings
	}
	c.resolve(filepath.Dir(file), r)
	c.complete()
	causes := slices.Clone(r.meant)
	for _, f := range r.faults {
		causes = append(causes, f.Path)
	}
	return c, append(r.faults, withoutConsequences(c.validate(), causes)...), nil
}

// Files are the files that the configuration is read from, apart from its own: secrets, identities and certificates.
func (c *Config) Files() []string {
	list := []string{
		c.IdentitiesFile, c.TLS.Cert, c.TLS.Key, c.TLS.ClientCA, c.Store.CA, c.KMS.CA,
		c.Store.SecretKeyFile, c.KMS.SecretKeyFile, c.Admin.TokenFile,
	}
	for _, pair := range c.TLS.Certificates {
		list = append(list, pair.Cert, pair.Key)
	}
	for i := range c.Identities {
		list = append(list, c.Identities[i].SecretKeyFile)
	}
	list = append(list, c.RolesFile)
	for i := range c.Issuers {
		list = append(list, c.Issuers[i].KeysFile, c.Issuers[i].CA)
	}
	files := list[:0]
	for _, name := range list {
		if name != "" {
			files = append(files, name)
		}
	}
	return files
}

// A reading is what is found while a configuration is read.
type reading struct {
	sources *Sources
	faults  Faults
	meant   []string // paths that were probably meant by mistyped ones
}

func (r *reading) add(path, format string, args ...any) { r.faults.add(path, format, args...) }

// LoadOnly is Load for whoever needs some settings only, named by the first word of their paths: faults of the others
// are passed over.
func LoadOnly(file string, words ...string) (*Config, error) {
	c, faults, err := load(file, &Sources{})
	if err != nil {
		return nil, err
	}
	faults = slices.DeleteFunc(faults, func(f Fault) bool {
		word, _, _ := strings.Cut(f.Path, ".")
		return !slices.Contains(words, word)
	})
	return only(c, faults, nil)
}

// decode reads one YAML document into target, with every fault and its path. It reports whether it could be read at
// all; if not, that is a fault at path.
func (r *reading) decode(path string, text []byte, target any) bool {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var root yaml.Node
	switch err := d.Decode(&root); {
	case errors.Is(err, io.EOF):
		return true
	case err != nil:
		r.add(path, "%v", err)
		return false
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		r.add(path, "holds more than one document")
	}
	if root.Content[0].Kind != yaml.MappingNode && root.Content[0].Tag != "!!null" {
		r.add(path, "must be a mapping")
		return false
	}
	r.fill(root.Content[0], reflect.ValueOf(target).Elem(), "")
	return true
}

var unmarshaler = reflect.TypeFor[yaml.Unmarshaler]()

// fill decodes a node into a value, field by field, so that one fault doesn't hide the next.
func (r *reading) fill(node *yaml.Node, v reflect.Value, path string) {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Tag == "!!null" {
		return
	}
	custom := v.CanAddr() && v.Addr().Type().Implements(unmarshaler)
	switch {
	case v.Kind() == reflect.Struct && !custom:
		r.fillStruct(node, v, path)
		return
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		if node.Kind != yaml.SequenceNode {
			r.add(path, "must be a list")
			return
		}
		list := reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content))
		for i, item := range node.Content {
			r.fill(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
		v.Set(list)
		return
	}
	if err := node.Decode(v.Addr().Interface()); err != nil {
		var types *yaml.TypeError
		if errors.As(err, &types) {
			r.add(path, "%q is not a %s", node.Value, typeName(v.Type()))
		} else {
			r.add(path, "%v", err)
		}
	}
}

func (r *reading) fillStruct(node *yaml.Node, v reflect.Value, path string) {
	if node.Kind != yaml.MappingNode {
		r.add(orFile(path), "must be a mapping")
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
			r.unknown(v, path, name, node.Content[i].Line)
		case seen[name]:
			r.add(at, "is set twice (line %d)", node.Content[i].Line)
		default:
			r.fill(node.Content[i+1], field, at)
		}
		seen[name] = true
	}
}

// unknown reports a field that there isn't, with the one that was probably meant.
func (r *reading) unknown(v reflect.Value, path, name string, line int) {
	var names []string
	for i := range v.NumField() {
		names = append(names, v.Type().Field(i).Tag.Get("yaml"))
	}
	join := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	if meant := policy.Nearest(name, names); meant != "" {
		r.meant = append(r.meant, join(meant))
		r.add(join(name), "unknown field (line %d): did you mean %s?", line, meant)
		return
	}
	r.add(join(name), "unknown field (line %d)", line)
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
func (c *Config) resolve(dir string, r *reading) {
	base, err := filepath.Abs(dir)
	if err != nil {
		r.add("file", "%v", err)
		return
	}
	for _, p := range []*string{
		&c.TLS.Cert, &c.TLS.Key, &c.TLS.ClientCA, &c.Store.CA, &c.KMS.CA, &c.Data, &c.IdentitiesFile, &c.RolesFile,
		&c.Store.SecretKeyFile, &c.KMS.SecretKeyFile, &c.Admin.TokenFile, &c.Tracing.CA, &c.Admin.Cert, &c.Admin.Key,
		&c.Admin.ClientCA, &c.Log.Audit.File, &c.Log.Audit.CA,
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
	r.secret("store.secret_key", &c.Store.SecretKey, c.Store.SecretKeyFile, c.Store.SecretKeyEnv)
	r.secret("kms.secret_key", &c.KMS.SecretKey, c.KMS.SecretKeyFile, c.KMS.SecretKeyEnv)
	r.secret("admin.token", &c.Admin.Token, c.Admin.TokenFile, "")
	if c.IdentitiesFile != "" {
		if len(c.Identities) > 0 {
			r.add("identities_file", "can't be set together with identities")
		}
		c.readIdentities(r)
	}
	for i := range c.Identities {
		id := &c.Identities[i]
		if id.SecretKeyFile != "" && !filepath.IsAbs(id.SecretKeyFile) {
			id.SecretKeyFile = filepath.Join(base, id.SecretKeyFile)
		}
		r.secret(fmt.Sprintf("identities[%d].secret_key", i), &id.SecretKey, id.SecretKeyFile, id.SecretKeyEnv)
	}
	c.resolveRoles(base, r)
}

// readIdentities reads identities from their file.
func (c *Config) readIdentities(r *reading) {
	text, err := r.sources.read(c.IdentitiesFile)
	if err != nil {
		r.add("identities_file", "%s", missing(c.IdentitiesFile, err))
		return
	}
	var file struct {
		Identities []Identity `yaml:"identities"`
	}
	known := len(r.faults)
	read := r.decode("identities_file", text, &file)
	if c.Identities = file.Identities; read && len(c.Identities) == 0 && len(r.faults) == known {
		r.add("identities_file", "holds no identities")
	}
}

// secret fills value from a file or the environment; at most one of the three may be set.
func (r *reading) secret(path string, value *string, file, env string) {
	set := 0
	for _, s := range []string{*value, file, env} {
		if s != "" {
			set++
		}
	}
	switch {
	case set > 1:
		r.add(path, "is given in more than one way: set one of %s, _file and _env",
			path[strings.LastIndexByte(path, '.')+1:])
	case file != "":
		text, err := r.sources.read(file)
		*value = strings.TrimSpace(string(text))
		switch {
		case err != nil:
			r.add(path+"_file", "%s", missing(file, err))
		case *value == "":
			r.add(path+"_file", "%s is empty", file)
		}
	case env != "":
		v, ok := os.LookupEnv(env)
		switch *value = v; {
		case !ok:
			r.add(path+"_env", "the environment has no %s", env)
		case v == "":
			r.add(path+"_env", "%s is empty in the environment", env)
		}
	}
}
