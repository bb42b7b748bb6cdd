package policy

// Explanation is what Explain finds, as JSON.
type Explanation struct {
	Operation string            `json:"operation"`
	Bucket    string            `json:"bucket"`
	Kind      string            `json:"kind"`
	Decision  string            `json:"decision"` // allow or refuse
	Row       string            `json:"row"`
	Why       string            `json:"why"`
	Code      string            `json:"code,omitempty"` // of a refusal
	Message   string            `json:"message,omitempty"`
	Elements  map[string]string `json:"elements,omitempty"`
	Principal string            `json:"principal,omitempty"` // whose permissions were asked for, "" for nobody's
	Session   *Settled          `json:"session,omitempty"`
	Effective *Settled          `json:"effective,omitempty"`
	Response  map[string]string `json:"responseHeaders,omitempty"`
}

// Settled is an encryption that was decided on, by a row.
type Settled struct {
	Row        string `json:"row"`
	Encryption string `json:"encryption"` // AES256 or aws:kms
	KMSKey     string `json:"kmsKey,omitempty"`
	BucketKey  bool   `json:"bucketKey"`
}

// A Question is what Explain is asked beside the request. Bucket is required, the zero value of the others will do.
type Question struct {
	Bucket *Bucket
	// Session are the headers of the CreateSession whose session signs the request; nil: a long-term key does.
	Session Fields
	Options Options
	Require Require
	// Caller is who asks; nil: permissions are taken for granted.
	Caller       *Caller
	BucketPolicy *BucketPolicy
}

// Explain decides about a request as a gateway would and says why, short of signatures and of what is stored: the
// session, the request by itself, the encryption, TLS, and permissions. r needs no method.
func Explain(op Operation, r *Request, q *Question) Explanation {
	b := q.Bucket
	e := Explanation{Operation: op.String(), Bucket: b.Name, Kind: b.Kind.String(), Decision: "allow"}
	if q.Caller != nil {
		e.Principal = q.Caller.Principal
	}
	var session *Session
	if q.Session != nil {
		var refusal *Refusal
		if session, refusal = e.makeSession(r, q); refusal != nil {
			return e.refused(refusal)
		}
	}
	if !op.Supports(b.Kind) {
		return e.refused(NotImplemented(op))
	}
	if refusal := CheckRequest(op, r); refusal != nil {
		return e.refused(refusal)
	}
	now, refusal := DecideSession(op, r, b, session)
	if refusal != nil {
		return e.refused(refusal)
	}
	if session != nil {
		session = &now
	}
	if refusal := CheckBucket(op, r, b); refusal != nil {
		return e.refused(refusal)
	}
	d, refusal := DecideEncryption(op, r, b, session, &q.Options)
	if refusal != nil {
		return e.refused(refusal)
	}
	e.Row, e.Why = d.Row, Why(d.Row)
	if d.Encryption.SSE != NoSSE {
		e.Effective = settle(d)
		e.Response = make(map[string]string)
		d.ResponseHeaders(func(name, value string) { e.Response[name] = value })
	}
	if refusal := DecideTLS(op, r, d.Encryption.SSE, q.Require); refusal != nil {
		return e.refused(refusal)
	}
	if q.Caller != nil && (session == nil || !op.Zonal()) {
		if refusal := Authorize(op, r, q.Caller, q.target(r.Key, d.Encryption), ReadWrite); refusal != nil {
			return e.refused(refusal)
		}
	}
	return e
}

// makeSession decides the CreateSession before r.
func (e *Explanation) makeSession(r *Request, q *Question) (*Session, *Refusal) {
	made := Request{Method: "GET", Bucket: r.Bucket, Header: q.Session, TLS: r.TLS}
	if refusal := CheckRequest(CreateSession, &made); refusal != nil {
		return nil, refusal
	}
	d, refusal := DecideEncryption(CreateSession, &made, q.Bucket, nil, &q.Options)
	if refusal != nil {
		return nil, refusal
	}
	session := &Session{Bucket: q.Bucket.Name, Encryption: d.Encryption}
	session.Mode, refusal = SessionMode(&made, func(m Mode) bool {
		return q.Caller == nil || Authorize(CreateSession, &made, q.Caller, q.target("", d.Encryption), m) == nil
	})
	if refusal != nil {
		return nil, refusal
	}
	e.Session = settle(d)
	return session, nil
}

func (q *Question) target(key string, e Encryption) *Target {
	t := &Target{Kind: q.Bucket.Kind, BucketARN: q.Bucket.ARN, Key: key, BucketPolicy: q.BucketPolicy}
	if e.SSE == SSEKMS {
		t.KeyARN = e.KeyARN
	}
	return t
}

// refused turns e into the explanation of a refusal.
func (e Explanation) refused(refusal *Refusal) Explanation {
	e.Decision, e.Row, e.Why = "refuse", refusal.Row, Why(refusal.Row)
	e.Code, e.Message = refusal.Code, refusal.Message
	e.Effective, e.Response = nil, nil
	for _, element := range refusal.Elements {
		if e.Elements == nil {
			e.Elements = make(map[string]string)
		}
		e.Elements[element.Name] = element.Value
	}
	return e
}

func settle(d Decision) *Settled {
	key := d.Encryption.KeyARN
	if d.ResolveKey != "" {
		key = d.ResolveKey
	}
	return &Settled{Row: d.Row, Encryption: d.Encryption.SSE.String(), KMSKey: key, BucketKey: d.Encryption.BucketKey}
}
