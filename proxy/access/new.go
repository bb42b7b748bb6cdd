package access

import (
	"slices"
	"strings"

	"sealfront/proxy/session"
	"sealfront/sigv4"
)

// New makes a Checker that knows ids.
func New(o Options, ids *Identities) *Checker {
	o.Domains = slices.Clone(o.Domains)
	for i, domain := range o.Domains {
		o.Domains[i] = strings.TrimSuffix(domain, ".")
	}
	// A domain may be below another one: the longest that a host ends in counts.
	slices.SortStableFunc(o.Domains, func(a, b string) int { return len(b) - len(a) })
	c := &Checker{o: o, policies: newBucketPolicies(), opened: newOpenedSessions()}
	c.verifier = sigv4.NewVerifier(sigv4.Options{
		Regions: []string{o.Region}, Now: o.Now, VerboseMismatch: o.VerboseMismatch,
	})
	c.SetFailedLogins(o.FailedLogins)
	c.SetIdentities(ids)
	return c
}

// SetFailedLogins replaces the limits of failed logins; what was counted stays counted. Calls of it must not overlap.
func (c *Checker) SetFailedLogins(o FailedLogins) {
	before := c.logins.Load()
	if o = o.withDefaults(); before != nil && before.o == o {
		return
	}
	l := newLogins(o, c.o.Now)
	l.keep(before)
	c.logins.Store(l)
}

// Issued notes that a session token of this replica's is out, so that it costs nobody a failed login.
func (c *Checker) Issued(token string) {
	if id, ok := session.KeyID(token); ok {
		c.logins.Load().see(id)
	}
}

// SetIdentities replaces who may call. Sessions of identities that are gone end with it.
func (c *Checker) SetIdentities(ids *Identities) {
	ids.keepShares(c.identities.Load())
	c.identities.Store(ids)
}
