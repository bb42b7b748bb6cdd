package instance

import (
	"reflect"
	"slices"
	"strings"

	"sealfront/proxy/config"
)

// reloadable are the settings that a reload applies, with all settings below them.
var reloadable = []string{
	"identities", "identities_file", "issuers", "roles", "roles_file", "tls.cert", "tls.key", "tls.certificates",
	"tls.client_ca", "tls.client_certificates",
	"tls.min_version",
	"limits.connections", "limits.requests", "limits.concurrency", "limits.requests_per_second", "limits.burst",
	"limits.min_rate",
	"limits.progress_timeout", "limits.head_timeout", "limits.idle_timeout", "limits.drain_timeout", "limits.drain_delay",
	"limits.memory", "limits.failed_logins", "log.level",
	"log.sample",
}

// changes are the paths of settings that differ and aren't reloadable.
func changes(a, b *config.Config) (paths []string) {
	var compare func(a, b reflect.Value, path string)
	compare = func(a, b reflect.Value, path string) {
		if slices.Contains(reloadable, path) || reflect.DeepEqual(a.Interface(), b.Interface()) {
			return
		}
		if a.Kind() != reflect.Struct {
			paths = append(paths, path)
			return
		}
		for i := range a.NumField() {
			compare(a.Field(i), b.Field(i), strings.TrimPrefix(path+"."+a.Type().Field(i).Tag.Get("yaml"), "."))
		}
	}
	compare(reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem(), "")
	return paths
}
