package policy

// KeyAllowed reports whether objects of b with the given kind of encryption may be sealed or opened under
// the KMS key with this ARN. It is to be called before KMS is, on reads as on writes, since what names
// the key lies in the store: SSE-S3 means o.ServiceKey, SSE-KMS in a directory bucket K alone, in a
// general purpose bucket o.DefaultKey and what o.AllowedKeys say.
func KeyAllowed(b *Bucket, sse SSE, arn string, o *Options) bool {
	switch {
	case arn == "" || sse == NoSSE:
		return false
	case sse == SSES3:
		return arn == o.ServiceKey
	case b.Kind == Directory:
		return arn == b.BoundKey
	case arn == o.DefaultKey:
		return true
	case len(o.AllowedKeys) == 0:
		return arnField(arn, 2) == "kms" && accountOf(arn) == b.Account
	}
	for _, pattern := range o.AllowedKeys {
		if match(pattern, arn) {
			return true
		}
	}
	return false
}

// checkAllowedKey holds which keys general purpose buckets may use.
func checkAllowedKey(b *Bucket, arn string, o *Options) *Refusal {
	if KeyAllowed(b, SSEKMS, arn, o) {
		return nil
	}
	return accessDenied(generalAllowed)
}
