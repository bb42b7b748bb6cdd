package policy

import "fmt"

// MaxSessionPolicy is STS's limit for a session policy, in bytes of JSON.
const MaxSessionPolicy = 2048

// ParseSessionPolicy reads the JSON of the policy that a role is assumed with: statements as an identity's policy has
// them, without principals. What it allows is only what it leaves of the role's permissions. What can't be understood
// is refused (MalformedPolicy), never ignored.
func ParseSessionPolicy(document []byte) (*Permitter, *Refusal) {
	list, variables, refusal := readPolicy(document, MaxSessionPolicy)
	if refusal != nil {
		return nil, refusal
	}
	p := &Permitter{}
	for i := range list {
		detail := fmt.Sprintf("Statement[%d]", i)
		c, refusal := compileStatement(detail, &list[i])
		switch {
		case refusal != nil:
			return nil, refusal
		case list[i].Principal != nil:
			return nil, malformedPolicy("Policy document should not specify a principal.", detail)
		case !variables && c.usesVariables():
			return nil, needsVersion()
		}
		p.statements = append(p.statements, c)
	}
	return p, nil
}
