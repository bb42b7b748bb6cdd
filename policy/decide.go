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

// Decision is how a permitted request is carried out, as far as encryption goes.
type Decision struct {
	Row        string     // the row of the behaviour reference that decided
	Encryption Encryption // of what is written or, for reads, of what is stored
	// ResolveKey is an alias that KMS must resolve (DescribeKey) before anything is sealed; with
	// ResolvedKey the decision becomes complete. Only for general purpose buckets; otherwise "".
	ResolveKey string
	// EchoContext is the value of the response header x-amz-server-side-encryption-context, "" for none.
	EchoContext string
	// ShowsEncryption: the response has the kind of encryption, and the key of SSEKMS (section 2.11).
	ShowsEncryption bool
	// BucketKeyHeader: the response says x-amz-server-side-encryption-bucket-key-enabled: true.
	BucketKeyHeader bool
}

// ResponseHeaders calls yield for each encryption header of the response, names in lower case.
func (d *Decision) ResponseHeaders(yield func(name, value string)) {
	if !d.ShowsEncryption || d.Encryption.SSE == NoSSE {
		return
	}
	yield(headerNames[hSse], d.Encryption.SSE.String())
	if d.Encryption.SSE != SSEKMS {
		return
	}
	yield(headerNames[hSseKey], d.Encryption.KeyARN)
	if d.EchoContext != "" {
		yield(headerNames[hSseContext], d.EchoContext)
	}
	if d.BucketKeyHeader {
		yield(headerNames[hSseBucketKey], "true")
	}
}

// ResolvedKey completes a decision whose key was an alias with the ARN that KMS gave for it, under the
// same rule of allowed keys as any other key.
func (d *Decision) ResolvedKey(b *Bucket, arn string, o *Options) *Refusal {
	if refusal := checkAllowedKey(b, arn, o); refusal != nil {
		return refusal
	}
	d.Encryption.KeyARN, d.ResolveKey = arn, ""
	return nil
}

// DecideAppend decides rows AP-1 to AP-3: what is appended must be sealed under the key of the object
// that is there. d is the decision for the append, existing the object's encryption.
func DecideAppend(d Decision, existing Encryption) (Decision, *Refusal) {
	if !d.Encryption.sameKey(existing) {
		return Decision{}, refuse("AP-2", codeEncryptionMismatch,
			"The encryption type of the request does not match the encryption type of the existing object.")
	}
	d.Row = "AP-1"
	return d, nil
}

// DecideSelfCopy decides whether a copy of an object onto itself changes anything (row CP-10): source is the object's
// encryption, d the decision for the copy. In a general purpose bucket whose encryption was configured such a copy is
// how objects are brought under it, and always accepted.
func DecideSelfCopy(r *Request, b *Bucket, d Decision, source Encryption) *Refusal {
	header := r.inspect()
	changes := header.header(hMetadataDirective) == "REPLACE" || !d.Encryption.sameKey(source) ||
		b.Kind == General && (b.Configured || header.present&(1<<hStorageClass|1<<hSse|1<<hWebsiteRedirect) != 0)
	if changes {
		return nil
	}
	return invalidRequest(
		"CP-10", "This copy request is illegal because it is trying to copy an object to itself without changing the "+
			"object's metadata, storage class, website redirect location or encryption attributes.")
}

// DecideEncryption decides how the objects that the request writes are sealed, or what a read shows of
// how they are: sections 2.6 to 2.11 for directory buckets, the general purpose rules for others. s is
// nil for requests signed with long-term keys. It doesn't call KMS, needs no body, and is to be called
// before either. b and o are not changed.
func DecideEncryption(op Operation, r *Request, b *Bucket, s *Session, o *Options) (Decision, *Refusal) {
	switch {
	case op.TakesEncryption():
		h, refusal := r.inspect().readSSEHeaders()
		if refusal != nil {
			return Decision{}, refusal
		}
		if b.Kind == Directory {
			return decideDirectory(op, r, b, s, o, h)
		}
		return decideGeneral(op, r, b, o, h)
	case op == UploadPart, op == UploadPartCopy, op == CompleteMultipartUpload:
		return decidePart(op, r, b, o)
	case op.OpensObject():
		if refusal := r.inspect().refuseSSEHeaders(""); refusal != nil {
			return Decision{}, refusal
		}
		d := Decision{Row: "2.11", ShowsEncryption: op != GetObjectAttributes}
		if o.Existing != nil {
			d.Encryption = *o.Existing
			d.BucketKeyHeader = o.Existing.BucketKey
		}
		return d, nil
	case op.RewrapsObject():
		if refusal := r.inspect().refuseSSEHeaders(updateHeaders); refusal != nil {
			return Decision{}, refusal
		}
		// Its document names the key, see DecideObjectEncryption; it is one of SSE-KMS in any case.
		return Decision{Row: updateAllowed, Encryption: Encryption{SSE: SSEKMS}}, nil
	}
	return Decision{Row: plainRow(op)}, nil
}

// plainRow is the row of operations that encryption has nothing to do with.
func plainRow(op Operation) string {
	switch op {
	case RenameObject:
		return "RN-1"
	case DeleteObject, DeleteObjects:
		return "DL-1"
	case AbortMultipartUpload, ListParts:
		return "CM-2"
	}
	return "2.11"
}

// decidePart is for what adds to an upload: the upload's settings count, whatever the session's are
// (UP-3). UploadPartCopy also requires that they equal the bucket's default (R11).
func decidePart(op Operation, r *Request, b *Bucket, o *Options) (Decision, *Refusal) {
	d := Decision{Row: "CM-1", ShowsEncryption: true}
	if o.Existing != nil {
		d.Encryption = *o.Existing
	}
	d.BucketKeyHeader = d.Encryption.BucketKey
	header := r.inspect()
	switch op {
	case UploadPart:
		d.Row = "UP-1"
		if refusal := header.refuseSSEHeaders("UP-2"); refusal != nil {
			return Decision{}, refusal
		}
	case UploadPartCopy:
		d.Row = "UC-1"
		if refusal := header.refuseSSEHeaders("UC-3"); refusal != nil {
			return Decision{}, refusal
		}
		if copiesDirectory(r, b) {
			d.BucketKeyHeader = false
		}
		if b.Kind == Directory && o.Existing != nil && !d.Encryption.sameKey(b.Default) {
			return Decision{}, invalidRequest(
				"UC-2", "The encryption settings of the multipart upload must match the default encryption of the "+
					"destination bucket.")
		}
	}
	return d, nil
}

// decideGeneral decides the operations that take encryption headers, for a general purpose bucket:
// every request may choose, among all permitted keys, with a bucket key or without, and with pairs
// besides the default context.
func decideGeneral(op Operation, r *Request, b *Bucket, o *Options, h sseHeaders) (Decision, *Refusal) {
	d := Decision{Row: generalDefault, Encryption: b.Default, ShowsEncryption: true}
	switch h.sse {
	case NoSSE:
		if h.context != "" && b.Default.SSE != SSEKMS {
			return Decision{}, refuse("H-4", codeInvalidArgument, needsKMSText, "ArgumentName", headerNames[hSse])
		}
	case SSES3:
		if h.context != "" {
			return Decision{}, refuse("H-4", codeInvalidArgument, needsKMSText, "ArgumentName", headerNames[hSse])
		}
		d.Row, d.Encryption = generalManaged, Encryption{SSE: SSES3}
	case SSEKMS:
		if refusal := chooseKey(&d, b, o, h.key); refusal != nil {
			return Decision{}, refusal
		}
	}
	if d.Encryption.SSE != SSEKMS {
		d.Encryption.BucketKey = false
		return d, nil
	}
	if h.bucketKey != "" {
		d.Encryption.BucketKey = h.bucketKey == "true"
	}
	if op == CopyObject && copiesDirectory(r, b) {
		d.Encryption.BucketKey = false
	}
	if h.context != "" {
		context, _ := parseContext(h.context)
		// The default pair is about the bucket with a bucket key, which all objects share, and about the object
		// without.
		own := b.ARN
		if !d.Encryption.BucketKey {
			own += "/" + r.Key
		}
		if value, given := context[generalContextName]; given && value != own {
			return Decision{}, invalidArgument(generalContext, headerNames[hSseContext], h.context,
				"The encryption context must not replace the default pair "+generalContextName+", which is "+own+".")
		}
		delete(context, generalContextName)
		d.Encryption.Context, d.EchoContext = context, h.context
	}
	d.BucketKeyHeader = d.Encryption.BucketKey
	return d, nil
}

// GeneralDefault is the default encryption of a general purpose bucket without a configuration.
func (o *Options) GeneralDefault() Encryption {
	if o.DefaultKMS {
		return Encryption{SSE: SSEKMS, KeyARN: o.DefaultKey, BucketKey: true}
	}
	return Encryption{SSE: SSES3}
}

// chooseKey decides which key aws:kms means. The bucket's setting for bucket keys stays in force.
func chooseKey(d *Decision, b *Bucket, o *Options, key string) *Refusal {
	d.Row = generalKMS
	if key == "" {
		d.Row = generalNoKey
		switch {
		case b.Default.SSE == SSEKMS:
			return nil
		case o.DefaultKey == "":
			return invalidArgument(generalNoKey, headerNames[hSseKey], "",
				"x-amz-server-side-encryption-aws-kms-key-id is required: there is no AWS managed key here.")
		}
		d.Encryption = Encryption{SSE: SSEKMS, KeyARN: o.DefaultKey, BucketKey: b.Default.BucketKey}
		return nil
	}
	d.Encryption = Encryption{SSE: SSEKMS, BucketKey: b.Default.BucketKey}
	arn, ok := KeyARN(b, key)
	if !ok {
		d.ResolveKey = key
		return nil
	}
	d.Encryption.KeyARN = arn
	return checkAllowedKey(b, arn, o)
}
