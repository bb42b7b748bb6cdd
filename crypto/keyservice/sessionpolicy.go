package keyservice

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxSessionPolicy is STS's bound, in bytes.
const maxSessionPolicy = 2048

// ParseSessionPolicy reads the policy that a session of a role was given, JSON in IAM's form with Effect, Action and
// Resource, and makes Caller.May of it. What this service doesn't evaluate, such as conditions, is an error.
func ParseSessionPolicy(text string) (func(string, string, map[string]string) Effect, error) {
	if len(text) > maxSessionPolicy {
		return nil, fmt.Errorf("the policy is longer than %d bytes", maxSessionPolicy)
	}
	document, err := members([]byte(text), "Version", "Id", "Statement")
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
	var statements []Statement
	for _, text := range list {
		m, err := members(text, "Sid", "Effect", "Action", "Resource")
		if err != nil {
			return nil, err
		}
		var s Statement
		if s.Effect, err = oneText(m["Effect"]); err != nil {
			return nil, fmt.Errorf("element Effect: %w", err)
		}
		if s.Action, err = texts(m["Action"]); err != nil {
			return nil, fmt.Errorf("element Action: %w", err)
		}
		if s.Resource, err = texts(m["Resource"]); err != nil {
			return nil, fmt.Errorf("element Resource: %w", err)
		}
		statements = append(statements, s)
	}
	may, faults := CompilePolicy(statements)
	if len(faults) > 0 {
		slices.Sort(faults)
		return nil, errors.New("Statement" + strings.Join(faults, "; Statement"))
	}
	return may, nil
}

// Narrowed makes Caller.May of a role's policy and its session's own: what that doesn't allow is denied, also to a key
// policy that names the role.
func Narrowed(
	may, within func(string, string, map[string]string) Effect,
) func(string, string, map[string]string) Effect {
	return func(action, resource string, context map[string]string) Effect {
		if within(action, resource, context) != Allowed {
			return Denied
		}
		return may(action, resource, context)
	}
}
