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

// Explain decides about a request as a gateway would and says why, short of signatures, permissions and
// what is stored: the request by itself, the session that sessionHeader would have made (nil: the
// request is signed with a long-term key), the encryption, and TLS. r needs no method. b must not be nil.
func Explain(op Operation, r *Request, b *Bucket, sessionHeader Fields, o *Options, require Require) Explanation {
	e := Explanation{Operation: op.String(), Bucket: b.Name, Kind: b.Kind.String(), Decision: "allow"}
	var session *Session
	if sessionHeader != nil {
		made := Request{Method: "GET", Bucket: r.Bucket, Header: sessionHeader, TLS: r.TLS}
		refusal := CheckRequest(CreateSession, &made)
		var d Decision
		if refusal == nil {
			d, refusal = DecideEncryption(CreateSession, &made, b, nil, o)
		}
		if refusal != nil {
			return e.refused(refusal)
		}
		e.Session = settle(d)
		session = &Session{Bucket: b.Name, Encryption: d.Encryption}
		if made.inspect().header(hSessionMode) == ReadOnly.String() {
			session.Mode = ReadOnly
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
	d, refusal := DecideEncryption(op, r, b, session, o)
	if refusal != nil {
		return e.refused(refusal)
	}
	e.Row, e.Why = d.Row, Why(d.Row)
	if d.Encryption.SSE != NoSSE {
		e.Effective = settle(d)
		e.Response = make(map[string]string)
		d.ResponseHeaders(func(name, value string) { e.Response[name] = value })
	}
	if refusal := DecideTLS(op, r, d.Encryption.SSE, require); refusal != nil {
		return e.refused(refusal)
	}
	return e
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
