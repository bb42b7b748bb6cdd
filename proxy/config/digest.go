package config

import (
	"crypto/sha256"
	"encoding/hex"

	"go.yaml.in/yaml/v3"
)

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

// Digest is 12 hex digits that two replicas share when their settings are the same, secrets apart: it depends on no
// secret, so it may be shown.
func (c *Config) Digest() string {
	bare := *c
	bare.Store.SecretKey, bare.KMS.SecretKey, bare.Admin.Token = "", "", ""
	bare.Tracing.Headers = nil
	bare.Identities = append([]Identity(nil), c.Identities...)
	for i := range bare.Identities {
		bare.Identities[i].SecretKey = ""
	}
	text, err := yaml.Marshal(&bare)
	if err != nil {
		return "unknown"
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}
