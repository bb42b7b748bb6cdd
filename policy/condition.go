package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// condition is one line of a condition block: operator, key, and the values of which one must match.
type condition struct {
	test     func(actual, wanted string) bool
	negated  bool // no value may match
	ifExists bool // an absent key is fine
	null     bool // asks whether the key is absent
	pattern  bool // * and ? in values are wildcards
	set      quantifier
	key      string
	values   []operand
}

// A quantifier says how an operator looks at a key that may have several values.
type quantifier uint8

const (
	single quantifier = iota // it has one value
	forAll                   // ForAllValues: holds for each of them, and where there are none
	forAny                   // ForAnyValue: holds for one of them
)

// quantifiers are the prefixes of operators.
var quantifiers = map[string]quantifier{"ForAllValues": forAll, "ForAnyValue": forAny}

// operators are the condition operators by name; those with Not are in negations.
var operators = map[string]func(actual, wanted string) bool{
	"StringEquals":             func(a, w string) bool { return a == w },
	"StringEqualsIgnoreCase":   strings.EqualFold,
	"StringLike":               func(a, w string) bool { return match(w, a) },
	"ArnEquals":                func(a, w string) bool { return match(w, a) },
	"ArnLike":                  func(a, w string) bool { return match(w, a) },
	"Bool":                     strings.EqualFold,
	"NumericEquals":            func(a, w string) bool { return compare(number, a, w, 0, 0) },
	"NumericLessThan":          func(a, w string) bool { return compare(number, a, w, -1, -1) },
	"NumericLessThanEquals":    func(a, w string) bool { return compare(number, a, w, -1, 0) },
	"NumericGreaterThan":       func(a, w string) bool { return compare(number, a, w, 1, 1) },
	"NumericGreaterThanEquals": func(a, w string) bool { return compare(number, a, w, 0, 1) },
	"DateEquals":               func(a, w string) bool { return compare(date, a, w, 0, 0) },
	"DateLessThan":             func(a, w string) bool { return compare(date, a, w, -1, -1) },
	"DateLessThanEquals":       func(a, w string) bool { return compare(date, a, w, -1, 0) },
	"DateGreaterThan":          func(a, w string) bool { return compare(date, a, w, 1, 1) },
	"DateGreaterThanEquals":    func(a, w string) bool { return compare(date, a, w, 0, 1) },
	"IpAddress":                inPrefix,
}

// negations are the operators that hold where another one doesn't.
var negations = map[string]string{
	"StringNotEquals":           "StringEquals",
	"StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
	"StringNotLike":             "StringLike",
	"ArnNotEquals":              "ArnEquals",
	"ArnNotLike":                "ArnLike",
	"NumericNotEquals":          "NumericEquals",
	"DateNotEquals":             "DateEquals",
	"NotIpAddress":              "IpAddress",
}

// compileCondition makes a condition of an operator, a key and its values.
func compileCondition(operator, key string, values []string) (condition, error) {
	c := condition{key: strings.ToLower(key)}
	name, prefixed := operator, false
	if prefix, rest, cut := strings.Cut(operator, ":"); cut {
		if c.set, prefixed = quantifiers[prefix]; prefixed {
			name = rest
		}
	}
	name, ifExists := strings.CutSuffix(name, "IfExists")
	c.ifExists = ifExists
	c.pattern = strings.HasPrefix(name, "Arn") || strings.HasSuffix(name, "Like")
	if operator == "Null" {
		c.null = true
		for _, v := range values {
			if v != "true" && v != "false" {
				return c, fmt.Errorf("the value of Null must be true or false")
			}
		}
	} else if c.test = operators[name]; c.test == nil {
		c.test, c.negated = operators[negations[name]], true
		if c.test == nil {
			return c, &wordFault{
				why:     fmt.Sprintf("unknown condition operator %q", operator),
				amazons: "Invalid Condition type : " + operator,
				detail:  operator, hint: didYouMean(operator, operatorNames),
			}
		}
	}
	if !IsConditionKey(c.key) {
		return c, &wordFault{
			why:     fmt.Sprintf("%q is no condition key that requests have here", key),
			amazons: "Policy has an invalid condition key", detail: key, hint: didYouMean(key, conditionKeyNames),
		}
	}
	if several := c.key == tagKeysKey; several != (c.set != single) && !c.null {
		const text = "%s: ForAllValues and ForAnyValue are for keys with several values, aws:TagKeys, and those need " +
			"one of them"
		return c, fmt.Errorf(text, operator)
	}
	if len(values) == 0 {
		return c, fmt.Errorf("condition %s has no value", key)
	}
	for _, v := range values {
		o, err := parseOperand(v)
		if err != nil {
			return c, fmt.Errorf("%q %w", v, err)
		}
		if o.pieces != nil && !c.pattern && !strings.HasPrefix(name, "String") {
			return c, fmt.Errorf("%q: policy variables are for the operators of strings and ARNs", v)
		}
		if !wellFormed(name, v) {
			return c, fmt.Errorf("%q is no value for %s", v, operator)
		}
		c.values = append(c.values, o)
	}
	return c, nil
}

// wellFormed refuses values that could never match, so that a typing error doesn't silently open or
// close a door.
func wellFormed(operator, value string) bool {
	switch {
	case strings.HasPrefix(operator, "Numeric"):
		_, ok := number(value)
		return ok
	case strings.HasPrefix(operator, "Date"):
		_, ok := date(value)
		return ok
	case strings.HasSuffix(operator, "IpAddress"):
		_, ok := parsePrefix(value)
		return ok
	case operator == "Bool":
		return value == "true" || value == "false"
	}
	return true
}

// operatorNames are all operators, for whoever mistypes one.
var operatorNames = func() (names []string) {
	for name := range operators {
		names = append(names, name)
	}
	for name := range negations {
		names = append(names, name)
	}
	slices.Sort(names)
	return append(names, "Null")
}()

// unknown reports whether a value that the condition asks for isn't known yet.
func (c *condition) unknown(values Values) bool {
	if unknown(values, c.key) {
		return true
	}
	return slices.ContainsFunc(c.values, func(o operand) bool { return o.unknown(values) })
}

// holds evaluates the condition. An absent key fails it, except for negated operators and IfExists. A value with a
// variable that has no value is neither equal to anything nor like it, so that negated operators hold.
func (c *condition) holds(values Values) bool {
	if c.set != single {
		return c.holdsForSet(values)
	}
	actual, given := "", false
	if values != nil {
		actual, given = values.Value(c.key)
	}
	if c.null {
		return slices.ContainsFunc(c.values, func(o operand) bool { return o.text == strconv.FormatBool(!given) })
	}
	if !given {
		return c.negated || c.ifExists
	}
	return c.matches(actual, values)
}

// matches tests one value.
func (c *condition) matches(actual string, values Values) bool {
	for i := range c.values {
		if wanted, ok := c.values[i].resolve(values, c.pattern); ok && c.test(actual, wanted) {
			return !c.negated
		}
	}
	return c.negated
}

// holdsForSet is holds for a key with several values. The one there is, aws:TagKeys, is answered by the request's
// document.
func (c *condition) holdsForSet(values Values) bool {
	if r, ok := values.(openValues); ok {
		for _, tag := range r.tagKeys() {
			if c.matches(tag.Key, values) != (c.set == forAll) {
				return c.set == forAny
			}
		}
	}
	return c.set == forAll
}

// compare reports whether actual compares to wanted as low to high say (-1 less, 0 equal, 1 greater).
func compare(read func(string) (float64, bool), actual, wanted string, low, high int) bool {
	a, ok1 := read(actual)
	w, ok2 := read(wanted)
	sign := 0
	switch {
	case a < w:
		sign = -1
	case a > w:
		sign = 1
	}
	return ok1 && ok2 && low <= sign && sign <= high
}

func number(s string) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && n == n
}

// date reads an ISO 8601 time or seconds since 1970.
func date(s string) (float64, bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return float64(t.Unix()), true
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return float64(t.Unix()), true
	}
	return number(s)
}

func parsePrefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func inPrefix(actual, wanted string) bool {
	address, err := netip.ParseAddr(actual)
	prefix, ok := parsePrefix(wanted)
	return err == nil && ok && prefix.Contains(address.Unmap())
}
