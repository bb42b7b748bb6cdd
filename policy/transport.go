package policy

// Require says which requests must come over TLS.
type Require uint8

const (
	RequireKMS Require = iota // those that write or read contents of SSE-KMS objects
	RequireAll                // all
)

// DecideTLS decides row T-1. effective is the encryption of what the request writes, or of the object it
// reads: for writes the check comes before authorization, for reads after it and before the first byte.
// It is called twice for a copy, for its destination and for its source. With NoSSE only RequireAll counts.
func DecideTLS(op Operation, r *Request, effective SSE, require Require) *Refusal {
	const text = "Requests specifying Server Side Encryption with AWS KMS managed keys " +
		"must be made over a secure connection."
	switch {
	case r.TLS:
		return nil
	case require == RequireAll:
		return invalidRequest("T-3", "Requests must be made over a secure connection.")
	case effective == SSEKMS && (op.SealsObject() || op.OpensObject() || op.RewrapsObject()):
		return refuse("T-1", codeInvalidArgument, text)
	}
	return nil
}

// DecideSignature decides rows T-2 and T-4: requests without Signature Version 4. b is nil when the
// request is for the service or the bucket is not known.
func DecideSignature(r *Request, b *Bucket) *Refusal {
	switch {
	case r.Signature == SigV4:
		return nil
	case r.Signature == SigV2 && b != nil && b.Default.SSE == SSEKMS:
		return invalidArgument("T-2", "Authorization", "null",
			"Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.")
	case r.Signature == SigV2:
		return invalidRequest(
			"T-2", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
	}
	return accessDenied("T-4")
}
