package access

import (
	"slices"
	"strings"

	"sealfront/proxy/session"
	"sealfront/proxy/webidentity"
	"sealfront/sigv4"
)

// New makes a Checker for the identities ids.
func New(o Options, ids *Identities) *Checker {
	o.Domains = slices.Clone(o.Domains)
	for i, domain := range o.Domains {
		o.Domains[i] = strings.TrimSuffix(domain, ".")
	}
	// A domain may be below another one: the longest that a host ends in counts.
	slices.SortStableFunc(o.Domains, func(a, b string) int { return len(b) - len(a) })
	c := &Checker{o: o, opened: newOpenedSessions()}
	c.verifier = sigv4.NewVerifier(sigv4.Options{
		Regions: []string{o.Region}, Now: o.Now, VerboseMismatch: o.VerboseMismatch,
	})
	// SDKs sign for the Region of the client, for that of the endpoint that they take ours for, or as for the global one.
	c.sts = sigv4.NewVerifier(sigv4.Options{
		Regions: []string{o.Region, "us-east-1", "aws-global"}, Now: o.Now, VerboseMismatch: o.VerboseMismatch,
	})
	c.SetFailedLogins(o.FailedLogins)
	c.SetIdentities(ids)
	c.SetIssuers(new(webidentity.Issuers))
	return c
}

// SetIssuers replaces those whose tokens are accepted.
func (c *Checker) SetIssuers(issuers *webidentity.Issuers) { c.issuers.Store(issuers) }

// Issuers are those whose tokens are accepted.
func (c *Checker) Issuers() *webidentity.Issuers { return c.issuers.Load() }

// SetFailedLogins replaces the limits of failed logins; existing counts stay. Calls of it must not overlap.
func (c *Checker) SetFailedLogins(o FailedLogins) {
	before := c.logins.Load()
	if o = o.withDefaults(); before != nil && before.o == o {
		return
	}
	l := newLogins(o, c.o.Now)
	l.inheritCounts(before)
	c.logins.Store(l)
}

// Issued records that this replica has issued a session token, so that its first use doesn't count as a failed login.
func (c *Checker) Issued(token string) {
	if id, ok := session.KeyID(token); ok {
		c.logins.Load().recordSessionKey(id)
	}
}

// SetIdentities replaces the principals that may call, and the roles. Sessions of removed identities and roles end, and
// those that a role's trust no longer lets in.
func (c *Checker) SetIdentities(ids *Identities) {
	ids.inheritShares(c.identities.Load())
	c.identities.Store(ids)
}
