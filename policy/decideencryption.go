package policy

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
