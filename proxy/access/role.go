package access

import (
	"maps"
	"slices"
	"strings"
	"time"

	"sealfront/policy"
	"sealfront/proxy/session"
)

// A Role is a principal without credentials of its own: who its trust lets in gets temporary ones.
type Role struct {
	Name   string
	ARN    string // arn:aws:iam::account:role/name
	Policy *policy.Permitter
	Trust  []Trust

	// MaxSession is the longest session; between session.ShortestTemporary and session.LongestTemporary.
	MaxSession time.Duration
	// Tags are the principal tags of a session, each with the claim of the token whose value it gets.
	Tags map[string]string
	// Certificates are Identity's.
	Certificates []string

	Limits

	share *share
}

// Trust lets in the tokens of an issuer for an audience, or principals, when the conditions hold.
type Trust struct {
	Issuer     string   // URL
	Audience   []string // of which the token must have one
	Principals []string // ARNs of users and roles, or an account's; without an issuer
	Conditions *policy.Trust
}

func (r *Role) id() string { return uniqueID("AROA", r.ARN) }

// sessionARN is that of the role's session of this name.
func (r *Role) sessionARN(name string) string {
	account, _, _ := strings.Cut(strings.TrimPrefix(r.ARN, "arn:aws:iam::"), ":")
	return "arn:aws:sts::" + account + ":assumed-role/" + r.Name + "/" + name
}

// A trustVerdict is why a role's trust doesn't let somebody in.
type trustVerdict int

const (
	trusted trustVerdict = iota
	foreignAudience
	untrusted
)

// trustsToken decides whether the role's trust lets in the bearer of a token with these claims, from this issuer.
func (r *Role) trustsToken(issuer string, claims policy.Claims) trustVerdict {
	named, meant := false, false
	for i := range r.Trust {
		t := &r.Trust[i]
		if t.Issuer == "" || t.Issuer != issuer {
			continue
		}
		named = true
		if !slices.ContainsFunc(claims["aud"], func(a string) bool { return slices.Contains(t.Audience, a) }) {
			continue
		}
		if meant = true; t.Conditions.Holds(claims) {
			return trusted
		}
	}
	if named && !meant {
		return foreignAudience
	}
	return untrusted
}

// trustsCaller decides whether the role's trust lets in a principal that has these facts.
func (r *Role) trustsCaller(request *policy.Request, caller *policy.Caller, facts policy.Claims) bool {
	return slices.ContainsFunc(r.Trust, func(t Trust) bool {
		return t.Issuer == "" && policy.MayAssume(request, caller, r.ARN, t.Principals) && t.Conditions.Holds(facts)
	})
}

// names reports whether the role's trust still names a principal that had these facts. Its own policy isn't asked
// again: it was when the session began.
func (r *Role) names(caller *policy.Caller, facts policy.Claims) bool {
	return slices.ContainsFunc(r.Trust, func(t Trust) bool {
		return t.Issuer == "" && caller.Named(t.Principals) && t.Conditions.Holds(facts)
	})
}

// factPrincipal is the name of the identity that assumed the role. No claim of a token has such a name.
const factPrincipal = "\x00principal"

// asked are those of the claims that the role's trust asks about, for which it is asked again when it changes, and who
// they are about.
func (r *Role) asked(claims policy.Claims) map[string][]string {
	names := map[string]bool{
		"sub": true, "aud": true, policy.FactSessionName: true, policy.FactExternalID: true, factPrincipal: true,
	}
	for i := range r.Trust {
		for claim := range r.Trust[i].Conditions.Claims {
			names[claim] = true
		}
	}
	kept := maps.Clone(claims)
	maps.DeleteFunc(kept, func(name string, _ []string) bool { return !names[name] })
	return kept
}

// tags are the session's, from a token's claims. A claim that isn't one text of which a tag may be gives none.
func (r *Role) tags(claims policy.Claims) (tags []session.Tag) {
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		if value := claims[r.Tags[key]]; len(value) == 1 && policy.IsTagValue(value[0]) {
			tags = append(tags, session.Tag{Key: key, Value: value[0]})
		}
	}
	return tags
}
