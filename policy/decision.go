package policy

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
