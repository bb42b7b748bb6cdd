package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"

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

// A Digested is what Fingerprint says of files.
type Digested [sha256.Size]byte

// Fingerprint changes with the content of any of the files, and with its coming and going.
func Fingerprint(files []string) (sum Digested) {
	h := sha256.New()
	for _, name := range files {
		text, err := os.ReadFile(name)
		fmt.Fprintf(h, "%q %d %t\n", name, len(text), err == nil)
		h.Write(text)
	}
	h.Sum(sum[:0])
	return sum
}

// Files are the files that Reload of a key service reads, apart from its own configuration: identities, their secrets,
// issuers, the certificate and the authorities of clients' own.
func (c *KeyService) Files() []string {
	list := []string{c.IdentitiesFile, c.TLS.Cert, c.TLS.Key, c.TLS.ClientCA}
	for i := range c.Identities {
		list = append(list, c.Identities[i].SecretKeyFile)
	}
	for i := range c.Issuers {
		list = append(list, c.Issuers[i].KeysFile, c.Issuers[i].CA)
	}
	return slices.DeleteFunc(list, func(name string) bool { return name == "" })
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
