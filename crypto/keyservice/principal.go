package keyservice

import "regexp"

// A principal is a caller as key policies and grants see it.
type principal struct {
	arn  string // of a user, or of a role's session
	role string // of a role's session: the role's ARN; "" otherwise
}

// is reports whether a policy or a grant that names somebody by an ARN means the principal: the session of a role is
// also meant by the role's.
func (p principal) is(arn string) bool { return arn == p.arn || p.role != "" && arn == p.role }

func (p principal) account() string { return accountOf(p.arn) }

// principalForm holds what a key policy may name: anybody, accounts, users, roles and the sessions of roles.
var principalForm = regexp.MustCompile(`^(\*|[0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(root|user/[^*?]+|role/[^*?]+)|` +
	`arn:aws[a-z-]*:sts::[0-9]{12}:assumed-role/[^*?/]+/[^*?/]+)$`)
