package policy

import "strings"

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

// granted evaluates the identity's policy and the bucket's. The bucket's doesn't decide about itself: identities are
// the operator's, and nobody else could undo a bucket policy that denies everybody its own removal. Nor has it about
// KMS keys.
//
// Whoever may use a general purpose bucket may use the key that stands in for Amazon's managed one, as the policy of
// aws/s3 says there. A Deny holds for it, too.
func granted(c *Caller, t *Target, need *Need, values *requestValues) bool {
	identity := c.Policy.Verdict(need.Action, need.Resource, values)
	if t.Kind == General && t.ManagedKey != "" && need.Resource == t.ManagedKey &&
		strings.HasPrefix(need.Action, "kms:") {
		return identity != Denied
	}
	if identity == Denied || t.BucketPolicy == nil || concernsBucketPolicy(need.Action) ||
		strings.HasPrefix(need.Action, "kms:") {
		return identity == Allowed
	}
	bucket := t.BucketPolicy.permitter.verdict(c.Principal, c.Account, need.Action, need.Resource, values)
	return bucket != Denied && (identity == Allowed || bucket == Allowed)
}

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
		identity := c.Policy.some("", "", action, t.BucketARN+"/", values)
		bucket := Silent
		if t.BucketPolicy != nil {
			bucket = t.BucketPolicy.permitter.some(c.Principal, c.Account, action, t.BucketARN+"/", values)
		}
		if identity != Denied && bucket != Denied && (identity == Allowed || bucket == Allowed) {
			return nil
		}
	}
	return accessDenied("1.2")
}
