package config

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// Each cause is one fault: a setting whose value couldn't be read, or whose name is mistyped, isn't reported as
// missing, too.

// together are settings about which a check can complain when another one is missing or wrong.
var together = map[string][]string{
	"store.secret_key": {"store.access_key"},
	"kms.secret_key":   {"kms.access_key"},
	"tls.key":          {"tls.cert"},
	"tls.cert":         {"tls.key", "listen.https", "store.kind", "kms.kind"},
	"admin.key":        {"admin.cert"},
	"admin.cert":       {"admin.key", "admin.client_ca"},
	"listen.https":     {"listen.http"},
	"listen.admin":     {"admin.token", "admin.client_ca", "admin.health_only"},
	"identities":       {"identities_file", "roles", "roles_file", "store.kind", "kms.kind"},
	"kms.service_key":  {"kms.kind"},
	"store.endpoint":   {"store.kind"},
	"data":             {"store.kind", "kms.kind"},
}

// withoutConsequences returns what was found beyond types, but for what has its cause in a setting that couldn't be
// read: causes are the paths of those.
func withoutConsequences(found Faults, causes []string) Faults {
	return slices.DeleteFunc(found, func(f Fault) bool {
		return slices.ContainsFunc(causes, func(cause string) bool {
			cause = setting(cause)
			return about(f.Path, cause) || slices.ContainsFunc(together[f.Path], func(other string) bool {
				return about(other, cause)
			})
		})
	})
}

// about reports whether a path is that of a cause, or of something within it.
func about(path, cause string) bool {
	rest, ok := strings.CutPrefix(path, cause)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// setting is the setting that a path gives a value to: a secret may be in a file or in the environment.
func setting(path string) string {
	for _, way := range []string{"_file", "_env"} {
		if name, ok := strings.CutSuffix(path, way); ok && path != "identities_file" && path != "roles_file" {
			return name
		}
	}
	return path
}

// missing is what to say of a file that can't be read.
func missing(name string, err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return name + " is missing"
	}
	return err.Error() + ": the program's user must be able to read it"
}
