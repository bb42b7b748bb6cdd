package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/config"
)

// Each cause is one fault, in words that say what to write: DIR stands for the configuration's directory.
func TestOneFaultForOneCause(t *testing.T) {
	const key = `service_key: "arn:aws:kms:us-west-2:123456789012:key/k"`
	for name, c := range map[string]struct {
		old, changed string // of what is right; old "" adds a line
		want         string // all that is said
	}{
		"a syntax error": {
			"kms: {", "kms: {{",
			"file: yaml: line 4: did not find expected ',' or '}'",
		},
		"a syntax error among the identities": {
			"identities.yaml", "broken.yaml",
			"identities_file: yaml: line 1: did not find expected node content",
		},
		"a secret's file is missing": {
			"secret_key_file: secret", "secret_key_file: none",
			"store.secret_key_file: DIR/none is missing",
		},
		"a secret's file is empty": {
			"secret_key_file: secret", "secret_key_file: empty",
			"store.secret_key_file: DIR/empty is empty",
		},
		"a secret's variable is missing": {
			"SEALFRONT_TEST_SECRET", "SEALFRONT_TEST_NONE",
			"kms.secret_key_env: the environment has no SEALFRONT_TEST_NONE",
		},
		"a secret's variable is empty": {
			"SEALFRONT_TEST_SECRET", "SEALFRONT_TEST_EMPTY",
			"kms.secret_key_env: SEALFRONT_TEST_EMPTY is empty in the environment",
		},
		"a token's file is missing, and the address isn't loopback": {
			`admin: "127.0.0.1:9090"}`, `admin: "0.0.0.0:9090"} # token_file: token`,
			"admin.token_file: DIR/none is missing",
		},
		"a certificate is missing": {
			"tls: {cert: cert.pem", "tls: {cert: none.pem",
			"tls.cert: DIR/none.pem is missing",
		},
		"an authority is missing": {
			"client_ca: ca.pem", "client_ca: none.pem",
			"tls.client_ca: DIR/none.pem is missing",
		},
		"half a pair": {
			"certificates: [{cert: cert.pem, key: key.pem}]", "certificates: [{cert: cert.pem}]",
			"tls.certificates[0].key: must be set: a pair is a cert and its key",
		},
		"the identities' file is missing": {
			"identities.yaml", "none.yaml",
			"identities_file: DIR/none.yaml is missing",
		},
		"a mistyped section": {
			"identities_file: identities.yaml", "identitys: [{name: a, access_key: A, secret_key: s}]",
			"identitys: unknown field (line 6): did you mean identities?",
		},
		"a mistyped setting": {
			"endpoint: \"http://store\"", "endpont: \"http://store\"",
			"store.endpont: unknown field (line 4): did you mean endpoint?",
		},
		"a mistyped half of a pair": {
			"access_key: A, secret_key_file", "acces_key: A, secret_key_file",
			"store.acces_key: unknown field (line 4): did you mean access_key?",
		},
		"a setting like no other": {
			"", "velocity: 3",
			"velocity: unknown field (line 10)",
		},
		"a mistyped word": {
			"", "checksums: {on_get: alway}",
			`checksums.on_get: "alway" is not one of always, free: did you mean always?`,
		},
		"an address that is none": {
			`https: "127.0.0.1:0"`, `https: [x]`,
			`listen.https: "" is not a string`,
		},
		"an endpoint with a path": {
			`"http://store"`, `"http://store:9000/bucket"`,
			`store.endpoint: "http://store:9000/bucket" has a path, and requests have their own: use http://store:9000`,
		},
		"an endpoint with a password": {
			`"http://store"`, `"http://me:pass@store"`,
			`store.endpoint: must hold no user and password: use access_key and secret_key`,
		},
		"a KMS with a path": {
			key, key + `, endpoint: "https://kms/v1?x"`,
			`kms.endpoint: "https://kms/v1?x" has a path, and requests have their own: use https://kms`,
		},
		"the same port twice": {
			`https: "127.0.0.1:0", http: ""`, `https: "127.0.0.1:8443", http: "0.0.0.0:8443"`,
			"listen.http: 0.0.0.0:8443 and 127.0.0.1:8443 of listen.https have the same port: give each its own",
		},
		"the admin's port": {
			`https: "127.0.0.1:0"`, `https: ":9090"`,
			"listen.admin: 127.0.0.1:9090 and :9090 of listen.https have the same port: give each its own",
		},
		"a domain with a wildcard": {
			"", `domains: ["*.s3.example.com"]`,
			`domains[0]: "*.s3.example.com" must be s3.example.com: buckets in front of a domain are always served`,
		},
		"a service key by an alias": {
			key, `service_key: "alias/mine"`,
			`kms.service_key: "alias/mine" is an alias, which can come to mean another key: give the key's ARN, which ` +
				"'aws kms describe-key --key-id alias/mine' shows",
		},
		"a service key by an alias's ARN": {
			key, `service_key: "arn:aws:kms:us-west-2:123456789012:alias/mine"`,
			`kms.service_key: "arn:aws:kms:us-west-2:123456789012:alias/mine" is an alias, which can come to mean another ` +
				"key: give the key's ARN, which 'aws kms describe-key --key-id " +
				"arn:aws:kms:us-west-2:123456789012:alias/mine' shows",
		},
		"a service key by its id": {
			key, `service_key: 1234abcd`,
			`kms.service_key: "1234abcd" is not a key ARN such as arn:aws:kms:us-west-2:123456789012:key/1234abcd-…`,
		},
		"a trusted proxy without a length": {
			"tls: {", `tls: {trusted_proxies: ["10.1.2.3", "::1", proxy],`,
			`tls.trusted_proxies[0]: "10.1.2.3" must be 10.1.2.3/32 for this one address` + "\n" +
				`tls.trusted_proxies[1]: "::1" must be ::1/128 for this one address` + "\n" +
				`tls.trusted_proxies[2]: "proxy" must be a network such as 10.0.0.0/8`,
		},
	} {
		t.Setenv("SEALFRONT_TEST_EMPTY", "")
		text := right + "\n" + c.changed
		if c.old != "" {
			if text = strings.Replace(right, c.old, c.changed, 1); text == right {
				t.Fatalf("%s: nothing was changed", name)
			}
		}
		if strings.Contains(c.want, "token_file") {
			text = strings.Replace(text, "admin: {token_file: token}", "admin: {token_file: none}", 1)
		}
		dir := installation(t, text)
		for file, text := range map[string]string{"empty": "\n", "broken.yaml": "identities: [{"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := config.Load(filepath.Join(dir, "c.yaml"))
		if err == nil {
			t.Errorf("%s: no fault", name)
		} else if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != c.want {
			t.Errorf("%s: it says\n%s\nnot\n%s", name, got, c.want)
		}
	}
	// Ports that are free to choose, and addresses that differ, are no fault.
	for _, listen := range []string{
		`{https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}`,
		`{https: "127.0.0.2:8443", http: "127.0.0.3:8443", admin: "127.0.0.1:8443"}`,
	} {
		text := strings.Replace(right, `{https: "127.0.0.1:0", http: "", admin: "127.0.0.1:9090"}`, listen, 1)
		if _, err := config.Load(filepath.Join(installation(t, text), "c.yaml")); err != nil || text == right {
			t.Errorf("%s: %v", listen, err)
		}
	}
}
