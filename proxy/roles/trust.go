// Package roles is what a role's trust says of those who want to assume it, as far as the proxy and the key service
// have it in common. It is pure: tokens are verified by package webidentity, and sessions sealed by package session.
package roles

import (
	"maps"
	"slices"

	"sealfront/policy"
)

// Trust lets in the tokens of an issuer for an audience, or principals, when the conditions hold.
type Trust struct {
	Issuer     string   // URL
	Audience   []string // of which the token must have one
	Principals []string // ARNs of users and roles, or an account's; without an issuer
	Conditions *policy.Trust
}

// A Verdict is why a role's trust doesn't let somebody in.
type Verdict int

// The verdicts.
const (
	Trusted Verdict = iota
	ForeignAudience
	Untrusted
)

// FactPrincipal is the name of the identity that assumed a role. No claim of a token has such a name.
const FactPrincipal = "\x00principal"

// TrustsToken decides whether a role's trust lets in the bearer of a token with these claims, from this issuer.
func TrustsToken(list []Trust, issuer string, claims policy.Claims) Verdict {
	named, meant := false, false
	for i := range list {
		t := &list[i]
		if t.Issuer == "" || t.Issuer != issuer {
			continue
		}
		named = true
		if !slices.ContainsFunc(claims["aud"], func(a string) bool { return slices.Contains(t.Audience, a) }) {
			continue
		}
		if meant = true; t.Conditions.Holds(claims) {
			return Trusted
		}
	}
	if named && !meant {
		return ForeignAudience
	}
	return Untrusted
}

// Facts are what is known of the bearer of a token: its claims, and the name that the session is to have. What no token
// may say of itself is left out.
func Facts(claims map[string][]string, session string) policy.Claims {
	facts := maps.Clone(policy.Claims(claims))
	delete(facts, policy.FactExternalID)
	delete(facts, FactPrincipal)
	facts[policy.FactSessionName] = []string{session}
	return facts
}

// Asked are those of the claims that a role's trust asks about, for which it is asked again when it changes, and who
// they are about.
func Asked(list []Trust, claims policy.Claims) map[string][]string {
	names := map[string]bool{
		"sub": true, "aud": true, policy.FactSessionName: true, policy.FactExternalID: true, FactPrincipal: true,
	}
	for i := range list {
		for claim := range list[i].Conditions.Claims {
			names[claim] = true
		}
	}
	kept := maps.Clone(claims)
	maps.DeleteFunc(kept, func(name string, _ []string) bool { return !names[name] })
	return kept
}
