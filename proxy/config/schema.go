package config

import (
	_ "embed"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"time"
)

// source is this package's own text: the comments of Config are the manual, for editors, too.
//
//go:embed config.go
var source string

// rolesSource is its part about roles.
//
//go:embed roles.go
var rolesSource string

// keySource and keyIdentitiesSource are its parts about the key service.
//
//go:embed keyservice.go
var keySource string

//go:embed keyidentities.go
var keyIdentitiesSource string

// Schema returns the JSON schema of a configuration file, made from the type Config, its comments and its defaults.
func Schema() map[string]any {
	return schemaOf(*Default(), "Configuration of sealfront")
}

// KeyServiceSchema is Schema of the configuration of a key service.
func KeyServiceSchema() map[string]any {
	return schemaOf(*DefaultKeyService(), "Configuration of sealfront kms")
}

func schemaOf(defaults any, title string) map[string]any {
	s := &schema{comments: comments()}
	root := s.of(reflect.TypeOf(defaults), reflect.ValueOf(defaults))
	root["$schema"], root["title"] = "https://json-schema.org/draft/2020-12/schema", title
	return root
}

type schema struct{ comments map[string]string } // by Type.Field, and by Type

// words are the values of settings that are one of a few.
var words = map[string][]string{
	"Store.Kind": {"s3", "directory", "embedded", "memory"}, "Store.Addressing": {"path", "virtual"},
	"Store.BucketNames": {"prefix", "record"},
	"KMS.Kind":          {"aws", "embedded"}, "TLS.MinVersion": {"1.2", "1.3"}, "TLS.Require": {"kms", "all"},
	"TLS.ClientCertificates": {"required", "optional"},
	"Checksums.OnGet":        {"always", "free"}, "GeneralPurpose.DefaultEncryption": {"AES256", "aws:kms"},
	"Log.Level": {"debug", "info", "warn", "error"}, "Log.Format": {"json", "console"},
	"Audit.Sink":        {"file", "stdout", "syslog", "socket"},
	"KeyTLS.MinVersion": {"1.2", "1.3"}, "KeyStore.Addressing": {"path", "virtual"},
	"Root.Kind": {"file", "transit", "pkcs11", "awskms"}, "PKCS11Root.Mechanism": {"gcm", "wrap"},
	"KeyStatement.Effect": {"Allow", "Deny"}, "KeyLog.Level": {"debug", "info", "warn", "error"},
	"KeyLog.Format": {"json", "console"}, "KeyLog.AuditOnFailure": {"continue", "refuse"},
	"Audit.Keys": {"plain", "hash"}, "Audit.OnFailure": {"continue", "refuse"}, "Statement.Effect": {"Allow", "Deny"},
}

// of is the schema of a type. value has the defaults; it is invalid within lists.
func (s *schema) of(t reflect.Type, value reflect.Value) map[string]any {
	if t.Kind() == reflect.Pointer {
		if value.IsValid() {
			value = value.Elem()
		}
		return s.of(t.Elem(), value)
	}
	out := map[string]any{}
	switch {
	case t == reflect.TypeFor[time.Duration]():
		out["type"], out["pattern"] = "string", `^([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$`
		if value.IsValid() && value.Int() != 0 {
			out["default"] = time.Duration(value.Int()).String()
		}
		return out
	case t == reflect.TypeFor[Bytes]():
		out["type"], out["pattern"] = []string{"integer", "string"}, `^[0-9]+ *([KMGT]iB)?$`
	case t == reflect.TypeFor[List]():
		out["oneOf"] = []any{
			map[string]any{"type": "string"},
			map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
		}
	case t.Kind() == reflect.Struct:
		properties := map[string]any{}
		for i := range t.NumField() {
			f := t.Field(i)
			var initial reflect.Value
			if value.IsValid() {
				initial = value.Field(i)
			}
			p := s.of(f.Type, initial)
			name := t.Name() + "." + f.Name
			if text := s.comments[name]; text != "" {
				p["description"] = text
			} else if p["description"] == nil && s.comments[f.Type.Name()] != "" {
				p["description"] = s.comments[f.Type.Name()]
			}
			if w := words[name]; w != nil {
				p["enum"] = w
			}
			properties[f.Tag.Get("yaml")] = p
		}
		out["type"], out["properties"], out["additionalProperties"] = "object", properties, false
		return out
	case t.Kind() == reflect.Slice:
		out["type"], out["items"] = "array", s.of(t.Elem(), reflect.Value{})
	case t.Kind() == reflect.Map:
		out["type"], out["additionalProperties"] = "object", s.of(t.Elem(), reflect.Value{})
	case t.Kind() == reflect.Bool:
		out["type"] = "boolean"
	case t.Kind() == reflect.Float64:
		out["type"] = "number"
	case t.Kind() == reflect.Int:
		out["type"] = "integer"
	default:
		out["type"] = "string"
	}
	if value.IsValid() && !value.IsZero() {
		out["default"] = value.Interface()
	}
	return out
}

// comments are those of this package's types and fields, as one line each.
func comments() map[string]string {
	found := make(map[string]string)
	for _, text := range []string{source, rolesSource, keySource, keyIdentitiesSource} {
		addComments(found, text)
	}
	return found
}

func addComments(found map[string]string, text string) {
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", text, parser.ParseComments)
	if err != nil {
		panic("config: internal error: " + err.Error()) // it was compiled
	}
	line := func(groups ...*ast.CommentGroup) string {
		var all []string
		for _, g := range groups {
			all = append(all, strings.Fields(g.Text())...)
		}
		return strings.Join(all, " ")
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			t, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			found[t.Name.Name] = line(g.Doc)
			if fields, ok := t.Type.(*ast.StructType); ok {
				for _, f := range fields.Fields.List {
					for _, name := range f.Names {
						found[t.Name.Name+"."+name.Name] = line(f.Doc, f.Comment)
					}
				}
			}
		}
	}
}
