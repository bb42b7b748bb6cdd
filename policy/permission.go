package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Statement is one statement of a policy, as in AWS policies. Actions and resources may hold * and ?;
// actions compare without case, resources exactly.
type Statement struct {
	Effect    string // Allow or Deny
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string // operator, condition key, values
}

// Verdict is what a policy says to one question.
type Verdict uint8

const (
	Silent  Verdict = iota // no statement applies
	Allowed                // some statement allows, none denies
	Denied                 // some statement denies
)

// Permitter is a compiled policy. It is immutable; any number of goroutines may use it.
type Permitter struct {
	statements []compiledStatement
}

type compiledStatement struct {
	deny                bool
	principals, actions []string
	resources           []operand
	conditions          []condition
}

// Compile checks an identity's policy. All faults are in the one error, each with the path of its
// statement, such as "policy[1].effect".
func Compile(statements []Statement) (*Permitter, error) {
	p := &Permitter{}
	var faults []error
	for i, s := range statements {
		c, errs := compile(fmt.Sprintf("policy[%d]", i), s)
		p.statements = append(p.statements, c)
		faults = append(faults, errs...)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return p, nil
}

func compile(path string, s Statement) (compiledStatement, []error) {
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, fmt.Errorf(path+"."+field+": "+format, args...))
	}
	c := compiledStatement{deny: s.Effect == "Deny"}
	if s.Effect != "Allow" && s.Effect != "Deny" {
		fault("effect", "%q is neither Allow nor Deny", s.Effect)
	}
	if len(s.Action) == 0 {
		fault("action", "is missing")
	}
	for _, a := range s.Action {
		service, name, cut := strings.Cut(a, ":")
		if a != "*" && (!cut || service == "" || name == "") {
			fault("action", "%q is not of the form service:Action", a)
		} else if err := checkAction(a); a != "*" && err != nil {
			fault("action", "%w", err)
		}
		c.actions = append(c.actions, strings.ToLower(a))
	}
	if len(s.Resource) == 0 {
		fault("resource", "is missing")
	}
	for _, r := range s.Resource {
		o, err := parseOperand(r)
		if err != nil {
			fault("resource", "%q %w", r, err)
		} else if head, _, found := strings.Cut(r, "${"); found && strings.Count(head, ":") < 5 {
			fault("resource", "%q has a policy variable before an ARN's resource", r)
		} else if err := checkResource(r); err != nil {
			fault("resource", "%w", err)
		}
		c.resources = append(c.resources, o)
	}
	for operator, block := range s.Condition {
		if len(block) == 0 {
			fault("condition", "%s has no condition key", operator)
		}
		for key, values := range block {
			line, err := compileCondition(operator, key, values)
			if err != nil {
				fault("condition", "%w", err)
			}
			c.conditions = append(c.conditions, line)
		}
	}
	return c, faults
}

// Allowed reports whether the policy allows action on resource. An explicit Deny wins; a nil Permitter
// allows nothing. values may be nil. It allocates nothing as long as action is spelled as S3 spells it.
func (p *Permitter) Allowed(action, resource string, values Values) bool {
	return p.Verdict(action, resource, values) == Allowed
}

// Verdict says whether some statement allows action on resource, or one denies it.
func (p *Permitter) Verdict(action, resource string, values Values) Verdict {
	return p.verdict("", "", action, resource, values)
}

// verdict looks at statements that are for principal; those of identity policies name none.
func (p *Permitter) verdict(principal, account, action, resource string, values Values) Verdict {
	if p == nil {
		return Silent
	}
	verdict := Silent
	for i := range p.statements {
		s := &p.statements[i]
		if !s.deny && verdict == Allowed || !s.applies(principal, account, action, resource, values) {
			continue
		}
		if s.deny {
			return Denied
		}
		verdict = Allowed
	}
	return verdict
}

func (s *compiledStatement) applies(principal, account, action, resource string, values Values) bool {
	return (s.principals == nil || namesPrincipal(s.principals, principal, account)) &&
		matchesAction(s.actions, action) && s.matchesResource(resource, values, match) && s.hold(values)
}

func namesPrincipal(list []string, principal, account string) bool {
	for _, p := range list {
		if p == "*" || p == principal || p == account || strings.HasSuffix(p, ":root") && accountOf(p) == account {
			return true
		}
	}
	return false
}

// matchesResource reports whether one of the statement's resources matches, as matches has it.
func (s *compiledStatement) matchesResource(
	resource string, values Values, matches func(pattern, resource string) bool,
) bool {
	for i := range s.resources {
		o := &s.resources[i]
		if o.unknown(values) {
			if s.deny {
				continue
			}
			return true
		}
		if p, ok := o.resolve(values, true); ok && (p == "*" || matches(p, resource)) {
			return true
		}
	}
	return false
}

// matchesAction compares without case; patterns are in lower case already.
func matchesAction(patterns []string, action string) bool {
	var buf [64]byte
	lower := appendLower(buf[:0], action)
	for _, p := range patterns {
		if p == "*" || matchBytes(p, lower) {
			return true
		}
	}
	return false
}

// usesVariables reports whether a resource or a condition's value has policy variables.
func (s *compiledStatement) usesVariables() bool {
	has := func(o operand) bool { return o.pieces != nil }
	return slices.ContainsFunc(s.resources, has) ||
		slices.ContainsFunc(s.conditions, func(c condition) bool { return slices.ContainsFunc(c.values, has) })
}

// hold evaluates the statement's conditions. What isn't known yet doesn't keep an Allow from holding, and keeps a Deny
// from it.
func (s *compiledStatement) hold(values Values) bool {
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.unknown(values) {
			if s.deny {
				return false
			}
			continue
		}
		if !c.holds(values) {
			return false
		}
	}
	return true
}

// some says whether action may be allowed on some resource whose ARN begins with prefix: Denied only when it is on
// every one.
func (p *Permitter) some(principal, account, action, prefix string, values Values) Verdict {
	if p == nil {
		return Silent
	}
	verdict := Silent
	for i := range p.statements {
		s := &p.statements[i]
		switch {
		case s.principals != nil && !namesPrincipal(s.principals, principal, account):
		case !matchesAction(s.actions, action), !s.hold(values):
		case s.deny && s.coversAll(prefix, values):
			return Denied
		case !s.deny && s.matchesResource(prefix, values, matchesBeginning):
			verdict = Allowed
		}
	}
	return verdict
}

// coversAll reports whether every resource whose ARN begins with prefix certainly matches the statement's.
func (s *compiledStatement) coversAll(prefix string, values Values) bool {
	for i := range s.resources {
		o := &s.resources[i]
		pattern, ok := o.resolve(values, true)
		if !ok || o.unknown(values) || pattern == "" || pattern[len(pattern)-1] != '*' {
			continue
		}
		if match(pattern, prefix) { // it ends in a star, so it matches whatever follows
			return true
		}
	}
	return false
}
