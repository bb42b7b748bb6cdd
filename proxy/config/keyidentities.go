package config

import (
	"cmp"
	"strings"
	"time"

	"sealfront/crypto/keyservice"
)

// KeyIdentity is a principal that may call the key service: arn:aws:iam::ACCOUNT:user/NAME in key policies and grants.
type KeyIdentity struct {
	Name          string         `yaml:"name"`
	AccessKey     string         `yaml:"access_key"`
	SecretKey     string         `yaml:"secret_key"`
	SecretKeyFile string         `yaml:"secret_key_file"`
	SecretKeyEnv  string         `yaml:"secret_key_env"`
	Policy        []KeyStatement `yaml:"policy"`
}

// KeyRole is a principal without credentials: who its trust lets in gets temporary ones from STS, at this address. In
// key policies and grants it is arn:aws:iam::ACCOUNT:role/NAME, and a session of it
// arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION.
type KeyRole struct {
	Name   string         `yaml:"name"`
	Trust  []Trust        `yaml:"trust"` // principal: identities of this file
	Policy []KeyStatement `yaml:"policy"`
	// MaxSession is the longest that a session may be asked for, 15 min to 12 h; default 1 h.
	MaxSession time.Duration `yaml:"max_session"`
	// SessionsFrom refuses the sessions that began before it, such as 2026-01-31T12:00:00Z: so those end whose
	// credentials were stolen. Default: none are.
	SessionsFrom string `yaml:"sessions_from"`
}

// KeyStatement is one statement of a policy of an identity or a role. Conditions are for key policies and grants.
type KeyStatement struct {
	Effect   string `yaml:"effect"`   // Allow | Deny
	Action   List   `yaml:"action"`   // kms:…, with * and ?
	Resource List   `yaml:"resource"` // * or ARNs of keys and aliases, with * and ?
}

func (c *KeyService) readIdentities(r *reading) {
	text, err := r.sources.read(c.IdentitiesFile)
	if err != nil {
		r.add("identities_file", "%s", missing(c.IdentitiesFile, err))
		return
	}
	var file struct {
		Identities []KeyIdentity `yaml:"identities"`
	}
	if r.decode("identities_file", text, &file) && len(file.Identities) == 0 {
		r.add("identities_file", "holds no identities")
	}
	c.Identities = file.Identities
}

func (c *KeyService) validateIdentities(f *Faults) {
	if len(c.Identities) == 0 && len(c.Roles) == 0 {
		f.add("identities", "must be set, or roles: without them nobody can call")
	}
	names, keys := make(map[string]bool), make(map[string]bool)
	for i := range c.Identities {
		id, at := &c.Identities[i], path("identities", i)
		for _, field := range []struct{ name, value string }{
			{"name", id.Name}, {"access_key", id.AccessKey}, {"secret_key", id.SecretKey},
		} {
			if field.value == "" {
				f.add(at+"."+field.name, "must be set")
			}
		}
		if names[id.Name] {
			f.add(at+".name", "%q is used twice", id.Name)
		}
		if keys[id.AccessKey] {
			f.add(at+".access_key", "%q is used twice", id.AccessKey)
		}
		names[id.Name], keys[id.AccessKey] = true, true
		validatePolicy(f, at, id.Policy)
	}
}

func validatePolicy(f *Faults, at string, policy []KeyStatement) {
	_, faults := keyservice.CompilePolicy(keyStatements(policy))
	for _, fault := range faults {
		*f = append(*f, splitFault(at+".policy", fault))
	}
}

func (c *KeyService) validateRoles(f *Faults) {
	proxy := c.asProxy()
	proxy.validateIssuers(f)
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
		if _, err := r.Since(); err != nil {
			f.add(at+".sessions_from", "%q is not a time such as 2026-01-31T12:00:00Z", r.SessionsFrom)
		}
		validatePolicy(f, at, r.Policy)
		if len(r.Trust) == 0 {
			f.add(at+".trust", "must be set: without it nobody can assume the role")
		}
		for n := range r.Trust {
			t, at := &r.Trust[n], path(at+".trust", n)
			proxy.validateTrust(f, at, t)
			for _, p := range t.Principal {
				if arn, err := c.PrincipalARN(p); err == nil && !strings.Contains(arn, ":user/") {
					f.add(at+".principal", "%q is no identity: roles aren't assumed by roles here, nor by a whole account", p)
				}
			}
		}
	}
}

// asProxy is what the key service's configuration has in common with the proxy's.
func (c *KeyService) asProxy() *Config {
	p := &Config{Account: c.Account, Issuers: c.Issuers}
	for i := range c.Identities {
		p.Identities = append(p.Identities, Identity{Name: c.Identities[i].Name})
	}
	for i := range c.Roles {
		p.Roles = append(p.Roles, Role{Name: c.Roles[i].Name})
	}
	return p
}

// PrincipalARN is the ARN of a principal that a role's trust names.
func (c *KeyService) PrincipalARN(name string) (string, error) { return c.asProxy().PrincipalARN(name) }

// Statements returns the identity's policy in the form that package keyservice compiles.
func (id *KeyIdentity) Statements() []keyservice.Statement { return keyStatements(id.Policy) }

// Statements returns the role's policy in the form that package keyservice compiles.
func (r *KeyRole) Statements() []keyservice.Statement { return keyStatements(r.Policy) }

// Session is the longest session of the role.
func (r *KeyRole) Session() time.Duration { return cmp.Or(r.MaxSession, usualSession) }

// Since is SessionsFrom as a time, the zero time for none.
func (r *KeyRole) Since() (time.Time, error) {
	if r.SessionsFrom == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, r.SessionsFrom)
}

func keyStatements(policy []KeyStatement) []keyservice.Statement {
	var list []keyservice.Statement
	for _, s := range policy {
		list = append(list, keyservice.Statement{Effect: s.Effect, Action: s.Action, Resource: s.Resource})
	}
	return list
}

// splitFault makes a fault of a place within a setting and why: "[0].action: why".
func splitFault(at, text string) Fault {
	where, why, _ := strings.Cut(text, ": ")
	return Fault{Path: at + where, Why: why}
}
