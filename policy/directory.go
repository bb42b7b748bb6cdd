package policy

// shape is what the encryption headers of a request amount to. Together with the table a request
// belongs to it names the row.
type shape uint8

const (
	plain          shape = iota // no header
	managed                     // AES256
	kms                         // aws:kms, no key
	kmsID                       // aws:kms and K by id
	kmsARN                      // aws:kms and K by ARN
	kmsAlias                    // aws:kms and an alias
	kmsOther                    // aws:kms and another key
	kmsContext                  // aws:kms and the right context
	kmsForeign                  // aws:kms and another context
	kmsBucketKey                // aws:kms and a bucket key header
	contextAlone                // a context without aws:kms
	bucketKeyAlone              // a bucket key header without aws:kms
	numShapes
)

// The tables of sections 2.6, 2.7 and 2.8.
var (
	sessionRows = [numShapes]string{
		"CS-1", "CS-2", "CS-3", "CS-4", "CS-5", "CS-6", "CS-7", "CS-9", "CS-9", "CS-10", "CS-9", "CS-10",
	}
	putRows = [numShapes]string{
		"PUT-1", "PUT-2", "PUT-3", "PUT-4", "PUT-5", "PUT-6", "PUT-7", "PUT-10", "PUT-11", "PUT-12", "PUT-13", "PUT-13",
	}
	copyRows = [numShapes]string{
		"CP-1", "CP-2", "CP-3", "CP-4", "CP-4", "CP-5", "CP-5", "CP-8", "CP-8", "CP-9", "CP-8", "CP-9",
	}
)

// shapeOf returns the shape of h in a directory bucket with the key k ("" for none).
func shapeOf(h sseHeaders, b *Bucket, k string) shape {
	if h.sse != SSEKMS {
		switch {
		case h.context != "":
			return contextAlone
		case h.sse == SSES3:
			return managed
		case h.bucketKey != "":
			return bucketKeyAlone
		}
		return plain
	}
	if h.key != "" {
		switch {
		case formOf(h.key) == keyAlias:
			return kmsAlias
		case k != "" && !namesKey(h.key, k, b.Account):
			return kmsOther
		}
	}
	if h.context != "" {
		if context, _ := parseContext(h.context); isDefaultContext(context, b.ARN) {
			return kmsContext
		}
		return kmsForeign
	}
	switch {
	case h.bucketKey != "":
		return kmsBucketKey
	case h.key == "":
		return kms
	case formOf(h.key) == keyARN:
		return kmsARN
	}
	return kmsID
}

// decideDirectory decides the operations that take encryption headers, for a directory bucket.
func decideDirectory(op Operation, r *Request, b *Bucket, s *Session, o *Options, h sseHeaders) (Decision, *Refusal) {
	rows, base, overridable := &putRows, b.Default, b.BoundKey != ""
	switch {
	case op == CreateSession:
		rows = &sessionRows
	case op == CopyObject:
		rows = &copyRows
	case s != nil: // what a session fixed is not overridden: R9
		base, overridable = s.Encryption, false
	}
	k := b.BoundKey
	if k == "" {
		k = base.KeyARN
	}
	is := shapeOf(h, b, k)
	row := rows[is]
	if is == kms && op == CreateSession && o.StrictSessionKey {
		return Decision{}, invalidArgument(row, headerNames[hSseKey], "",
			"x-amz-server-side-encryption-aws-kms-key-id is required with aws:kms.")
	}
	effective, refusal := effectiveEncryption(is, row, h, b, base, k, overridable)
	if refusal != nil {
		return Decision{}, refusal
	}
	if h.sse == SSEKMS && h.bucketKey == "false" && op != CopyObject { // copies have none in any case
		return Decision{}, invalidArgument("H-11", headerNames[hSseBucketKey], h.bucketKey,
			"S3 Bucket Keys are always enabled in a directory bucket and can't be disabled.")
	}
	d := Decision{Row: row, Encryption: effective, ShowsEncryption: true}
	d.Encryption.Context = nil
	d.Encryption.BucketKey = effective.SSE == SSEKMS && op != CopyObject
	d.BucketKeyHeader = d.Encryption.BucketKey
	if effective.SSE == SSEKMS {
		d.EchoContext = h.context
	}
	if _, appends := r.WriteOffset(); op == PutObject && appends && o.Existing != nil {
		return DecideAppend(d, *o.Existing)
	}
	return d, nil
}

// effectiveEncryption applies the rules: base is what holds without headers, k the bucket's key, and
// overridable reports whether headers may choose another kind than base's.
func effectiveEncryption(
	is shape, row string, h sseHeaders, b *Bucket, base Encryption, k string, overridable bool,
) (Encryption, *Refusal) {
	switch is {
	case plain, bucketKeyAlone: // H-5: a bucket key header alone asks for nothing
		return base, nil
	case contextAlone:
		if h.sse == SSES3 || base.SSE != SSEKMS {
			return Encryption{}, refuse("H-4", codeInvalidArgument, needsKMSText, "ArgumentName", headerNames[hSse])
		}
		if context, _ := parseContext(h.context); !isDefaultContext(context, b.ARN) {
			return Encryption{}, foreignContext(h.context)
		}
		return base, nil
	case managed:
		if base.SSE == SSEKMS && !overridable {
			return Encryption{}, mismatch(row)
		}
		return Encryption{SSE: SSES3}, nil
	}
	switch {
	case is == kmsAlias:
		return Encryption{}, wrongKey("H-15", h.key)
	case k == "":
		return Encryption{}, invalidArgument(row, headerNames[hSse], SSEKMS.String(),
			"SSE-KMS can't be used with this directory bucket: its default encryption was never set to SSE-KMS.")
	case base.SSE != SSEKMS && !overridable:
		return Encryption{}, mismatch(row)
	case is == kmsOther:
		return Encryption{}, wrongKey("H-16", h.key)
	case is == kmsForeign:
		return Encryption{}, foreignContext(h.context)
	}
	return Encryption{SSE: SSEKMS, KeyARN: k}, nil
}

func mismatch(row string) *Refusal {
	return invalidRequest(row, "The encryption headers must match the encryption settings of the session.")
}

func wrongKey(row, key string) *Refusal {
	return invalidArgument(row, headerNames[hSseKey], key,
		"The KMS key must be the customer managed key of the bucket's default encryption, by key ID or key ARN.")
}

func foreignContext(context string) *Refusal {
	return invalidArgument("H-9", headerNames[hSseContext], context,
		"The encryption context must be the default encryption context, the bucket ARN.")
}
