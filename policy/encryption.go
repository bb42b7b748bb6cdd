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
