package policy

// decideGeneral decides the operations that take encryption headers, for a general purpose bucket:
// every request may choose, among all permitted keys, with a bucket key or without, and with pairs
// besides the default context.
func decideGeneral(op Operation, r *Request, b *Bucket, o *Options, h sseHeaders) (Decision, *Refusal) {
	d := Decision{Row: generalDefault, Encryption: b.Default, ShowsEncryption: true}
	switch h.sse {
	case NoSSE:
		if h.context != "" && b.Default.SSE != SSEKMS {
			return Decision{}, refuse("H-4", codeInvalidArgument, needsKMSText, "ArgumentName", headerNames[hSse])
		}
	case SSES3:
		if h.context != "" {
			return Decision{}, refuse("H-4", codeInvalidArgument, needsKMSText, "ArgumentName", headerNames[hSse])
		}
		d.Row, d.Encryption = generalManaged, Encryption{SSE: SSES3}
	case SSEKMS:
		if refusal := chooseKey(&d, b, o, h.key); refusal != nil {
			return Decision{}, refusal
		}
	}
	if d.Encryption.SSE != SSEKMS {
		d.Encryption.BucketKey = false
		return d, nil
	}
	if h.bucketKey != "" {
		d.Encryption.BucketKey = h.bucketKey == "true"
	}
	if op == CopyObject && copiesDirectory(r, b) {
		d.Encryption.BucketKey = false
	}
	if h.context != "" {
		context, _ := parseContext(h.context)
		// The default pair is about the bucket with a bucket key, which all objects share, and about the object
		// without.
		own := b.ARN
		if !d.Encryption.BucketKey {
			own += "/" + r.Key
		}
		if value, given := context[generalContextName]; given && value != own {
			return Decision{}, invalidArgument(generalContext, headerNames[hSseContext], h.context,
				"The encryption context must not replace the default pair "+generalContextName+", which is "+own+".")
		}
		delete(context, generalContextName)
		d.Encryption.Context, d.EchoContext = context, h.context
	}
	d.BucketKeyHeader = d.Encryption.BucketKey
	return d, nil
}

// GeneralDefault is the default encryption of a general purpose bucket without a configuration.
func (o *Options) GeneralDefault() Encryption {
	if o.DefaultKMS {
		return Encryption{SSE: SSEKMS, KeyARN: o.DefaultKey, BucketKey: true}
	}
	return Encryption{SSE: SSES3}
}

// chooseKey decides which key aws:kms means. The bucket's setting for bucket keys stays in force.
func chooseKey(d *Decision, b *Bucket, o *Options, key string) *Refusal {
	d.Row = generalKMS
	if key == "" {
		d.Row = generalNoKey
		switch {
		case b.Default.SSE == SSEKMS:
			return nil
		case o.DefaultKey == "":
			return invalidArgument(generalNoKey, headerNames[hSseKey], "",
				"x-amz-server-side-encryption-aws-kms-key-id is required: there is no AWS managed key here.")
		}
		d.Encryption = Encryption{SSE: SSEKMS, KeyARN: o.DefaultKey, BucketKey: b.Default.BucketKey}
		return nil
	}
	d.Encryption = Encryption{SSE: SSEKMS, BucketKey: b.Default.BucketKey}
	arn, ok := KeyARN(b, key)
	if !ok {
		d.ResolveKey = key
		return nil
	}
	d.Encryption.KeyARN = arn
	return checkAllowedKey(b, arn, o)
}
