package awskms

import (
	"strings"
	"time"

	"sealfront/crypto/keyroot"
)

// Config says which KMS key is the root, and who calls KMS. KeyARN is required.
type Config struct {
	KeyARN   string // arn:PARTITION:kms:REGION:ACCOUNT:key/ID: of a symmetric key, no alias
	Endpoint string // default: AWS in the key's region

	AccessKey   string // with SecretKey; without: the AWS default chain
	SecretKey   keyroot.Secret
	RoleARN     string // a role to assume with these credentials; default: none is
	STSEndpoint string // where; default: AWS in the key's region

	CA      string        // PEM file, in place of the system's certificate authorities
	Timeout time.Duration // of a call with its retries; default 10 s
}

const defaultTimeout = 10 * time.Second

// region returns the region that the key's ARN names, "" where it isn't the ARN of a key.
func (c Config) region() string {
	part := strings.Split(c.KeyARN, ":")
	if len(part) != 6 || part[0] != "arn" || part[1] == "" || part[2] != "kms" || part[4] == "" ||
		!strings.HasPrefix(part[5], "key/") || len(part[5]) == len("key/") ||
		strings.ContainsFunc(c.KeyARN, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return part[3]
}

const maxIdentity = 200 // bytes, Root's word

// Faults returns everything that is wrong with c, in the words of a configuration file. It reads no file.
func (c Config) Faults() keyroot.Faults {
	var f keyroot.Faults
	switch {
	case c.region() == "":
		f.Add("key", "%q is not the ARN of a KMS key, arn:aws:kms:REGION:ACCOUNT:key/ID; an alias can't be a root, since it "+
			"may come to mean another key", c.KeyARN)
	case len(identityPrefix)+len(c.KeyARN) > maxIdentity:
		f.Add("key", "is longer than %d bytes", maxIdentity-len(identityPrefix))
	}
	for _, endpoint := range []struct{ path, value string }{
		{"endpoint", c.Endpoint}, {"sts_endpoint", c.STSEndpoint},
	} {
		if endpoint.value != "" && !strings.HasPrefix(endpoint.value, "https://") &&
			!strings.HasPrefix(endpoint.value, "http://") {
			f.Add(endpoint.path, "%q is not a URL such as https://kms.example.com", endpoint.value)
		}
	}
	if c.AccessKey != "" || c.SecretKey.Set() {
		c.SecretKey.Check(&f, "secret_key", true)
		if c.AccessKey == "" {
			f.Add("access_key", "must be set with secret_key")
		}
	}
	if c.RoleARN != "" && !strings.HasPrefix(c.RoleARN, "arn:") {
		f.Add("role", "%q is not the ARN of a role", c.RoleARN)
	}
	if c.STSEndpoint != "" && c.RoleARN == "" {
		f.Add("sts_endpoint", "means nothing without role")
	}
	if c.Timeout < 0 {
		f.Add("timeout", "must not be negative")
	}
	return f
}
