package gateway

import (
	"errors"
	"strings"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// condition evaluates the four conditions whose header names begin with prefix, such as x-amz-copy-source-if-, and returns
// a 412 for the first that fails. An ETag condition that holds outweighs its date: section 6.2.
func (x *exchange) condition(prefix string, o *origin) error {
	match, noneMatch := x.headerValue(prefix+"match"), x.headerValue(prefix+"none-match")
	since, hasSince := headerTime(x.headerValue(prefix + "modified-since"))
	until, hasUntil := headerTime(x.headerValue(prefix + "unmodified-since"))
	modified := o.modified.Truncate(time.Second)
	failed := ""
	switch {
	case match != "" && !listsETag(match, o.etag):
		failed = "Match"
	case match == "" && hasUntil && modified.After(until):
		failed = "Unmodified-Since"
	case noneMatch != "" && listsETag(noneMatch, o.etag):
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
func (x *exchange) copySource() (*object, error) {
	source, refused := x.request.CopySource()
	if refused != nil {
		return nil, refused
	}
	if x.g.hidden(source.Bucket) {
		return nil, s3.NoSuchBucket(source.Bucket)
	}
	record, err := x.g.o.Buckets.Bucket(x.context, source.Bucket)
	if errors.Is(err, state.ErrNoBucket) {
		return nil, s3.NoSuchBucket(source.Bucket)
	}
	if err != nil {
		return nil, recordError(err)
	}
	y := x.at(record, source.Key)
	if y.bucketPolicy, err = x.g.bucketPolicies.of(record, y.facts.Kind); err != nil {
		return nil, err
	}
	y.version = source.Version
	if refused := policy.CheckSource(&x.request, &y.facts); refused != nil {
		return nil, refused
	}
	if err := x.permitSource(y, ""); err != nil {
		return nil, err
	}
	return y, y.checkSource()
}

// decideSource decides what the source's envelope and metadata tell: conditions, TLS, the permission on its KMS key.
func (x *exchange) decideSource(o *origin) error {
	existing := o.encryption()
	if refused := policy.DecideTLS(x.operation, &x.request, existing.SSE, x.g.o.RequireTLS); refused != nil {
		return refused
	}
	if existing.SSE == policy.SSEKMS {
		if err := x.permitSource(o.x, existing.KeyARN); err != nil {
			return err
		}
	}
	return x.condition("x-amz-copy-source-if-", o)
}

func (x *exchange) permitSource(y *object, keyARN string) error {
	if refused := policy.AuthorizeSource(&x.request, x.caller(), y.target(keyARN)); refused != nil {
		return refused
	}
	return nil
}

// asksKMS reports whether a copy asks KMS for the source's data key past the cache: a directory bucket is on either side
// (R17). SSE-S3 objects need no such call.
func (x *exchange) asksKMS(o *origin) bool {
	return o.envelope.SSE == crypto.SSEKMS && (x.facts.Kind == policy.Directory || o.x.facts.Kind == policy.Directory)
}

// maySource reports whether the caller may open a copy's source under a KMS key.
func (x *exchange) maySource(y *object) func(keyARN string) error {
	return func(keyARN string) error { return x.permitSource(y, keyARN) }
}
