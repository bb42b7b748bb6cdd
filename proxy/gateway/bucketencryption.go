package gateway

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

type encryptionRule struct {
	ApplyServerSideEncryptionByDefault struct {
		SSEAlgorithm   string
		KMSMasterKeyID string `xml:",omitempty"`
	}
	BucketKeyEnabled       bool
	BlockedEncryptionTypes *blockedTypes `xml:",omitempty"`
}

type blockedTypes struct{ EncryptionType string }

// getBucketEncryption carries out GetBucketEncryption: rows GBE-1 and GBE-2. It reads the record past the cache: the
// answer must be current.
func getBucketEncryption(x *exchange) error {
	record, err := x.grant.FreshRecord(x.context)
	if err != nil {
		return err
	}
	if record == nil {
		return s3.NoSuchBucket(x.Bucket)
	}
	facts := x.g.access.FactsOf(record)
	rule := policy.EncryptionConfiguration(&facts, x.g.access.Options())
	out := struct {
		XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
		Xmlns   string   `xml:"xmlns,attr"`
		Rule    encryptionRule
	}{Xmlns: s3.Namespace}
	out.Rule.ApplyServerSideEncryptionByDefault.SSEAlgorithm = rule.Algorithm
	out.Rule.ApplyServerSideEncryptionByDefault.KMSMasterKeyID = rule.KeyID
	out.Rule.BucketKeyEnabled = rule.BucketKey
	if !record.Directory {
		out.Rule.BlockedEncryptionTypes = &blockedTypes{"SSE-C"} // it isn't served: rows PBE-21 and H-13
	}
	return x.answerXML(&out)
}

// putBucketEncryption carries out PutBucketEncryption: rows PBE-1 to PBE-22. The key is described and tried, without
// a trace in the bucket key cache, before the record changes by compare and swap.
func putBucketEncryption(x *exchange) error {
	document, err := x.readDocument(objects.MaxDocument)
	if err != nil {
		return err
	}
	rule, refused := policy.ParseEncryptionConfiguration(document)
	if refused != nil {
		return refused
	}
	record, err := x.grant.FreshRecord(x.context)
	if err != nil {
		return err
	}
	if record == nil {
		return s3.NoSuchBucket(x.Bucket)
	}
	x.setRecord(record)
	options := x.g.access.Options()
	keyID, refused := policy.KeyToDescribe(&x.Facts, rule, options)
	if refused != nil {
		return refused
	}
	var facts *policy.KeyFacts
	if keyID != "" {
		if facts, err = x.tryKey(keyID); err != nil {
			return err
		}
	}
	_, err = x.g.o.Buckets.UpdateBucket(x.context, x.Bucket, func(b *state.Bucket) error {
		now := x.g.access.FactsOf(b)
		after, _, refused := policy.DecideBucketEncryption(&now, rule, facts, options)
		if refused != nil {
			return refused
		}
		setEncryption(b, &after)
		return nil
	})
	return x.updateError(err)
}

// tryKey describes a key at KMS and, when it is usable, wraps and unwraps with it once.
func (x *exchange) tryKey(keyID string) (*policy.KeyFacts, error) {
	named := keyID
	if arn, ok := policy.KeyARN(&x.Facts, keyID); ok {
		named = arn
	}
	failed := func(err error) (*policy.KeyFacts, error) {
		var coded interface {
			ErrorCode() string
			ErrorMessage() string
		}
		if !errors.As(err, &coded) {
			return nil, err
		}
		return &policy.KeyFacts{ARN: named, Error: coded.ErrorCode(), Message: coded.ErrorMessage()}, nil
	}
	// Only those who may use a key learn what KMS reports about it.
	if arn, ok := policy.KeyARN(&x.Facts, keyID); ok && !x.grant.MayUse(arn) {
		return &policy.KeyFacts{ARN: arn, Denied: true}, nil
	}
	d, err := x.g.o.Keys.Describe(x.context, keyID)
	if err != nil {
		return failed(fmt.Errorf("describe the KMS key %s: %w", keyID, err))
	}
	facts := &policy.KeyFacts{ARN: d.ARN, State: d.State, Manager: d.Manager, Spec: d.Spec, Usage: d.Usage}
	facts.Denied = !x.grant.MayUse(d.ARN)
	if facts.Denied || d.Manager == "AWS" || d.State != "" && d.State != "Enabled" ||
		d.Usage != "" && d.Usage != "ENCRYPT_DECRYPT" || d.Spec != "" && d.Spec != "SYMMETRIC_DEFAULT" {
		return facts, nil // the decision refuses it without a call of KMS
	}
	if err := x.Object.TryKey(x.context, d.ARN); err != nil {
		return failed(fmt.Errorf("try the KMS key %s: %w", keyID, err))
	}
	return facts, nil
}

func setEncryption(b *state.Bucket, after *policy.Bucket) {
	b.DefaultKMS = after.Default.SSE == policy.SSEKMS
	b.DefaultKey, b.BucketKey = after.Default.KeyARN, after.Default.BucketKey
	b.KeyAsGiven, b.BoundKey, b.Configured = after.KeyAsGiven, after.BoundKey, after.Configured
}

// deleteBucketEncryption carries out DeleteBucketEncryption: row DBE-1.
func deleteBucketEncryption(x *exchange) error {
	_, err := x.g.o.Buckets.UpdateBucket(x.context, x.Bucket, func(b *state.Bucket) error {
		now := x.g.access.FactsOf(b)
		after := policy.DecideDeleteBucketEncryption(&now)
		setEncryption(b, &after)
		return nil
	})
	if err != nil {
		return x.updateError(err)
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}
