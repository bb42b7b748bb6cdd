package policy

import "strings"

// Caller is who asks.
type Caller struct {
	Principal string     // ARN: arn:aws:iam::account:user/name
	Account   string     // 12 digits
	Policy    *Permitter // the identity's policy; nil allows nothing
	Values    Values     // further condition keys, such as aws:sourceip; may be nil
}

// Target is what the request is about.
type Target struct {
	Kind         Kind
	BucketARN    string
	Key          string
	Version      string        // that the request names, "" for the current one
	KeyARN       string        // the KMS key that is written under or read from, "" for none
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

// AuthorizeSource decides the same for the source of a copy. t is the source.
func AuthorizeSource(r *Request, c *Caller, t *Target) *Refusal {
	var buf [4]Need
	needs := SourceActions(buf[:0], t.Kind, t.BucketARN, t.Key, t.KeyARN)
	if t.Kind == General && t.Version != "" {
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
	*values = conditionValues{r: r, keyARN: t.KeyARN, principal: c.Principal, account: c.Account, more: c.Values}
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
func granted(c *Caller, t *Target, need *Need, values *conditionValues) bool {
	identity := c.Policy.Verdict(need.Action, need.Resource, values)
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

// conditionValues answers the condition keys that follow from the request itself, then those of the
// caller. It lives in the Request so that asking costs no allocation.
type conditionValues struct {
	r                  *Request
	mode               string
	keyARN             string
	principal, account string
	more               Values
}

// Value returns the value of a condition key in lower case.
func (v *conditionValues) Value(key string) (string, bool) {
	switch key {
	case "s3express:sessionmode":
		return v.mode, v.mode != ""
	case "s3express:x-amz-server-side-encryption-aws-kms-key-id", "s3:x-amz-server-side-encryption-aws-kms-key-id":
		return v.keyARN, v.keyARN != ""
	case "aws:securetransport":
		if v.r.TLS {
			return "true", true
		}
		return "false", true
	case "aws:principalarn":
		return v.principal, v.principal != ""
	case "aws:principalaccount":
		return v.account, v.account != ""
	}
	d := v.r.inspect()
	switch key {
	case "s3:prefix":
		return d.query(qPrefix), d.asks(qPrefix)
	case "s3:delimiter":
		return d.query(qDelimiter), d.asks(qDelimiter)
	case "s3:max-keys":
		return d.query(qMaxKeys), d.asks(qMaxKeys)
	case "s3:versionid":
		return d.query(qVersionID), d.asks(qVersionID)
	case "s3:if-match":
		return d.header(hIfMatch), d.has(hIfMatch)
	case "s3:if-none-match":
		return d.header(hIfNoneMatch), d.has(hIfNoneMatch)
	}
	for _, service := range [...]string{"s3:", "s3express:"} {
		// Only x-amz- headers are condition keys: any other header would let the client write the answer.
		if name, cut := strings.CutPrefix(key, service); cut && strings.HasPrefix(name, "x-amz-") {
			return v.r.Value(name)
		}
	}
	if v.more != nil {
		return v.more.Value(key)
	}
	return "", false
}
