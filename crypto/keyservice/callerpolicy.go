package keyservice

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Statement is one of a caller's own policy. Actions are kms:…, with * and ?, and resources ARNs of keys and aliases,
// or patterns of them; what is about no key is allowed by the resource * alone.
type Statement struct {
	Effect   string // Allow or Deny
	Action   []string
	Resource []string
}

type callerStatement struct {
	deny               bool
	actions, resources []*regexp.Regexp
}

// CompilePolicy makes Caller.May of a policy. All faults are returned, each with its place: "[0].action: …".
func CompilePolicy(statements []Statement) (func(string, string, map[string]string) Effect, []string) {
	var faults []string
	var list []callerStatement
	for i, s := range statements {
		fault := func(field, format string, args ...any) {
			faults = append(faults, fmt.Sprintf("[%d].%s: %s", i, field, fmt.Sprintf(format, args...)))
		}
		if s.Effect != "Allow" && s.Effect != "Deny" {
			fault("effect", "%q is neither Allow nor Deny", s.Effect)
		}
		if len(s.Action) == 0 {
			fault("action", "is missing")
		}
		if len(s.Resource) == 0 {
			fault("resource", "is missing")
		}
		c := callerStatement{deny: s.Effect == "Deny"}
		for _, a := range s.Action {
			p := patternOf(a, true)
			if !slices.ContainsFunc(slices.AppendSeq([]string{reEncryptFrom, reEncryptTo}, maps.Keys(actions)),
				func(name string) bool { return p.MatchString("kms:" + name) }) {
				fault("action", "%q is no action of this key service, and matches none: they are kms:Decrypt, kms:CreateKey and "+
					"so on", a)
			}
			c.actions = append(c.actions, p)
		}
		for _, r := range s.Resource {
			if r != "*" && !strings.HasPrefix(r, "arn:aws:kms:") {
				fault("resource", "%q is neither * nor an ARN of a key or an alias, such as "+
					"arn:aws:kms:us-west-2:123456789012:key/*", r)
			}
			c.resources = append(c.resources, patternOf(r, false))
		}
		list = append(list, c)
	}
	return func(action, resource string, _ map[string]string) Effect {
		found := Unstated
		for i := range list {
			s := &list[i]
			if !matchesAny(s.actions, "kms:"+action) || !matchesAny(s.resources, resource) {
				continue
			}
			if s.deny {
				return Denied
			}
			found = Allowed
		}
		return found
	}, faults
}

func matchesAny(list []*regexp.Regexp, text string) bool {
	return slices.ContainsFunc(list, func(p *regexp.Regexp) bool { return p.MatchString(text) })
}

// patternOf is a text in which * stands for anything and ? for one character.
func patternOf(text string, anyCase bool) *regexp.Regexp {
	quoted := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(text))
	flags := "(?s)"
	if anyCase {
		flags = "(?si)"
	}
	return regexp.MustCompile(flags + "^" + quoted + "$")
}
