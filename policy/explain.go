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
	Principal string            `json:"principal,omitempty"` // whose permissions were decided, "" for nobody's
	Session   *Setting          `json:"session,omitempty"`
	Effective *Setting          `json:"effective,omitempty"`
	Response  map[string]string `json:"responseHeaders,omitempty"`
}

// Setting is an encryption that was decided on, by a row.
type Setting struct {
	Row        string `json:"row"`
	Encryption string `json:"encryption"` // AES256 or aws:kms
	KMSKey     string `json:"kmsKey,omitempty"`
	BucketKey  bool   `json:"bucketKey"`
}

// A Question is what Explain needs besides the request. The zero value of all but Bucket will do.
type Question struct {
	Bucket *Bucket // nil: there is none of that name
	// Session are the headers of the CreateSession whose session signs the request; nil: a long-term key does.
	Session Fields
	Options Options
	Require Require
	// Caller is who sends the request; nil: permissions are taken for granted.
	Caller *Caller
	// Target is what the bucket's record adds: tags and policy, and the ARN of one that is still to be made.
	Target Target
}

// Explain decides about a request by Decide, as a gateway does, and says why. It is short of signatures and of what is
// stored. r needs no method.
func Explain(op Operation, r *Request, q *Question) Explanation {
	name := r.Bucket
	e := Explanation{Operation: op.String(), Bucket: name, Kind: KindOf(name).String(), Decision: "allow"}
	if q.Caller != nil {
		e.Principal = q.Caller.Principal
	}
	var session *Session
	if q.Session != nil {
		made := Request{Method: "GET", Bucket: name, Header: q.Session, TLS: r.TLS}
		c := q.newCase(CreateSession, &made)
		ruling, refusal := Decide(&c)
		if refusal != nil {
			return e.refused(refusal)
		}
		session = &Session{Bucket: name, Mode: ruling.Mode, Encryption: ruling.Decision.Encryption}
		if q.Bucket == nil {
			session = &ruling.Session
		}
		e.Session = newSetting(ruling.Decision)
	}
	if !op.Supports(KindOf(name)) {
		return e.refused(NotImplemented(op))
	}
	c := q.newCase(op, r)
	c.Session = session
	ruling, refusal := Decide(&c)
	if refusal != nil {
		return e.refused(refusal)
	}
	d := ruling.Decision
	e.Row, e.Why = d.Row, Why(d.Row)
	if d.Encryption.SSE != NoSSE {
		e.Effective = newSetting(d)
		e.Response = make(map[string]string)
		d.ResponseHeaders(func(name, value string) { e.Response[name] = value })
	}
	return e
}

func (q *Question) newCase(op Operation, r *Request) Case {
	c := Case{Operation: op, Request: r, Bucket: q.Bucket, Caller: q.Caller, Options: &q.Options, Require: q.Require}
	c.Target = q.Target
	c.Target.Kind, c.Target.Key = KindOf(r.Bucket), r.Key
	if q.Bucket != nil {
		c.Target.BucketARN, c.Target.Account = q.Bucket.ARN, q.Bucket.Account
	}
	if op.OnVersion() && c.Target.Kind == General {
		c.Target.Version = r.inspect().query(qVersionID)
	}
	return c
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

func newSetting(d Decision) *Setting {
	key := d.Encryption.KeyARN
	if d.ResolveKey != "" {
		key = d.ResolveKey
	}
	return &Setting{Row: d.Row, Encryption: d.Encryption.SSE.String(), KMSKey: key, BucketKey: d.Encryption.BucketKey}
}
