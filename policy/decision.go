package policy

// Decision is how a permitted request is carried out, as far as encryption goes.
type Decision struct {
	Row        string     // the row of the behaviour reference that decided
	Encryption Encryption // of what is written or, for reads, of what is stored
	// ResolveKey is an alias that KMS must resolve (DescribeKey) before anything is sealed; with
	// ResolvedKey the decision becomes complete. Only for general purpose buckets; else "".
	ResolveKey string
	// EchoContext is the value of the response header x-amz-server-side-encryption-context, "" for none.
	EchoContext string
	// ShowsEncryption: the response tells the kind of encryption, and the key of SSEKMS (section 2.11).
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

// DecideEncryption decides how the objects that the request writes are sealed, or what a read shows of
// how they are: sections 2.6 to 2.11 for directory buckets, the general purpose rules for others. s is
// nil for requests signed with long-term keys. It doesn't ask KMS, needs no body, and is to be called
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
// (UP-3). UploadPartCopy also asks that they equal the bucket's default (R11).
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
			return Decision{}, invalidRequest("UC-2", "The encryption settings of the multipart upload must match the default encryption of the destination bucket.")
		}
	}
	return d, nil
}

// copiesDirectory reports whether a directory bucket is on either side of a copy: then no bucket key
// stands between KMS and the data key (R17).
func copiesDirectory(r *Request, b *Bucket) bool {
	if b.Kind == Directory {
		return true
	}
	source, refusal := r.CopySource()
	return refusal == nil && KindOf(source.Bucket) == Directory
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
	return invalidRequest("CP-10", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
}
