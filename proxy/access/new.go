package access

import (
	"slices"
	"strings"

	"sealfront/proxy/session"
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
	c.SetFailedLogins(o.FailedLogins)
	c.SetIdentities(ids)
	return c
}

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

// SetIdentities replaces the principals that may call. Sessions of removed identities end.
func (c *Checker) SetIdentities(ids *Identities) {
	ids.inheritShares(c.identities.Load())
	c.identities.Store(ids)
}
