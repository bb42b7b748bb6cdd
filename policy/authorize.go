package policy

import "strings"

// Caller is who asks.
type Caller struct {
	Principal string     // ARN: arn:aws:iam::account:user/name
	Account   string     // 12 digits
	Policy    *Permitter // the identity's policy; nil allows nothing
	Values    Values     // of condition keys about who asks and from where, such as aws:sourceip; may be nil
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
	Version      string        // that is asked for, "" for the current one
	KeyARN       string        // the KMS key that is written under or read from, "" for none
	ManagedKey   string        // Options.DefaultKey, where general purpose buckets are concerned
	BucketPolicy *BucketPolicy // nil: the bucket has none
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
// read it, with KeyARN, once the object's envelope tells which key it is sealed under, whether the caller may use that
// key.
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

// AuthorizeKey decides whether the caller may use t's KMS key for op. A session's principal was asked for the key of the
// session's own settings when the session was made; for what is stored under another key it is asked here.
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
// met by a permission for either, unless a session is asked for in just that mode.
func permitted(op Operation, r *Request, c *Caller, t *Target, need *Need) bool {
	values := &r.conditions
	*values = conditionValues{r: r, caller: c, target: t, unknown: r.unknown}
	if need.Action != createSession {
		return granted(c, t, need, values)
	}
	values.mode = need.Mode.String()
	if granted(c, t, need, values) {
		return true
	}
	if op == CreateSession || need.Mode == ReadWrite {
		return false
	}
	values.mode = ReadWrite.String()
	return granted(c, t, need, values)
}

// granted asks the identity's policy and the bucket's. The bucket's has no say about itself: identities are the
// operator's, and nobody else could undo a bucket policy that denies everybody its own removal. Nor has it about KMS keys.
//
// Whoever may use a general purpose bucket may use the key that stands in for Amazon's managed one, as the policy of
// aws/s3 says there. A Deny holds for it, too.
func granted(c *Caller, t *Target, need *Need, values *conditionValues) bool {
	identity := c.Policy.Verdict(need.Action, need.Resource, values)
	if t.Kind == General && t.ManagedKey != "" && need.Resource == t.ManagedKey && strings.HasPrefix(need.Action, "kms:") {
		return identity != Denied
	}
	if identity == Denied || t.BucketPolicy == nil || concernsBucketPolicy(need.Action) || strings.HasPrefix(need.Action, "kms:") {
		return identity == Allowed
	}
	bucket := t.BucketPolicy.permitter.verdict(c.Principal, c.Account, need.Action, need.Resource, values)
	return bucket != Denied && (identity == Allowed || bucket == Allowed)
}

func concernsBucketPolicy(action string) bool {
	_, name, _ := strings.Cut(action, ":")
	return name == "PutBucketPolicy" || name == "GetBucketPolicy" || name == "DeleteBucketPolicy"
}
