package policy

import "strings"

// Caller is who sends the request.
type Caller struct {
	Principal string     // ARN: arn:aws:iam::account:user/name or arn:aws:sts::account:assumed-role/role/session
	Role      string     // ARN of the role that is assumed: arn:aws:iam::account:role/name; "" for a user
	Account   string     // 12 digits
	Policy    *Permitter // the user's or the role's policy; nil allows nothing
	Within    *Permitter // the session's own policy, which can only narrow; nil: it has none
	Tags      Tags       // of the session that the role was assumed for; read only
	Values    Values     // of condition keys about the caller and where it calls from, such as aws:sourceip; may be nil
}

// Target is what the request is about: its own object or bucket, or another one such as the source of a copy. It
// answers the condition keys that are about the resource; those about the request are answered by the Request and the
// Caller, which are the same for every target of one request.
type Target struct {
	Kind         Kind
	BucketARN    string
	Account      string // that owns the bucket
	Tags         Tags   // of the bucket; read only
	Key          string
	Version      string        // that is requested, "" for the current one
	KeyARN       string        // the KMS key that is written under or read from, "" for none
	ManagedKey   string        // Options.DefaultKey, where general purpose buckets are concerned
	BucketPolicy *BucketPolicy // nil: the bucket has none
}

// A question is what a permission is decided for, besides the request.
type question struct {
	caller *Caller
	target *Target
	mode   string // of the session that is to be made
}

// Named reports whether a list of principals names the caller: everybody, the caller's ARN, its role's, or its account.
func (c *Caller) Named(list []string) bool {
	for _, p := range list {
		if p == "*" || p == c.Principal || p == c.Role && p != "" || p == c.Account ||
			strings.HasSuffix(p, ":root") && accountOf(p) == c.Account {
			return true
		}
	}
	return false
}

// narrow is what the caller's policies and its session's policy say together: the session's policy allows nothing that
// they don't, and what it doesn't allow it takes away, whichever policy allows it.
func (c *Caller) narrow(verdict, within Verdict) Verdict {
	switch {
	case c.Within == nil:
		return verdict
	case verdict == Denied || within == Denied:
		return Denied
	case within == Silent:
		return Silent
	}
	return verdict
}
