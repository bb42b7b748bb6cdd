package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/policy"
	"sealfront/proxy/config"
)

// right is a configuration in which nothing is wrong, with the files that it names.
const right = `
listen: {https: "127.0.0.1:0", http: "", admin: "127.0.0.1:9090"}
tls: {cert: cert.pem, key: key.pem, client_ca: ca.pem, certificates: [{cert: cert.pem, key: key.pem}]}
store: {endpoint: "http://store", access_key: A, secret_key_file: secret}
kms: {service_key: "arn:aws:kms:us-west-2:123456789012:key/k", access_key: A, secret_key_env: SEALFRONT_TEST_SECRET}
identities_file: identities.yaml
admin: {token_file: token}
log: {audit: {file: audit.log}}
`

const identities = `
identities:
- {name: app, access_key: A1, secret_key_file: secret, client_certificate: "cn:app"}
- name: other
  access_key: A2
  secret_key: s2
  policy:
  - effect: Allow
    action: "s3express:*"
    resource: "*"
    condition: {StringEquals: {"s3express:SessionMode": [ReadOnly]}}
`

// directory writes files into a new directory and returns it.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func installation(t *testing.T, text string) string {
	t.Helper()
	t.Setenv("SEALFRONT_TEST_SECRET", "of the environment")
	return directory(t, map[string]string{
		"c.yaml": text, "cert.pem": "", "key.pem": "", "ca.pem": "", "secret": "of a file\n", "token": "token\n",
		"identities.yaml": identities,
	})
}

// Paths are taken relative to the file; secrets come from files and the environment.
func TestFilesAndSecretsAreFound(t *testing.T) {
	dir := installation(t, right)
	c, err := config.Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Store.SecretKey != "of a file" || c.KMS.SecretKey != "of the environment" || c.Admin.Token != "token" {
		t.Errorf("secrets %q, %q, %q", c.Store.SecretKey, c.KMS.SecretKey, c.Admin.Token)
	}
	if len(c.Identities) != 2 || c.Identities[0].SecretKey != "of a file" || c.Identities[1].SecretKey != "s2" {
		t.Errorf("identities %+v", c.Identities)
	}
	if c.Log.Audit.File != filepath.Join(dir, "audit.log") ||
		c.TLS.Certificates[0].Key != filepath.Join(dir, "key.pem") {
		t.Errorf("paths %q, %q", c.Log.Audit.File, c.TLS.Certificates[0].Key)
	}
	want := []policy.Statement{{
		Effect: "Allow", Action: []string{"s3express:*"}, Resource: []string{"*"},
		Condition: map[string]map[string][]string{"StringEquals": {"s3express:SessionMode": {"ReadOnly"}}},
	}}
	if got := c.Identities[1].Statements(); !reflect.DeepEqual(got, want) {
		t.Errorf("statements %+v", got)
	}
	files := c.Files()
	slices.Sort(files)
	var names []string
	for _, f := range slices.Compact(files) {
		name, err := filepath.Rel(dir, f)
		if err != nil {
			t.Error(err)
		}
		names = append(names, name)
	}
	if strings.Join(names, " ") != "ca.pem cert.pem identities.yaml key.pem secret token" {
		t.Errorf("files %q", names)
	}
}

// Two replicas have one digest when their settings are the same, whatever their secrets are.
func TestTheDigestDependsOnNoSecret(t *testing.T) {
	digest := func(change func(*config.Config)) string {
		c, err := config.Load(filepath.Join(installation(t, right), "c.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		// The paths of two test directories differ.
		c.IdentitiesFile, c.TLS, c.Store.SecretKeyFile, c.Admin.TokenFile, c.Log.Audit.File = "", config.TLS{}, "", "",
			""
		c.Data, c.Identities[0].SecretKeyFile = "", ""
		change(c)
		return c.Digest()
	}
	one := digest(func(*config.Config) {})
	if len(one) != 12 {
		t.Errorf("%q", one)
	}
	if other := digest(func(c *config.Config) {
		c.Store.SecretKey, c.KMS.SecretKey, c.Admin.Token, c.Identities[1].SecretKey = "1", "2", "3", "4"
		c.Tracing.Headers = map[string]string{"Authorization": "5"}
	}); other != one {
		t.Errorf("other secrets: %s, not %s", other, one)
	}
	if other := digest(func(c *config.Config) { c.Identities[1].Name = "renamed" }); other == one {
		t.Error("another name of an identity doesn't show")
	}
}

// Every fault is found at once, each with its path.
func TestAllFaultsAreFoundAtOnce(t *testing.T) {
	dir := installation(t, `
listen: {https: "nowhere", http: "127.0.0.1:port", admin: "0.0.0.0:9090"}
tls: {cert: cert.pem, client_ca: none.pem, min_version: "1.1", require: some, client_certificates: perhaps,
  certificates: [{cert: none.pem, key: none.pem}], trusted_proxies: [everybody], unknown: 1}
region: "a b"
account: 123
domains: [".x", "y:1"]
store: {kind: tape, addressing: odd, bucket_names: record, metadata_header: X-Amz, access_key: A,
  connections: -1, sign_payload: perhaps}
kms: {kind: paper, endpoint: "ftp://kms", service_key: k, access_key: A, timeout: soon,
  bucket_key: {lifetime: 0s, seal_for: 0s, max_uses: 0, entries: 0, per_principal: [x]}}
identities:
- {name: "", access_key: "", secret_key: ""}
- {name: a, access_key: A, secret_key: s, limits: {burst: -1}, client_certificate: ["x:1", "cn:"]}
- {name: a, access_key: A, secret_key: s, policy: [{effect: Perhaps, action: x, resource: y}]}
limits: {connections: -1, min_rate: many, memory: 1MiB, requests_per_second: fast}
general_purpose: {default_encryption: none}
checksums: {on_get: never}
log: {level: loud, format: xml, sample: -1, audit: {sink: tape, keys: gone, on_failure: cry, max_wait: 0s}}
tracing: {endpoint: "x", sample: 2}
admin: {cert: none.pem, client_ca: none.pem, ready_needs: [luck], hosts: {a: b}}
reload_every: -1s
zones: {a: b}
region: again
`)
	_, err := config.Load(filepath.Join(dir, "c.yaml"))
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		t.Fatalf("%v", err)
	}
	found := map[string]bool{}
	for _, f := range faults {
		found[f.Path] = true
		if f.Why == "" {
			t.Errorf("%s: no reason", f.Path)
		}
	}
	for _, path := range []string{
		"listen.https", "listen.http", "tls.key", "tls.client_ca", "tls.min_version", "tls.require",
		"tls.client_certificates",
		"tls.certificates[0].cert", "tls.certificates[0].key", "tls.trusted_proxies[0]", "tls.unknown", "region",
		"account",
		"domains[0]", "domains[1]", "store.kind", "store.addressing", "store.bucket_names", "store.metadata_header",
		"store.secret_key",
		"store.connections", "store.sign_payload", "kms.kind", "kms.endpoint", "kms.service_key", "kms.secret_key",
		"kms.timeout",
		"kms.bucket_key.lifetime", "kms.bucket_key.seal_for", "kms.bucket_key.max_uses", "kms.bucket_key.entries",
		"kms.bucket_key.per_principal",
		"identities[0].name", "identities[0].access_key", "identities[0].secret_key", "identities[1].limits",
		"identities[1].client_certificate",
		"identities[2].name", "identities[2].access_key", "identities[2].policy[0].effect",
		"identities[2].policy[0].action", "identities[2].policy[0].resource", "limits.connections", "limits.min_rate",
		"limits.memory",
		"limits.requests_per_second", "general_purpose.default_encryption", "checksums.on_get", "log.level",
		"log.format", "log.sample", "log.audit.keys",
		"log.audit.sink", "log.audit.max_wait", "log.audit.on_failure", "tracing.endpoint", "tracing.sample", "admin.key",
		"admin.client_ca", "admin.cert",
		"admin.ready_needs", "admin.hosts",
		"reload_every", "zones",
	} {
		if !found[path] {
			t.Errorf("no fault of %s", path)
		}
		delete(found, path)
	}
	for path := range found {
		t.Errorf("a fault of %s, of which nothing is wrong", path)
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		if !strings.Contains(line, ": ") {
			t.Errorf("%q has no path", line)
		}
	}
}

// What is wrong with a file, or missing beside it, is said with its path.
func TestFaultsOfFiles(t *testing.T) {
	const path = "identities_file"
	for name, c := range map[string]struct {
		file, text string // that differs from what is right
		want       string
	}{
		"no YAML":                  {"c.yaml", "a: [", "file: "},
		"two documents":            {"c.yaml", right + "\n---\n{}\n", "file: holds more than one document"},
		"no mapping":               {"c.yaml", "- a", "file: must be a mapping"},
		"no mapping, further down": {"c.yaml", right + "\nlimits: 3", "limits: must be a mapping"},
		"no list": {
			"c.yaml",
			strings.Replace(right, "identities_file: identities.yaml", "identities: {a: b}", 1),
			"identities: must be a list",
		},
		"a field twice": {
			"c.yaml", right + "\nregion: us-east-1\nregion: us-east-1",
			"region: is set twice",
		},
		"no truth value": {
			"c.yaml", right + "\ncompat: {post_object: 3.5}",
			`compat.post_object: "3.5" is not a truth value`,
		},
		"no truth value, optional": {
			"c.yaml", right + "\ncompat: {listobjects_v1: maybe}",
			`compat.listobjects_v1: "maybe" is not a truth value`,
		},
		"no duration": {
			"c.yaml", right + "\nreload_every: soon",
			`reload_every: "soon" is not a duration such as 300s`,
		},
		"no whole number": {
			"c.yaml", right + "\nlimits: {requests: some}",
			`limits.requests: "some" is not a whole number`,
		},
		"no number": {
			"c.yaml", right + "\ntracing: {sample: half}",
			`tracing.sample: "half" is not a number`,
		},
		"no list of strings": {"c.yaml", right + "\nzones: {a: b}", "zones: "},
		"no size": {
			"c.yaml", right + "\nlimits: {memory: 1GB}",
			`limits.memory: "1GB" is not a size such as 1GiB`,
		},
		"a size beyond all":           {"c.yaml", right + "\nlimits: {memory: 9999999TiB}", "limits.memory: "},
		"no identities in their file": {"identities.yaml", "identities: []", path + ": holds no identities"},
		"an unknown field there":      {"identities.yaml", identities + "\nother: 1", "other: unknown field"},
		"an empty file":               {"identities.yaml", "", path + ": holds no identities"},
		"identities twice": {
			"c.yaml", right + "\nidentities: [{name: a, access_key: A, secret_key: s}]",
			path + ": can't be set together with identities",
		},
		"an identities file missing": {
			"c.yaml", strings.Replace(right, "identities.yaml", "none.yaml", 1),
			path + ": ",
		},
		"a secret's file missing": {
			"c.yaml",
			strings.Replace(right, "secret_key_file: secret", "secret_key_file: none", 1), "store.secret_key_file: ",
		},
		"a variable missing": {
			"c.yaml", strings.Replace(right, "_TEST_SECRET", "_TEST_NONE", 1),
			"kms.secret_key_env: the environment has no SEALFRONT_TEST_NONE",
		},
		"a secret twice": {
			"c.yaml",
			strings.Replace(right, "token_file: token", "token_file: token, token: t", 1),
			"admin.token: is given in more than one way: set one of token, _file and _env",
		},
		"nothing to listen on": {
			"c.yaml", strings.Replace(right, `https: "127.0.0.1:0"`, `https: ""`, 1),
			"listen.https: nothing to listen on",
		},
		"no certificate": {
			"c.yaml",
			strings.Replace(right, "cert: cert.pem, key: key.pem, client", "client", 1),
			"tls.cert: must be set: listen.https needs a certificate",
		},
		"nobody can call": {
			"c.yaml", strings.Replace(right, "identities_file: identities.yaml", "", 1),
			"identities: must be set",
		},
		"a certificate without a CA": {
			"c.yaml", strings.Replace(right, "client_ca: ca.pem, ", "", 1),
			"identities[0].client_certificate: needs listen.https and tls.client_ca",
		},
		"no service key": {
			"c.yaml",
			strings.Replace(right, `service_key: "arn:aws:kms:us-west-2:123456789012:key/k", `, "", 1),
			"kms.service_key: must be set",
		},
		"no endpoint": {
			"c.yaml", strings.Replace(right, `endpoint: "http://store", `, "", 1),
			"store.endpoint: must be set",
		},
		"an embedded part's place": {
			"c.yaml",
			strings.Replace(right, `endpoint: "http://store", `, "kind: embedded, ", 1) + "\ndata: \"\"",
			"data: must be set",
		},
		"an admin CA without TLS": {
			"c.yaml",
			strings.Replace(right, "admin: {token_file: token}", "admin: {token_file: token, client_ca: ca.pem}", 1),
			"admin.cert: must be set: admin.client_ca needs TLS",
		},
	} {
		dir := installation(t, right)
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load(filepath.Join(dir, "c.yaml"))
		if err == nil || !slices.ContainsFunc(strings.Split(err.Error(), "\n"),
			func(line string) bool { return strings.HasPrefix(line, c.want) }) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no configuration: %v", err)
	}
}

// Tools need some settings only: what is wrong with the others doesn't keep them from working.
func TestLoadOnlyPassesOverOtherFaults(t *testing.T) {
	file := filepath.Join(installation(t, strings.Replace(right, "cert.pem", "none.pem", 1)), "c.yaml")
	if _, err := config.LoadOnly(file, "file", "kms"); err != nil {
		t.Errorf("kms: %v", err)
	}
	if _, err := config.LoadOnly(file, "file", "tls"); err == nil || !strings.HasPrefix(err.Error(), "tls.cert: ") ||
		strings.Contains(err.Error(), "\nkms") {
		t.Errorf("tls: %v", err)
	}
	if _, err := config.LoadOnly(file+"x", "kms"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// An address that others can reach needs something that keeps them out.
func TestTheAdminAddressIsKeptFromStrangers(t *testing.T) {
	for admin, allowed := range map[string]bool{
		"127.0.0.1:9090": true, "[::1]:9090": true, "localhost:9090": true, "": true,
		"0.0.0.0:9090": false, ":9090": false, "10.0.0.1:9090": false,
	} {
		text := strings.Replace(right, "127.0.0.1:9090", admin, 1)
		for settings, guarded := range map[string]bool{
			"admin: {}": false, "admin: {token_file: token}": true, "admin: {health_only: true}": true,
			"admin: {cert: cert.pem, key: key.pem, client_ca: ca.pem}": true,
		} {
			file := filepath.Join(installation(t, strings.Replace(text, "admin: {token_file: token}", settings, 1)),
				"c.yaml")
			_, err := config.Load(file)
			if (err == nil) != (allowed || guarded) || err != nil && !strings.HasPrefix(err.Error(), "listen.admin: ") {
				t.Errorf("%q with %s: %v", admin, settings, err)
			}
		}
	}
}

func TestSizesAndLists(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "67108864": 64 << 20, "65536KiB": 64 << 20, "64 MiB": 64 << 20,
		"2GiB": 2 << 30, "1TiB": 1 << 40,
	} {
		c, err := config.Load(filepath.Join(installation(t, right+"\nlimits: {memory: "+text+"}\nadmin_: 1"), "c.yaml"))
		if err == nil || c != nil {
			t.Error("an unknown field is no fault")
		}
		c, err = config.Load(filepath.Join(installation(t, right+"\nlimits: {memory: "+text+"}"), "c.yaml"))
		if err != nil || int64(c.Limits.Memory) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	anchors := strings.Replace(right, "admin: {token_file: token}",
		"admin: {token_file: &t token, hosts: one, ready_needs: [store, kms]}", 1) +
		"\ndomains: [*t]\nzones: null\nreload_every: 90s"
	c, err := config.Load(filepath.Join(installation(t, anchors), "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Admin.Hosts, config.List{"one"}) || len(c.Admin.ReadyNeeds) != 2 || c.Domains[0] != "token" ||
		c.ReloadEvery != 90*time.Second {
		t.Errorf("%+v", c)
	}
}

// The program that brings its own store and key service needs no file.
func TestEmbedded(t *testing.T) {
	data := t.TempDir()
	c, err := config.Embedded(data, "eu-west-1", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3")
	if err != nil {
		t.Fatal(err)
	}
	if !c.KeepsData() || c.Data != data || c.Region != "eu-west-1" ||
		c.Listen != (config.Listen{HTTPS: "127.0.0.1:1", HTTP: "127.0.0.1:2", Admin: "127.0.0.1:3"}) {
		t.Errorf("%+v", c)
	}
	t.Chdir(data)
	c, err = config.Embedded("", "", "", "", "")
	if err != nil || !filepath.IsAbs(c.Data) || c.Region != "us-west-2" || c.Listen.HTTPS != "127.0.0.1:8443" ||
		c.Listen.HTTP != "" {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := config.Embedded(data, "a b", "", "", ""); err == nil {
		t.Errorf("%+v", c)
	}
}
