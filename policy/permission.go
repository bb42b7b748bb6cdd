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
	return p.verdict(nil, action, resource, values)
}

// verdict looks at statements that are for the caller; those of identity policies name nobody.
func (p *Permitter) verdict(by *Caller, action, resource string, values Values) Verdict {
	if p == nil {
		return Silent
	}
	verdict := Silent
	for i := range p.statements {
		s := &p.statements[i]
		if !s.deny && verdict == Allowed || !s.applies(by, action, resource, values) {
			continue
		}
		if s.deny {
			return Denied
		}
		verdict = Allowed
	}
	return verdict
}

func (s *compiledStatement) applies(by *Caller, action, resource string, values Values) bool {
	return (s.principals == nil || by.Named(s.principals)) &&
		matchesAction(s.actions, action) && s.matchesResource(resource, values, match) && s.hold(values)
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
func (p *Permitter) some(by *Caller, action, prefix string, values Values) Verdict {
	if p == nil {
		return Silent
	}
	verdict := Silent
	for i := range p.statements {
		s := &p.statements[i]
		switch {
		case s.principals != nil && !by.Named(s.principals):
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

// Authorize decides whether the caller has every permission that op needs on t: the identity's policy or
// the bucket's allows, and neither denies. Zonal requests signed with a session have been authorized
// when it was made and don't come here; regional ones do, as the principal behind the session (REG-1).
// mode is that of the session to be made for CreateSession, and isn't looked at for other operations.
func Authorize(op Operation, r *Request, c *Caller, t *Target, mode Mode) *Refusal {
	var buf [8]Need
	needs := ActionsFor(buf[:0], op, t.Kind, t.BucketARN, t.Key, t.KeyARN)
	switch {
	case op == CreateSession:
		needs[0].Mode = mode
	case t.Kind == General && (op.OnObject() || op == PostObject):
		needs = generalNeeds(needs, op, r, t)
	}
	return authorize(op, r, c, t, needs)
}

// AuthorizeSource decides the same for the source of a copy. t is the source: without KeyARN whether the caller may
// read it, with KeyARN, once the object's envelope has said which key it is sealed under, whether the caller may use
// that key.
func AuthorizeSource(r *Request, c *Caller, t *Target) *Refusal {
	var buf [4]Need
	needs := SourceActions(buf[:0], t.Kind, t.BucketARN, t.Key, t.KeyARN)
	switch {
	case t.KeyARN != "":
		needs = needs[1:]
	case t.Kind == General && t.Version != "":
		needs[0].Action = versionActions[needs[0].Action]
	}
	return authorize(GetObject, r, c, t, needs)
}

// AuthorizeKey decides whether the caller may use t's KMS key for op. A session's principal was authorized for the key
// of the session's own settings when the session was made; for what is stored under another key it is decided here.
func AuthorizeKey(op Operation, r *Request, c *Caller, t *Target) *Refusal {
	var buf [2]Need
	return authorize(op, r, c, t, appendKMSNeeds(buf[:0], op, t.Kind, t.KeyARN))
}

func authorize(op Operation, r *Request, c *Caller, t *Target, needs []Need) *Refusal {
	for i := range needs {
		if !permitted(op, r, c, t, &needs[i]) {
			return accessDenied("1.2")
		}
	}
	return nil
}

// permitted answers one need. Who may open a ReadWrite session may also read, so a need for ReadOnly is
// met by a permission for either, unless a session is requested in just that mode.
func permitted(op Operation, r *Request, c *Caller, t *Target, need *Need) bool {
	values := r.ask(question{caller: c, target: t})
	if need.Action != createSession {
		return granted(c, t, need, values)
	}
	r.question.mode = need.Mode.String()
	if granted(c, t, need, values) {
		return true
	}
	if op == CreateSession || need.Mode == ReadWrite {
		return false
	}
	r.question.mode = ReadWrite.String()
	return granted(c, t, need, values)
}

// granted evaluates the identity's policy, the bucket's, and that of the session that a role was assumed for, which
// narrows both. The bucket's doesn't decide about itself: identities are
// the operator's, and nobody else could undo a bucket policy that denies everybody its own removal. Nor has it about
// KMS keys.
//
// Whoever may use a general purpose bucket may use the key that stands in for Amazon's managed one, as the policy of
// aws/s3 says there. A Deny holds for it, too.
func granted(c *Caller, t *Target, need *Need, values *requestValues) bool {
	within := c.Within.Verdict(need.Action, need.Resource, values)
	identity := c.Policy.Verdict(need.Action, need.Resource, values)
	if t.Kind == General && t.ManagedKey != "" && need.Resource == t.ManagedKey &&
		strings.HasPrefix(need.Action, "kms:") {
		return identity != Denied && within != Denied
	}
	if identity == Denied || t.BucketPolicy == nil || concernsBucketPolicy(need.Action) ||
		strings.HasPrefix(need.Action, "kms:") {
		return c.narrow(identity, within) == Allowed
	}
	return c.narrow(either(identity, t.BucketPolicy.permitter.verdict(c, need.Action, need.Resource, values)), within) ==
		Allowed
}

// either is what an identity's policy and a bucket's say together: an explicit Deny of either wins.
func either(identity, bucket Verdict) Verdict { return max(identity, bucket) }

func concernsBucketPolicy(action string) bool {
	_, name, _ := strings.Cut(action, ":")
	return name == "PutBucketPolicy" || name == "GetBucketPolicy" || name == "DeleteBucketPolicy"
}

// AuthorizeTags decides once more about the permissions of an operation whose document sets tags, now that they are
// read: conditions may be about them.
func AuthorizeTags(op Operation, r *Request, c *Caller, t *Target, tags Tags) *Refusal {
	r.tags = tags
	return Authorize(op, r, c, t, ReadWrite)
}

// AuthorizeEntry decides about one entry of DeleteObjects in a general purpose bucket: t is the entry's object.
func AuthorizeEntry(r *Request, c *Caller, t *Target) *Refusal {
	return Authorize(DeleteObject, r, c, t, ReadWrite)
}

// authorizeSomeEntry decides whether the caller may delete any object of a general purpose bucket at all, before the
// document of DeleteObjects, which names them, is read. It errs on the caller's side: AuthorizeEntry decides about
// each.
func authorizeSomeEntry(r *Request, c *Caller, t *Target) *Refusal {
	values := r.ask(question{caller: c, target: t})
	for _, action := range [...]string{"s3:DeleteObject", "s3:DeleteObjectVersion"} {
		verdict := c.Policy.some(nil, action, t.BucketARN+"/", values)
		if t.BucketPolicy != nil {
			verdict = either(verdict, t.BucketPolicy.permitter.some(c, action, t.BucketARN+"/", values))
		}
		if c.narrow(verdict, c.Within.some(nil, action, t.BucketARN+"/", values)) == Allowed {
			return nil
		}
	}
	return accessDenied("1.2")
}
