package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/config"
)

// withRoles is a configuration with embedded parts and these lines.
func withRoles(t *testing.T, lines string) (*config.Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.yaml")
	text := "listen: {https: \"127.0.0.1:0\"}\nstore: {kind: embedded}\nkms: {kind: embedded}\n" + lines
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(file)
}

const (
	goodIssuer = `{url: "https://i.example/a"}`
	goodTrust  = `{issuer: "https://i.example/a", audience: us, condition: {StringEquals: {"i.example/a:sub": me}}}`
	anything   = `[{effect: Allow, action: "*", resource: "*"}]`
)

func roleLines(issuer, role string) string {
	return "issuers: [" + issuer + "]\nroles:\n- {" + role + "}\n"
}

func TestRolesAndTheirDefaults(t *testing.T) {
	c, err := withRoles(t, "identities:\n- {name: app, access_key: A, secret_key: s}\n"+roleLines(
		`{url: "https://i.example/a", ca: ca.pem, token_file: token}`,
		"name: r, trust: ["+goodTrust+", {principal: [app, role/r, 'arn:aws:iam::123456789012:user/app', local, "+
			"'arn:aws:iam::123456789012:root']}], policy: "+anything))
	if err != nil {
		t.Fatal(err)
	}
	o := c.Issuers[0].Options()
	if o.Skew != time.Minute || o.MaxAge != 24*time.Hour || o.Keep != 24*time.Hour ||
		!slices.Equal(o.Algorithms, []string{"RS256", "ES256"}) || !filepath.IsAbs(o.CA) || !filepath.IsAbs(o.TokenFile) {
		t.Errorf("%+v", o)
	}
	if r := &c.Roles[0]; r.Session() != time.Hour || len(r.Statements()) != 1 {
		t.Errorf("%+v", r)
	}
	if !slices.Contains(c.Files(), o.CA) {
		t.Errorf("%q isn't watched: %q", o.CA, c.Files())
	}
	for name, want := range map[string]string{
		"app": "user/app", "role/r": "role/r", "local": "user/local", "arn:aws:iam::123456789012:root": "root",
	} {
		if arn, err := c.PrincipalARN(name); err != nil || arn != "arn:aws:iam::123456789012:"+want {
			t.Errorf("%s: %s, %v", name, arn, err)
		}
	}
}

func TestRolesInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "roles.yaml")
	lines := "issuers: [" + goodIssuer + "]\nroles_file: " + file + "\n"
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("roles:\n- {name: r, trust: [" + goodTrust + "], policy: " + anything + "}\n")
	c, err := withRoles(t, lines)
	if err != nil || len(c.Roles) != 1 || !slices.Contains(c.Files(), file) {
		t.Errorf("%+v, %v", c, err)
	}
	for text, want := range map[string]string{
		"roles: []":             "roles_file: holds no roles",
		"rules: []":             "rules",
		"roles: [{name: 1, x}]": "roles",
	} {
		write(text)
		if _, err := withRoles(t, lines); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := withRoles(t, lines+"roles: [{name: r}]\n"); err == nil ||
		!strings.Contains(err.Error(), "roles_file: can't be set together with roles") {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := withRoles(t, lines); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Error(err)
	}
}

func TestFaultsOfRoles(t *testing.T) {
	role := func(trust string) string { return "name: r, trust: [" + trust + "], policy: " + anything }
	for name, c := range map[string]struct{ issuer, role, want string }{
		"an issuer without a URL": {`{algorithms: RS256}`, role(goodTrust), "issuers[0].url: must be set"},
		"an issuer in the clear":  {`{url: "http://i.example/a"}`, role(goodTrust), "issuers[0].url: "},
		"an issuer twice":         {goodIssuer + ", " + goodIssuer, role(goodTrust), "issuers[1].url: "},
		"keys in the clear": {
			`{url: "https://i.example/a", keys_url: "http://i.example/k"}`, role(goodTrust), "issuers[0].keys_url: ",
		},
		"keys of two places": {
			`{url: "https://i.example/a", keys_file: k, keys_url: "https://i.example/k"}`, role(goodTrust),
			"issuers[0].keys_file: ",
		},
		"HMAC":    {`{url: "https://i.example/a", algorithms: [HS256]}`, role(goodTrust), "issuers[0].algorithms: \"HS256\""},
		"none":    {`{url: "https://i.example/a", algorithms: [none]}`, role(goodTrust), "issuers[0].algorithms: \"none\""},
		"skew":    {`{url: "https://i.example/a", clock_skew: 1h}`, role(goodTrust), "issuers[0].clock_skew: "},
		"age":     {`{url: "https://i.example/a", max_token_age: -1s}`, role(goodTrust), "issuers[0].max_token_age: "},
		"keep":    {`{url: "https://i.example/a", keep_keys: -1s}`, role(goodTrust), "issuers[0].keep_keys: "},
		"no name": {goodIssuer, "trust: [" + goodTrust + "], policy: " + anything, "roles[0].name: "},
		"a name with a slash": {
			goodIssuer, "name: a/b, trust: [" + goodTrust + "], policy: " + anything, "roles[0].name: ",
		},
		"a role twice": {goodIssuer, role(goodTrust) + "}\n- {" + role(goodTrust), "roles[1].name: \"r\" is used twice"},
		"no policy":    {goodIssuer, "name: r, trust: [" + goodTrust + "]", "roles[0].policy: must be set"},
		"a wrong policy": {
			goodIssuer, "name: r, trust: [" + goodTrust + "], policy: [{effect: Allow, action: 's3:x', resource: '*'}]",
			"roles[0].policy[0].action: ",
		},
		"no trust": {goodIssuer, "name: r, policy: " + anything, "roles[0].trust: must be set"},
		"a short session": {
			goodIssuer, role(goodTrust) + ", max_session: 1m", "roles[0].max_session: ",
		},
		"a long session": {goodIssuer, role(goodTrust) + ", max_session: 13h", "roles[0].max_session: "},
		"a tag of AWS's": {goodIssuer, role(goodTrust) + ", tags: {'aws:x': y}", "roles[0].tags: "},
		"limits":         {goodIssuer, role(goodTrust) + ", limits: {burst: -1}", "roles[0].limits: "},
		"an unknown issuer": {
			goodIssuer, role(strings.ReplaceAll(goodTrust, "i.example", "j.example")), "roles[0].trust[0].issuer: ",
		},
		"no audience": {
			goodIssuer, role(strings.Replace(goodTrust, "audience: us, ", "", 1)), "roles[0].trust[0].audience: must",
		},
		"no condition": {goodIssuer, role(`{issuer: "https://i.example/a", audience: us}`), "any token of the issuer"},
		"a condition on the audience alone": {
			goodIssuer, role(strings.Replace(goodTrust, ":sub", ":aud", 1)), "any token of the issuer",
		},
		"what a claim is not": {
			goodIssuer, role(strings.Replace(goodTrust, "StringEquals", "StringNotEquals", 1)), "any token of the issuer",
		},
		"a condition on nothing": {
			goodIssuer, role(strings.Replace(goodTrust, "i.example/a:sub", "sub", 1)), "names no claim",
		},
		"an operator that isn't": {
			goodIssuer, role(strings.Replace(goodTrust, "StringEquals", "Bool", 1)), "no operator for claims",
		},
		"an issuer and principals": {
			goodIssuer, role(strings.Replace(goodTrust, "{issuer", "{principal: local, issuer", 1)), "trust[0].principal: ",
		},
		"nobody": {goodIssuer, role("{}"), "roles[0].trust[0].issuer: must be set"},
		"principals and an audience": {
			goodIssuer, role("{principal: local, audience: us}"), "roles[0].trust[0].audience: goes with an issuer",
		},
		"a principal that isn't": {goodIssuer, role("{principal: [role/x]}"), "\"role/x\" names no identity"},
		"another account's": {
			goodIssuer, role("{principal: ['arn:aws:iam::210987654321:root']}"), "roles[0].trust[0].principal: ",
		},
	} {
		if _, err := withRoles(t, roleLines(c.issuer, c.role)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	for _, name := range []string{"role/x", "assumed-role/a/b"} {
		if _, err := withRoles(t, "identities:\n- {name: "+name+", access_key: A, secret_key: s}\n"); err == nil ||
			!strings.Contains(err.Error(), "is a name of roles") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
