package policy

// A Case is one request and what is known about it: what Decide decides by. There is one order of decisions, for
// requests, for forms and for Explain, and it is this type's.
type Case struct {
	Operation Operation // that Classify named
	Request   *Request
	// Bucket is nil where there is none; Target then names the requested bucket.
	Bucket  *Bucket
	Session *Session // nil: a long-term key signs the request
	Caller  *Caller  // nil: permissions are taken for granted, as a question to Explain may have it
	Target  Target   // the request's own object or bucket; Decide fills in KeyARN
	Options *Options
	Require Require

	checked bool
}

// A Ruling is what Decide permits.
type Ruling struct {
	Decision Decision
	// Session is the session as it counts now: see DecideSession. The zero value without one.
	Session Session
	// Mode is that of the session to be made, for CreateSession.
	Mode Mode
}

// Check decides what needs nothing but the request: TLS, where all requests need it, then the request by itself. A
// gateway calls it before it reads the bucket's record; Decide calls it where nobody has.
func (c *Case) Check() *Refusal {
	if refusal := DecideTLS(c.Operation, c.Request, NoSSE, c.Require); refusal != nil {
		return refusal
	}
	if refusal := CheckRequest(c.Operation, c.Request); refusal != nil {
		return refusal
	}
	c.checked = true
	return nil
}

// Decide decides the whole request, short of its signature, of what is stored, and of a document in its body:
//
//	TLS where all need it ─► the request by itself ─► the session ─► the bucket's existence
//	─► permissions ─► owner, storage class ─► the requested encryption ─► TLS for SSE-KMS
//
// Whether the requested encryption is the bucket's is known before permissions are decided, since those are
// about its key, but is said only to those who have them: nobody else learns a fact about a bucket. A decision that
// needs an alias resolved is permitted but for its key: see Resolve.
func Decide(c *Case) (Ruling, *Refusal) {
	if !c.checked {
		if refusal := c.Check(); refusal != nil {
			return Ruling{}, refusal
		}
	}
	op, r := c.Operation, c.Request
	if op == CreateSession && c.Bucket == nil && c.Session == nil {
		return c.decideProvisional()
	}
	var ruling Ruling
	var refusal *Refusal
	if ruling.Session, refusal = DecideSession(op, r, c.Bucket, c.Session); refusal != nil {
		return Ruling{}, refusal
	}
	if c.Bucket == nil {
		ruling.Decision.Row = plainRow(op)
		return ruling, c.authorize(&ruling, nil)
	}
	var session *Session
	if c.Session != nil {
		session = &ruling.Session
	}
	var asked *Refusal // of the requested encryption
	ruling.Decision, asked = DecideEncryption(op, r, c.Bucket, session, c.Options)
	// A zonal request in a session was authorized when the session was made.
	if session == nil || !op.Zonal() {
		if refusal := c.authorize(&ruling, asked); refusal != nil {
			return Ruling{}, refusal
		}
	}
	if refusal := firstRefusal(CheckBucket(op, r, c.Bucket), c.checkAccount()); refusal != nil {
		return Ruling{}, refusal
	}
	if asked != nil {
		return Ruling{}, asked
	}
	// What a read opens is known later, and DecideTLS is then called with that.
	if op.SealsObject() || op.RewrapsObject() || c.Options.Existing != nil {
		if refusal := DecideTLS(op, r, ruling.Decision.Encryption.SSE, c.Require); refusal != nil {
			return Ruling{}, refusal
		}
	}
	return ruling, nil
}

// Resolve completes a decision whose key is named by an alias with the ARN that KMS gave for it: it must be a key that
// the bucket may use, and the caller's permissions are decided once more, with it.
func (c *Case) Resolve(ruling *Ruling, keyARN string) *Refusal {
	if refusal := ruling.Decision.ResolvedKey(c.Bucket, keyARN, c.Options); refusal != nil {
		return refusal
	}
	return c.authorize(ruling, nil)
}

// decideProvisional decides CreateSession on a bucket that isn't there: REG-2 and REG-3.
func (c *Case) decideProvisional() (Ruling, *Refusal) {
	mayCreate, principal := true, ""
	if c.Caller != nil {
		principal = c.Caller.Principal
		mayCreate = Authorize(CreateBucket, c.Request, c.Caller, &c.Target, ReadWrite) == nil
	}
	session, refusal := DecideProvisional(c.Request, principal, mayCreate)
	if refusal != nil {
		return Ruling{}, refusal
	}
	d := Decision{Row: "REG-2", Encryption: Encryption{SSE: SSES3}, ShowsEncryption: true}
	return Ruling{Session: session, Decision: d}, nil
}

// authorize decides about the permissions that the operation needs, on the key that the decision names. asked is the
// refusal of the requested encryption: there is no such key then.
func (c *Case) authorize(ruling *Ruling, asked *Refusal) *Refusal {
	op, d := c.Operation, &ruling.Decision
	var open unknowns
	if asked != nil || d.ResolveKey != "" {
		open |= unknownKey
	}
	switch {
	case op.SetsTags():
		open |= unknownTags
	case op == UntagResource:
		c.Request.tags, c.Request.untags = c.Request.RemovedTags(), true
	}
	c.Target.KeyARN, c.Target.ManagedKey = "", c.Options.DefaultKey
	if (op.SealsObject() || op == CreateSession) && d.Encryption.SSE == SSEKMS {
		c.Target.KeyARN = d.Encryption.KeyARN
	}
	if c.Caller == nil && op != CreateSession {
		return nil
	}
	if op == DeleteObjects && c.Target.Kind == General {
		open |= unknownVersion
	}
	c.Request.unknown = open
	defer func() { c.Request.unknown = 0 }()
	switch {
	case op == DeleteObjects && c.Target.Kind == General:
		return authorizeSomeEntry(c.Request, c.Caller, &c.Target)
	case op != CreateSession:
		return Authorize(op, c.Request, c.Caller, &c.Target, ReadWrite)
	}
	var refusal *Refusal
	ruling.Mode, refusal = SessionMode(c.Request, func(m Mode) bool {
		return c.Caller == nil || Authorize(op, c.Request, c.Caller, &c.Target, m) == nil
	})
	return refusal
}

// checkAccount decides whether a call of S3 Control is for an account that it may be for: the bucket's, or the
// caller's.
func (c *Case) checkAccount() *Refusal {
	if operations[c.Operation].at != onControl {
		return nil
	}
	account, given := c.Request.Value(accountHeader)
	if !given || account == c.Bucket.Account || c.Caller != nil && account == c.Caller.Account {
		return nil // a question to Explain may leave it out
	}
	return accessDenied("1.6")
}
