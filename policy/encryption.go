package policy

// SSE is a kind of server-side encryption.
type SSE uint8

const (
	NoSSE  SSE = iota // nothing was said, or the operation has to do with no object
	SSES3             // under the service's own key
	SSEKMS            // under a customer managed key
)

// String returns the value of the header x-amz-server-side-encryption, "" for NoSSE.
func (s SSE) String() string { return [...]string{"", "AES256", "aws:kms"}[s] }

// Encryption is a complete setting: how an object, or the objects of a bucket or session, are sealed.
type Encryption struct {
	SSE       SSE
	KeyARN    string            // of the KMS key, for SSEKMS
	Context   map[string]string // pairs besides the default one; only in general purpose buckets; read only
	BucketKey bool              // a bucket key may stand between KMS and the object
}

// sameKey reports whether both settings seal under the same key. The rest doesn't matter to it.
func (e Encryption) sameKey(other Encryption) bool {
	return e.SSE == other.SSE && (e.SSE != SSEKMS || e.KeyARN == other.KeyARN)
}

// Bucket is what the gateway knows about a bucket.
type Bucket struct {
	Name       string
	ARN        string // as it was when the bucket was made
	Account    string // the owner's account, 12 digits
	Region     string
	Kind       Kind       // Directory or General
	Default    Encryption // SSES3 or SSEKMS
	KeyAsGiven string     // the default's key as PutBucketEncryption named it, which GetBucketEncryption repeats
	Configured bool       // PutBucketEncryption has set the default
	BoundKey   string     // ARN of K, the key a directory bucket keeps for life; "" while none was ever set
	LocalZone  bool       // a directory bucket in a Local Zone, not an Availability Zone
	Creator    string     // the principal that made the bucket
}

// Mode says what a session may be used for.
type Mode uint8

const (
	ReadWrite Mode = iota
	ReadOnly
)

// String returns the value of x-amz-create-session-mode.
func (m Mode) String() string { return [...]string{"ReadWrite", "ReadOnly"}[m] }

// Session is what CreateSession fixed.
type Session struct {
	Bucket      string // the one bucket it is for
	Principal   string // who called CreateSession
	Mode        Mode
	Encryption  Encryption // settings of everything written with the session
	Provisional bool       // made before its bucket was: row REG-2
}

// Options are the operator's settings and what is stored already. The zero value is right for requests
// about new objects.
type Options struct {
	// StrictSessionKey restores the documented 400 for a CreateSession with aws:kms and no key (C-02).
	StrictSessionKey bool
	// DefaultKey is the ARN of the KMS key for aws:kms without a key on a general purpose bucket whose
	// default names none, the counterpart of Amazon's aws/s3: callers need no permissions of their own on it there. "":
	// such requests are refused.
	DefaultKey string
	// DefaultKMS makes SSE-KMS under DefaultKey the default of general purpose buckets without a configuration, in
	// place of SSE-S3.
	DefaultKMS bool
	// ServiceKey is the ARN of the proxy's own KMS key, under which SSE-S3 objects are sealed.
	ServiceKey string
	// AllowedKeys are patterns (* and ?) of ARNs of keys that general purpose buckets may use; empty:
	// every key of the bucket owner's account.
	AllowedKeys []string
	// Existing is the encryption of what the request builds on: of the upload for UploadPart,
	// UploadPartCopy and CompleteMultipartUpload, of the object for reads and appends. nil: not known,
	// or nothing there.
	Existing *Encryption
}

// sseHeaders is what the server-side encryption headers of a request say, once they have been found
// well-formed.
type sseHeaders struct {
	sse       SSE    // NoSSE: the header is absent
	key       string // "" absent
	context   string // as sent; "" absent
	bucketKey string // "true", "false" or "" for absent
}

const sseMask = 1<<hSse | 1<<hSseKey | 1<<hSseContext | 1<<hSseBucketKey | 1<<hSseBucketKeyAlt

const needsKMSText = "Server Side Encryption with AWS KMS managed key requires HTTP header " +
	"x-amz-server-side-encryption : aws:kms"

// readSSEHeaders checks the headers by themselves, rows H-1 to H-3, H-6, H-12 and H-17, and returns
// what they say. Rows that need to know the bucket or the session are not decided here.
func (d *digest) readSSEHeaders() (sseHeaders, *Refusal) {
	var h sseHeaders
	if d.present&sseMask == 0 {
		return h, nil
	}
	for id := hSse; id <= hSseBucketKey; id++ {
		if d.clashing&(1<<id) != 0 {
			return h, invalidArgument("H-17", headerNames[id], d.header(id), "The header "+headerNames[id]+
				" was given more than once with different values.")
		}
	}
	if d.has(hSse) {
		switch v := d.header(hSse); v {
		case "AES256":
			h.sse = SSES3
		case "aws:kms":
			h.sse = SSEKMS
		default:
			row := "H-1"
			if v == "aws:kms:dsse" {
				row = "H-2"
			}
			return h, invalidArgument(row, headerNames[hSse], v, "The encryption method specified is not supported")
		}
	}
	h.key = d.header(hSseKey)
	if h.key != "" && h.sse != SSEKMS {
		return h, refuse("H-3", codeInvalidArgument, needsKMSText, "ArgumentName", headerNames[hSse])
	}
	var refusal *Refusal
	if h.bucketKey, refusal = d.readBucketKeyHeader(); refusal != nil {
		return h, refusal
	}
	if d.has(hSseContext) {
		h.context = d.header(hSseContext)
		if _, ok := parseContext(h.context); !ok {
			return h, invalidArgument("H-6", headerNames[hSseContext], h.context,
				"The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON "+
					"which represents a string-string map")
		}
	}
	return h, nil
}

// readBucketKeyHeader knows both spellings of the bucket key header (C-01).
func (d *digest) readBucketKeyHeader() (string, *Refusal) {
	v, name := d.header(hSseBucketKey), headerNames[hSseBucketKey]
	if d.has(hSseBucketKeyAlt) {
		alt := d.header(hSseBucketKeyAlt)
		if d.clashing&(1<<hSseBucketKeyAlt) != 0 || d.has(hSseBucketKey) && alt != v {
			return "", invalidRequest("C-01", "The two spellings of the bucket key header have different values.")
		}
		v, name = alt, headerNames[hSseBucketKeyAlt]
	}
	switch {
	case v == "true", v == "false", v == "" && !d.has(hSseBucketKey) && !d.has(hSseBucketKeyAlt):
		return v, nil
	}
	return "", invalidArgument("H-12", name, v, "The value of the header "+name+" must be true or false.")
}

// refuseSSEHeaders is for operations that take none: G-1 to G-3 of section 4.1, and with them UP-2 and UC-3.
func (d *digest) refuseSSEHeaders(row string) *Refusal {
	if d.present&sseMask == 0 {
		return nil
	}
	if row == "" {
		switch {
		case d.has(hSse):
			row = "G-1"
		case d.has(hSseKey):
			row = "G-2"
		default:
			row = "G-3"
		}
	}
	if !d.has(hSse) && d.has(hSseKey) {
		return refuse(row, codeInvalidArgument, needsKMSText, "ArgumentName", headerNames[hSse])
	}
	id := hSse
	for !d.has(id) {
		id++ // the mask says that there is one
	}
	return invalidArgument(row, headerNames[id], d.header(id), headerNames[id]+
		" header is not supported for this operation.")
}

// DecideSession decides whether the session s may be used for the request, rows SE-4, SE-8, SE-12, REG-1
// and REG-2, and returns the session as it counts now: a provisional one has become a ReadWrite session
// with the default of the bucket its principal has made. b is nil when there is no such bucket; s is
// nil for long-term keys, and the session returned is then the zero value. CreateSession on a bucket
// that doesn't exist goes to DecideProvisional instead.
func DecideSession(op Operation, r *Request, b *Bucket, s *Session) (Session, *Refusal) {
	if s == nil {
		if b == nil && op != CreateBucket && r.Bucket != "" {
			return Session{}, noSuchBucket("1.1", r.Bucket)
		}
		return Session{}, nil
	}
	switch {
	case op == CreateSession:
		return Session{}, invalidRequest("3.1", "The request should not include the x-amz-s3session-token header.")
	case s.Bucket != r.Bucket, KindOf(r.Bucket) != Directory:
		return Session{}, accessDenied("SE-4")
	case op.LongTermOnly():
		return Session{}, accessDenied("U-17")
	}
	now := *s
	if s.Provisional {
		switch {
		case b == nil && op == CreateBucket:
			return now, nil
		case b == nil, b.Creator != s.Principal:
			return Session{}, noSuchBucket("REG-2", r.Bucket)
		}
		now.Mode, now.Provisional = ReadWrite, false
		now.Encryption = b.Default
		now.Encryption.BucketKey = b.Default.SSE == SSEKMS
	}
	switch {
	case b == nil && op != CreateBucket:
		return Session{}, noSuchBucket("SE-12", r.Bucket)
	case op.Regional() && op.Writes() && now.Mode != ReadWrite:
		return Session{}, accessDenied("REG-1")
	case op.Zonal() && !op.AllowedReadOnly() && now.Mode != ReadWrite:
		return Session{}, accessDenied("SE-8")
	}
	return now, nil
}

// DecideProvisional decides rows REG-2 and REG-3: CreateSession on a bucket that doesn't exist yet, which
// SDKs send before CreateBucket when their endpoint is a custom one. mayCreate reports whether the
// principal has s3express:CreateBucket for that name. The session has no encryption settings.
func DecideProvisional(r *Request, principal string, mayCreate bool) (Session, *Refusal) {
	if KindOf(r.Bucket) != Directory || !mayCreate {
		return Session{}, noSuchBucket("REG-3", r.Bucket)
	}
	return Session{Bucket: r.Bucket, Principal: principal, Mode: ReadWrite, Provisional: true}, nil
}

// SessionMode decides the mode of a new session: the requested one, or the highest that allowed grants,
// first ReadWrite, then ReadOnly (section 3.1). It refuses with SE-9 when none is granted.
func SessionMode(r *Request, allowed func(Mode) bool) (Mode, *Refusal) {
	asked := r.inspect().header(hSessionMode)
	if asked != "ReadOnly" && allowed(ReadWrite) {
		return ReadWrite, nil
	}
	if asked != "ReadWrite" && allowed(ReadOnly) {
		return ReadOnly, nil
	}
	return 0, accessDenied("SE-9")
}
