package gateway

import (
	"errors"
	"strings"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// condition evaluates the four conditions whose header names begin with prefix, such as x-amz-copy-source-if-, and
// returns a 412 for the first that fails. An ETag condition that holds outweighs its date: section 6.2.
func (x *exchange) condition(prefix string, o *objects.Source) error {
	match, noneMatch := x.grant.Value(prefix+"match"), x.grant.Value(prefix+"none-match")
	since, hasSince := s3.HeaderTime(x.grant.Value(prefix + "modified-since"))
	until, hasUntil := s3.HeaderTime(x.grant.Value(prefix + "unmodified-since"))
	modified := o.Modified.Truncate(time.Second)
	failed := ""
	switch {
	case match != "" && !s3.ListsETag(match, o.ETag):
		failed = "Match"
	case match == "" && hasUntil && modified.After(until):
		failed = "Unmodified-Since"
	case noneMatch != "" && s3.ListsETag(noneMatch, o.ETag):
		failed = "None-Match"
	case noneMatch == "" && hasSince && !modified.After(since):
		failed = "Modified-Since"
	}
	if failed == "" {
		return nil
	}
	name := "If-" + failed
	if head, ok := strings.CutSuffix(prefix, "if-"); ok && head != "" {
		name = head + name
	}
	return s3.PreconditionFailed(name)
}

// copySource finds the object that CopyObject or UploadPartCopy reads, and sees whether the caller may read it: section
// 6.7. What its envelope says is decided by decideSource.
func (x *exchange) copySource() (*objects.Object, error) {
	source, refused := x.grant.Rules.CopySource()
	if refused != nil {
		return nil, refused
	}
	if x.g.access.Hidden(source.Bucket) {
		return nil, s3.NoSuchBucket(source.Bucket)
	}
	record, err := x.g.o.Buckets.Bucket(x.context, source.Bucket)
	if errors.Is(err, state.ErrNoBucket) {
		return nil, s3.NoSuchBucket(source.Bucket)
	}
	if err != nil {
		return nil, objects.RecordError(err)
	}
	y := x.at(record, source.Key)
	y.Version = source.Version
	if refused := policy.CheckSource(&x.grant.Rules, &y.Facts); refused != nil {
		return nil, refused
	}
	if err := x.permitSource(y, ""); err != nil {
		return nil, err
	}
	return y, y.CheckPresent()
}

// decideSource decides what the source's envelope and metadata tell: conditions, TLS, the permission on its KMS key.
func (x *exchange) decideSource(o *objects.Source) error {
	existing := o.Encryption()
	if err := x.grant.Secure(existing.SSE); err != nil {
		return err
	}
	if existing.SSE == policy.SSEKMS {
		if err := x.permitSource(o.Object, existing.KeyARN); err != nil {
			return err
		}
	}
	return x.condition("x-amz-copy-source-if-", o)
}

// permitSource asks whether the caller may read a copy's source, and with keyARN use the KMS key that it is sealed
// under.
func (x *exchange) permitSource(y *objects.Object, keyARN string) error {
	place, err := x.place(y)
	if err != nil {
		return err
	}
	return x.grant.MayReadSource(&place, keyARN)
}

// asksKMS reports whether a copy asks KMS for the source's data key past the cache: a directory bucket is on either
// side (R17). SSE-S3 objects need no such call.
func (x *exchange) asksKMS(o *objects.Source) bool {
	return o.Envelope.SSE == crypto.SSEKMS && (x.Facts.Kind == policy.Directory || o.Object.Facts.Kind == policy.Directory)
}

// maySource reports whether the caller may open a copy's source under a KMS key.
func (x *exchange) maySource(y *objects.Object) func(keyARN string) error {
	return func(keyARN string) error { return x.permitSource(y, keyARN) }
}
