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
