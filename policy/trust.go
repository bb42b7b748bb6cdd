package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Claims are what a token says of its bearer, or a caller of itself, by name: a text, or several of them. Names compare
// exactly.
type Claims map[string][]string

// Facts about an assumption that conditions may ask about, as well as the claims of a token. No claim of a token has
// such a name: they begin with a NUL, and are set whatever the token says.
const (
	FactExternalID  = "\x00sts:ExternalId"
	FactSessionName = "\x00sts:RoleSessionName"
)

// TrustClaim returns the claim that a condition key of a trust is about: ISSUER:claim, the issuer without https://, and
// sts:RoleSessionName, and sts:ExternalId where principals are trusted, issuer being "".
func TrustClaim(issuer, key string) (claim string, ok bool) {
	switch strings.ToLower(key) {
	case "sts:externalid":
		return FactExternalID, issuer == ""
	case "sts:rolesessionname":
		return FactSessionName, true
	}
	_, host, _ := strings.Cut(issuer, "://")
	claim, ok = strings.CutPrefix(key, host+":")
	return claim, ok && issuer != "" && claim != "" && claim[0] != 0
}

// Trust is the conditions under which a role may be assumed. It is immutable; any number of goroutines may use it.
type Trust struct {
	lines []trustLine
}

// trustLine is one operator on one claim, and the values of which one must match.
type trustLine struct {
	trustOperator

	claim  string
	values []string
}

type trustOperator struct {
	like    bool // * and ? in values are wildcards
	negated bool // no value may match
	several bool // the claim may have several values, of which one must match
}

var trustOperators = map[string]trustOperator{
	"StringEquals":             {},
	"StringLike":               {like: true},
	"StringNotEquals":          {negated: true},
	"StringNotLike":            {like: true, negated: true},
	"ForAnyValue:StringEquals": {several: true},
	"ForAnyValue:StringLike":   {like: true, several: true},
}

// CompileTrust compiles conditions as policies write them: operator, key, values. claim returns the name of the claim
// that a key is about; false for a key that is about none. All faults are in the one error, each beginning with the
// operator.
func CompileTrust(conditions map[string]map[string][]string, claim func(key string) (string, bool)) (*Trust, error) {
	t := &Trust{}
	var faults []error
	for _, operator := range slices.Sorted(maps.Keys(conditions)) {
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf(operator+": "+format, args...))
		}
		line := trustLine{}
		var known bool
		if line.trustOperator, known = trustOperators[operator]; !known {
			fault("is no operator for claims, which are %s",
				strings.Join(slices.Sorted(maps.Keys(trustOperators)), ", "))
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(conditions[operator])) {
			line.values = conditions[operator][key]
			if line.claim, known = claim(key); !known {
				fault("%q names no claim, as ISSUER:sub does", key)
			}
			if len(line.values) == 0 {
				fault("%s has no value", key)
			}
			for _, v := range line.values {
				if strings.Contains(v, "${") || strings.IndexByte(v, 0) >= 0 {
					fault("%s: %q has a policy variable or a NUL", key, v)
				}
			}
			t.lines = append(t.lines, line)
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return t, nil
}

// Holds reports whether all conditions hold. A claim that isn't there satisfies none, not even a negated one: what a
// token doesn't say is nobody's permission.
func (t *Trust) Holds(claims Claims) bool {
	return !slices.ContainsFunc(t.lines, func(l trustLine) bool { return !l.holds(claims[l.claim]) })
}

// Requires reports whether some condition, other than on the claims except, says what a claim must be.
func (t *Trust) Requires(except ...string) bool {
	return slices.ContainsFunc(t.lines, func(l trustLine) bool { return !l.negated && !slices.Contains(except, l.claim) })
}

// Claims calls yield for the claim of every condition until it returns false.
func (t *Trust) Claims(yield func(claim string) bool) {
	for _, l := range t.lines {
		if !yield(l.claim) {
			return
		}
	}
}

func (l *trustLine) holds(actual []string) bool {
	if len(actual) == 0 || len(actual) > 1 && !l.several {
		return false
	}
	matched := slices.ContainsFunc(actual, func(a string) bool {
		return slices.ContainsFunc(l.values, func(w string) bool { return a == w || l.like && match(w, a) })
	})
	return matched != l.negated
}

// MayAssume decides whether the caller may assume a role whose trust names these principals. Who is named, or whose
// role is, needs no permission of its own, as in one account of AWS; of an account that is named as a whole, those may
// whose policy allows sts:AssumeRole on the role. A Deny and a session's policy hold in both cases.
func MayAssume(r *Request, c *Caller, roleARN string, principals []string) bool {
	named := slices.Contains(principals, c.Principal) || c.Role != "" && slices.Contains(principals, c.Role)
	if !named && !c.Named(principals) {
		return false
	}
	const action = "sts:AssumeRole"
	values := r.ask(question{caller: c, target: &Target{}})
	verdict := c.Policy.Verdict(action, roleARN, values)
	if named {
		verdict = either(verdict, Allowed)
	}
	return c.narrow(verdict, c.Within.Verdict(action, roleARN, values)) == Allowed
}
