package policy

// Caller is who sends the request.
type Caller struct {
	Principal string     // ARN: arn:aws:iam::account:user/name
	Account   string     // 12 digits
	Policy    *Permitter // the identity's policy; nil allows nothing
	Values    Values     // of condition keys about the caller and where it calls from, such as aws:sourceip; may be nil
}

// Target is what the request is about: its own object or bucket, or another one such as the source of a copy. It
// answers the condition keys that are about the resource; those about the request are answered by the Request and the
// Caller, which are the same for every target of one request.
type Target struct {
	Kind         Kind
	BucketARN    string
	Account      string // that owns the bucket
	Tags         Tags   // of the bucket; read only
	Key          string
	Version      string        // that is requested, "" for the current one
	KeyARN       string        // the KMS key that is written under or read from, "" for none
	ManagedKey   string        // Options.DefaultKey, where general purpose buckets are concerned
	BucketPolicy *BucketPolicy // nil: the bucket has none
}

// A question is what a permission is decided for, besides the request.
type question struct {
	caller *Caller
	target *Target
	mode   string // of the session that is to be made
}
