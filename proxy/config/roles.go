package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"sealfront/policy"
	"sealfront/proxy/webidentity"
)

// An Issuer is one whose tokens roles may trust: OpenID Connect, or a Kubernetes cluster with its service accounts.
type Issuer struct {
	URL string `yaml:"url"` // as tokens name it (iss), to the letter
	// KeysURL is where the issuer's keys (JWKS) are; default: where its discovery document says. They are fetched when a
	// token comes, then every 5 minutes while tokens come, and for an unknown key, at most every 10 s.
	KeysURL  string `yaml:"keys_url"`
	KeysFile string `yaml:"keys_file"` // the keys themselves; nothing is fetched then
	CA       string `yaml:"ca"`        // PEM file with the authority of the issuer's certificate; default the system's
	// TokenFile holds a bearer token that the issuer wants from who fetches its keys, such as the pod's own for a cluster
	// that doesn't show them to everybody.
	TokenFile   string        `yaml:"token_file"`
	Algorithms  List          `yaml:"algorithms"`    // of RS256, ES256 and EdDSA; default RS256 and ES256
	ClockSkew   time.Duration `yaml:"clock_skew"`    // default 1 min
	MaxTokenAge time.Duration `yaml:"max_token_age"` // since it was issued, whatever it says; default 24 h
	KeepKeys    time.Duration `yaml:"keep_keys"`     // for how long keys go on while the issuer is away; default 24 h
}

// Role is a principal without credentials: who its trust lets in gets temporary ones from STS, at this address.
type Role struct {
	Name   string      `yaml:"name"` // its ARN is arn:aws:iam::ACCOUNT:role/NAME
	Trust  []Trust     `yaml:"trust"`
	Policy []Statement `yaml:"policy"`
	// MaxSession is the longest that a session may be asked for, 15 min to 12 h; default 1 h.
	MaxSession time.Duration `yaml:"max_session"`
	// Tags are principal tags of a session (aws:PrincipalTag/NAME in conditions and policy variables), each with the claim
	// of the token whose value it gets.
	Tags map[string]string `yaml:"tags"`
	// ClientCertificate is as for identities.
	ClientCertificate List `yaml:"client_certificate"`
	// Limits are those of all the role's sessions together, in place of those of limits.
	Limits IdentityLimits `yaml:"limits"`
}

// Trust lets in the tokens of an issuer, or principals.
type Trust struct {
	Issuer   string `yaml:"issuer"`   // URL of one of issuers
	Audience List   `yaml:"audience"` // of which a token must have one (aud); required with an issuer
	// Principal are who may call AssumeRole, in place of an issuer: names of identities, role/NAME, their ARNs, or
	// arn:aws:iam::ACCOUNT:root for all whose policy allows sts:AssumeRole.
	Principal List `yaml:"principal"`
	// Condition is about claims, named as AWS does: the issuer without https://, a colon, and the claim. Operators are
	// StringEquals, StringLike, both with Not, and ForAnyValue: for claims with several values. With an issuer at least
	// one must say what another claim than the audience is. sts:RoleSessionName and sts:ExternalId are known, too.
	Condition map[string]map[string]List `yaml:"condition"`
}

// Defaults of an issuer.
const (
	issuerSkew = time.Minute
	issuerAge  = 24 * time.Hour
	issuerKeep = 24 * time.Hour
)

var issuerAlgorithms = []string{"RS256", "ES256"}

// How long a role's session may be asked for. Source: STS, "DurationSeconds" and IAM, "MaxSessionDuration".
const (
	shortestSession = 15 * time.Minute
	longestSession  = 12 * time.Hour
	usualSession    = time.Hour
)

// resolveRoles makes the paths of issuers absolute and reads roles from their file.
func (c *Config) resolveRoles(base string, r *reading) {
	for i := range c.Issuers {
		for _, p := range []*string{&c.Issuers[i].KeysFile, &c.Issuers[i].CA, &c.Issuers[i].TokenFile} {
			if *p != "" && !filepath.IsAbs(*p) {
				*p = filepath.Join(base, *p)
			}
		}
	}
	if c.RolesFile == "" {
		return
	}
	if len(c.Roles) > 0 {
		r.add("roles_file", "can't be set together with roles")
	}
	text, err := r.sources.read(c.RolesFile)
	if err != nil {
		r.add("roles_file", "%s", missing(c.RolesFile, err))
		return
	}
	var file struct {
		Roles []Role `yaml:"roles"`
	}
	known := len(r.faults)
	read := r.decode("roles_file", text, &file)
	if c.Roles = file.Roles; read && len(c.Roles) == 0 && len(r.faults) == known {
		r.add("roles_file", "holds no roles")
	}
}

func (c *Config) validateIssuers(f *Faults) {
	urls := make(map[string]bool)
	for i := range c.Issuers {
		o, at := &c.Issuers[i], path("issuers", i)
		switch {
		case o.URL == "":
			f.add(at+".url", "must be set")
		case !webidentity.Fetchable(o.URL) && o.KeysFile == "":
			f.add(at+".url", "%q is no https URL, from which keys could be fetched", o.URL)
		case urls[o.URL]:
			f.add(at+".url", "%q is used twice", o.URL)
		}
		urls[o.URL] = true
		if o.KeysURL != "" && !webidentity.Fetchable(o.KeysURL) {
			f.add(at+".keys_url", "%q is no https URL", o.KeysURL)
		}
		if o.KeysFile != "" && (o.KeysURL != "" || o.CA != "" || o.TokenFile != "") {
			f.add(at+".keys_file", "goes without keys_url, ca and token_file: nothing is fetched then")
		}
		for _, a := range o.Algorithms {
			if !slices.Contains(webidentity.Algorithms, a) {
				f.add(at+".algorithms", "%q is not one of %s", a, strings.Join(webidentity.Algorithms, ", "))
			}
		}
		if o.ClockSkew < 0 || o.ClockSkew > 10*time.Minute {
			f.add(at+".clock_skew", "must be between 0 and 10 minutes")
		}
		if o.MaxTokenAge < 0 {
			f.add(at+".max_token_age", "must not be negative")
		}
		if o.KeepKeys < 0 {
			f.add(at+".keep_keys", "must not be negative")
		}
	}
}

var roleName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

func (c *Config) validateRoles(f *Faults) {
	names := make(map[string]bool)
	for i := range c.Roles {
		r, at := &c.Roles[i], path("roles", i)
		if !roleName.MatchString(r.Name) {
			f.add(at+".name", "%q is no name of a role: 1 to 64 letters, digits and _+=,.@-", r.Name)
		}
		if names[r.Name] {
			f.add(at+".name", "%q is used twice", r.Name)
		}
		names[r.Name] = true
		if r.MaxSession != 0 && (r.MaxSession < shortestSession || r.MaxSession > longestSession) {
			f.add(at+".max_session", "must be between 15 minutes and 12 hours")
		}
		for key, claim := range r.Tags {
			if !policy.IsTagKey(key) || claim == "" {
				f.add(at+".tags", "%q is no key of a tag with a claim", key)
			}
		}
		c.validateCaller(f, at, r.Policy, r.ClientCertificate, &r.Limits)
		if len(r.Policy) == 0 {
			f.add(at+".policy", "must be set: without it the role may do nothing")
		}
		if len(r.Trust) == 0 {
			f.add(at+".trust", "must be set: without it nobody can assume the role")
		}
		for n := range r.Trust {
			c.validateTrust(f, path(at+".trust", n), &r.Trust[n])
		}
	}
}

func (c *Config) validateTrust(f *Faults, at string, t *Trust) {
	conditions, err := t.Conditions()
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			f.add(at+".condition", "%s", line)
		}
	}
	switch {
	case t.Issuer != "" && len(t.Principal) > 0:
		f.add(at+".principal", "goes without an issuer")
	case t.Issuer != "":
		if !slices.ContainsFunc(c.Issuers, func(o Issuer) bool { return o.URL == t.Issuer }) {
			f.add(at+".issuer", "%q is none of issuers", t.Issuer)
		}
		if len(t.Audience) == 0 {
			f.add(at+".audience", "must be set: a token that was issued for another service would do, too")
		}
		if conditions != nil && !conditions.Requires("aud", "iss") {
			f.add(at+".condition", "must say what a claim is, such as %s:sub: any token of the issuer for the audience would "+
				"do, too", hostOf(t.Issuer))
		}
	case len(t.Principal) == 0:
		f.add(at+".issuer", "must be set, or principal")
	case len(t.Audience) > 0:
		f.add(at+".audience", "goes with an issuer")
	}
	for _, p := range t.Principal {
		if _, err := c.PrincipalARN(p); err != nil {
			f.add(at+".principal", "%v", err)
		}
	}
}

func hostOf(issuer string) string {
	_, host, _ := strings.Cut(issuer, "://")
	return host
}

// PrincipalARN is the ARN of a principal that a role's trust names.
func (c *Config) PrincipalARN(name string) (string, error) {
	account := "arn:aws:iam::" + c.Account + ":"
	resource, isARN := strings.CutPrefix(name, account)
	if !isARN {
		resource = name
		if !strings.HasPrefix(name, "role/") {
			resource = "user/" + name
		}
	}
	kind, named, _ := strings.Cut(resource, "/")
	switch {
	case resource == "root" && isARN:
	case resource == "user/local" && c.KeepsData(): // the one that the program makes
	case kind == "user" && slices.ContainsFunc(c.Identities, func(id Identity) bool { return id.Name == named }):
	case kind == "role" && slices.ContainsFunc(c.Roles, func(r Role) bool { return r.Name == named }):
	default:
		return "", fmt.Errorf("%q names no identity and no role of the account %s", name, c.Account)
	}
	return account + resource, nil
}

// Conditions compiles the conditions. The error has a fault a line.
func (t *Trust) Conditions() (*policy.Trust, error) {
	conditions := make(map[string]map[string][]string)
	for operator, block := range t.Condition {
		conditions[operator] = make(map[string][]string)
		for key, values := range block {
			conditions[operator][key] = values
		}
	}
	return policy.CompileTrust(conditions, func(key string) (string, bool) { return policy.TrustClaim(t.Issuer, key) })
}

// Statements returns the role's policy in the form that package policy compiles.
func (r *Role) Statements() []policy.Statement { return statements(r.Policy) }

// Session is the longest session of the role.
func (r *Role) Session() time.Duration { return cmp.Or(r.MaxSession, usualSession) }

// Options are the issuer's, with its defaults.
func (o *Issuer) Options() webidentity.Options {
	algorithms := []string(o.Algorithms)
	if len(algorithms) == 0 {
		algorithms = issuerAlgorithms
	}
	return webidentity.Options{
		URL: o.URL, Algorithms: algorithms, KeysURL: o.KeysURL, KeysFile: o.KeysFile, CA: o.CA, TokenFile: o.TokenFile,
		Skew: cmp.Or(o.ClockSkew, issuerSkew), MaxAge: cmp.Or(o.MaxTokenAge, issuerAge),
		Keep: cmp.Or(o.KeepKeys, issuerKeep),
	}
}
