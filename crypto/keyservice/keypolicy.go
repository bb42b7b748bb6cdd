package keyservice

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// A keyPolicy is the part of AWS's policy language that this service understands; parsePolicy refuses the rest, so that
// no policy is enforced by halves. A statement has
//
//	Effect     Allow or Deny
//	Principal  "*", or {"AWS": …} with "*", an account id, its root, or users, roles and sessions of roles by their ARN
//	Action     kms:… with * and ?
//	Resource   "*", which is the key
//	Condition  StringEquals and StringLike on kms:EncryptionContext:NAME and kms:CallerAccount
type keyPolicy []statement

type statement struct {
	deny       bool
	principals []string
	actions    []*regexp.Regexp
	conditions []condition
}

type condition struct {
	key    string
	values []func(value string) bool
}

const maxPolicy = 32 << 10 // bytes

// defaultPolicy lets the account do everything, as that of KMS does.
func defaultPolicy(account string) string {
	return `{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions",` +
		`"Effect":"Allow",` +
		`"Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}]}`
}

// managedPolicy is that of AWS's own keys: they work through the service they are for, which nobody here is.
func managedPolicy(account string) string {
	return `{"Version":"2012-10-17","Id":"auto-s3-2","Statement":[{"Sid":"Allow direct access to key metadata to the ` +
		`account","Effect":"Allow",` +
		`"Principal":{"AWS":"arn:aws:iam::` + account +
		`:root"},"Action":["kms:Describe*","kms:Get*","kms:List*"],"Resource":"*"}]}`
}

// parsePolicy reads a policy, or refuses it with MalformedPolicyDocumentException.
func parsePolicy(text string) (keyPolicy, *Error) {
	if len(text) > maxPolicy {
		return nil, fail("LimitExceededException", "The policy is longer than %d bytes", maxPolicy)
	}
	p, err := readPolicy([]byte(text))
	if err != nil {
		return nil, fail("MalformedPolicyDocumentException",
			"Policy contains a statement with one or more invalid or unknown elements: %v", err)
	}
	return p, nil
}

func readPolicy(text []byte) (keyPolicy, error) {
	document, err := members(text, "Version", "Id", "Statement")
	if err != nil {
		return nil, err
	}
	if v, err := oneText(document["Version"]); document["Version"] != nil &&
		(err != nil || v != "2012-10-17" && v != "2008-10-17") {
		return nil, errors.New("element Version is not 2012-10-17 or 2008-10-17")
	}
	var list []json.RawMessage
	if s := document["Statement"]; len(s) > 0 && s[0] == '{' {
		list = []json.RawMessage{s}
	} else if err := json.Unmarshal(s, &list); err != nil || len(list) == 0 {
		return nil, errors.New("element Statement is missing")
	}
	var p keyPolicy
	for _, text := range list {
		s, err := readStatement(text)
		if err != nil {
			return nil, err
		}
		p = append(p, *s)
	}
	return p, nil
}

func readStatement(text []byte) (*statement, error) {
	m, err := members(text, "Sid", "Effect", "Principal", "Action", "Resource", "Condition")
	if err != nil {
		return nil, err
	}
	s := &statement{}
	switch effect, err := oneText(m["Effect"]); {
	case err == nil && effect == "Deny":
		s.deny = true
	case err != nil || effect != "Allow":
		return nil, errors.New("element Effect is not Allow or Deny")
	}
	principal := m["Principal"]
	if len(principal) > 0 && principal[0] == '{' {
		kinds, err := members(principal, "AWS")
		if err != nil {
			return nil, fmt.Errorf("element Principal: %w", err)
		}
		principal = kinds["AWS"]
	} else if string(principal) != `"*"` {
		return nil, errors.New("element Principal is neither * nor a map")
	}
	if s.principals, err = texts(principal); err != nil ||
		slices.ContainsFunc(s.principals, func(p string) bool { return !principalForm.MatchString(p) }) {
		return nil, errors.New("element Principal names something else than accounts, users, roles and their sessions")
	}
	actions, err := texts(m["Action"])
	if err != nil {
		return nil, fmt.Errorf("element Action: %w", err)
	}
	for _, a := range actions {
		if a != "*" && !strings.HasPrefix(strings.ToLower(a), "kms:") {
			return nil, fmt.Errorf("the action %q is not KMS's", a)
		}
		s.actions = append(s.actions, pattern("(?i)", a))
	}
	if resources, err := texts(m["Resource"]); err != nil || len(resources) != 1 || resources[0] != "*" {
		return nil, errors.New("element Resource is not *")
	}
	if m["Condition"] != nil {
		if s.conditions, err = readConditions(m["Condition"]); err != nil {
			return nil, fmt.Errorf("element Condition: %w", err)
		}
	}
	return s, nil
}

func readConditions(text []byte) (conditions []condition, err error) {
	operators, err := members(text, "StringEquals", "StringLike")
	if err != nil {
		return nil, err
	}
	for operator, text := range operators {
		keys, err := members(text)
		if err != nil {
			return nil, err
		}
		for key, text := range keys {
			c := condition{key: strings.ToLower(key)}
			if c.key != "kms:calleraccount" && (!strings.HasPrefix(c.key, contextKey) || c.key == contextKey) {
				return nil, fmt.Errorf("unknown key %q", key)
			}
			values, err := texts(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			for _, v := range values {
				if operator == "StringLike" {
					c.values = append(c.values, pattern("", v).MatchString)
				} else {
					c.values = append(c.values, func(value string) bool { return value == v })
				}
			}
			conditions = append(conditions, c)
		}
	}
	return conditions, nil
}

// contextKey precedes the name of a pair of the encryption context, whose case doesn't count in conditions.
const contextKey = "kms:encryptioncontext:"

// A verdict is what a policy says of a request.
type verdict int

const (
	unstated  verdict = iota // nothing: not allowed, unless a grant does
	delegated                // allowed to the caller's account, whose own policies decide
	allowed                  // to the caller
	denied
)

// decide evaluates the policy for a caller, an action ("Decrypt") and an encryption context. Deny wins.
func (p keyPolicy) decide(caller principal, action string, context map[string]string) verdict {
	found := unstated
	for i := range p {
		if s := &p[i]; s.concerns(caller, action, context) {
			if s.deny {
				return denied
			}
			found = max(found, s.allows(caller))
		}
	}
	return found
}

// allows is what a statement that concerns a caller, and doesn't deny, gives.
func (s *statement) allows(caller principal) verdict {
	if slices.ContainsFunc(s.principals, func(p string) bool { return p == "*" || caller.is(p) }) {
		return allowed
	}
	return delegated
}

func (s *statement) concerns(caller principal, action string, context map[string]string) bool {
	account := caller.account()
	if !slices.ContainsFunc(s.principals, func(p string) bool {
		return p == "*" || caller.is(p) || p == account ||
			strings.HasPrefix(p, "arn:") && strings.HasSuffix(p, ":iam::"+account+":root")
	}) {
		return false
	}
	if !slices.ContainsFunc(s.actions, func(a *regexp.Regexp) bool { return a.MatchString("kms:" + action) }) {
		return false
	}
	return !slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(account, context) })
}

// holds is false when the request has no such key.
func (c *condition) holds(account string, context map[string]string) bool {
	for _, is := range c.values {
		if c.key == "kms:calleraccount" && is(account) {
			return true
		}
		for name, value := range context {
			if c.key == contextKey+strings.ToLower(name) && is(value) {
				return true
			}
		}
	}
	return false
}

// pattern compiles a text with * and ?.
func pattern(flags, text string) *regexp.Regexp {
	quoted := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(text))
	return regexp.MustCompile(flags + "(?s)^" + quoted + "$")
}

// members reads a JSON object all of whose members are known, by their very spelling and once each; any are where known
// has none.
func members(text []byte, known ...string) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	m := make(map[string]json.RawMessage)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		s, _ := name.(string)
		if _, twice := m[s]; twice || len(known) > 0 && !slices.Contains(known, s) {
			return nil, fmt.Errorf("%q is unknown or there twice", s)
		}
		m[s] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON object")
	}
	return m, nil
}

func oneText(text []byte) (s string, err error) {
	if len(text) == 0 {
		return "", errors.New("missing")
	}
	err = json.Unmarshal(text, &s)
	return s, err
}

// texts reads a string or a list of some.
func texts(text []byte) (list []string, err error) {
	if s, err := oneText(text); err == nil {
		return []string{s}, nil
	}
	if err := json.Unmarshal(text, &list); err != nil || len(list) == 0 {
		return nil, errors.New("neither a string nor a list of strings")
	}
	return list, nil
}
