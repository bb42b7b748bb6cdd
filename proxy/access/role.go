package access

import (
	"maps"
	"slices"
	"strings"
	"time"

	"sealfront/policy"
	"sealfront/proxy/roles"
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

// Trust lets in the tokens of an issuer, or principals.
type Trust = roles.Trust

func (r *Role) id() string { return uniqueID("AROA", r.ARN) }

// sessionARN is that of the role's session of this name.
func (r *Role) sessionARN(name string) string {
	account, _, _ := strings.Cut(strings.TrimPrefix(r.ARN, "arn:aws:iam::"), ":")
	return "arn:aws:sts::" + account + ":assumed-role/" + r.Name + "/" + name
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

// tags are the session's, from a token's claims. A claim that isn't one text of which a tag may be gives none.
func (r *Role) tags(claims policy.Claims) (tags []session.Tag) {
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		if value := claims[r.Tags[key]]; len(value) == 1 && policy.IsTagValue(value[0]) {
			tags = append(tags, session.Tag{Key: key, Value: value[0]})
		}
	}
	return tags
}
