package check

import (
	"fmt"
	"os"
)

// secretFiles checks that only the program's user can read secret files.
func (k *checkup) secretFiles() {
	c := k.c
	files := []struct{ path, name string }{
		{"tls.key", c.TLS.Key},
		{"admin.key", c.Admin.Key},
		{"admin.token_file", c.Admin.TokenFile},
		{"store.secret_key_file", c.Store.SecretKeyFile},
		{"kms.secret_key_file", c.KMS.SecretKeyFile},
		{"identities_file", c.IdentitiesFile},
	}
	for i, pair := range c.TLS.Certificates {
		files = append(files, struct{ path, name string }{fmt.Sprintf("tls.certificates[%d].key", i), pair.Key})
	}
	for i := range c.Identities {
		files = append(files,
			struct{ path, name string }{fmt.Sprintf("identities[%d].secret_key_file", i), c.Identities[i].SecretKeyFile})
	}
	for _, f := range files {
		if f.name == "" {
			continue
		}
		if info, err := os.Stat(f.name); err == nil && info.Mode()&0o006 != 0 {
			k.warn(f.path,
				"every user of the machine may read %s, whose mode is %v: chmod o-rwx, or defaultMode: 0440 of a Kubernetes volume",
				f.name, info.Mode().Perm())
		}
	}
}
