package gateway

import (
	"fmt"
	"net/http"
	"strings"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/s3"
)

// place is where the request's object lives, as its envelope is bound to it.
func (x *object) place() crypto.Place { return crypto.Place{BucketARN: x.facts.ARN, Key: x.key} }

// keyRef names the bucket key for objects sealed as e says. SSE-S3 is sealed too, under the service key.
func (x *object) keyRef(e policy.Encryption) keyring.Ref {
	ref := keyring.Ref{BucketARN: x.facts.ARN, KeyARN: x.keyOf(e), Context: policy.KMSContext(&x.facts, e)}
	if x.in.o.PerPrincipal {
		ref.Principal = x.principal
	}
	return ref
}

// preparedRef is what keyRef named last, prepared: requests that an exchange serves one after the other mostly mean one bucket
// key. It holds no request's memory.
type preparedRef struct {
	kind                         policy.Kind
	bucketARN, keyARN, principal string
	ref                          *keyring.Prepared
}

// preparedRef is keyRef for a bucket key that stays in memory.
func (x *object) preparedRef(e policy.Encryption) *keyring.Prepared {
	if len(e.Context) > 0 {
		return keyring.Prepare(x.keyRef(e))
	}
	p, principal := x.prepared, ""
	if x.in.o.PerPrincipal {
		principal = x.principal
	}
	if key := x.keyOf(e); p.ref == nil || p.kind != x.facts.Kind || p.bucketARN != x.facts.ARN || p.keyARN != key || p.principal != principal {
		ref := x.keyRef(e)
		ref.BucketARN, ref.KeyARN = strings.Clone(ref.BucketARN), strings.Clone(key)
		*p = preparedRef{x.facts.Kind, ref.BucketARN, ref.KeyARN, principal, keyring.Prepare(ref)}
	}
	return p.ref
}

// keyOf is the ARN of the KMS key for objects sealed as e says.
func (x *object) keyOf(e policy.Encryption) string {
	if e.SSE != policy.SSEKMS {
		return x.in.o.ServiceKey
	}
	return e.KeyARN
}

// sealingKey returns the bucket key for a new object.
func (x *object) sealingKey(e policy.Encryption) (*keyring.Use, error) {
	var use *keyring.Use
	var err error
	if e.SSE == policy.SSEKMS && !e.BucketKey {
		use, err = x.in.o.Keys.SealFresh(x.context, x.keyRef(e))
	} else {
		use, err = x.in.o.Keys.SealPrepared(x.context, x.preparedRef(e))
	}
	return use, ofServiceKey(e, err)
}

// openingKey returns the bucket key of an envelope whose key is allowed; fresh asks KMS past the cache.
func (x *object) openingKey(e *crypto.Envelope, fresh bool) (*keyring.Use, error) {
	encryption := encryptionOf(e)
	var use *keyring.Use
	var err error
	if fresh {
		use, err = x.in.o.Keys.OpenFresh(x.context, x.keyRef(encryption), e.Blob)
	} else {
		use, err = x.in.o.Keys.OpenPrepared(x.context, x.preparedRef(encryption), e.Blob)
	}
	if err != nil {
		return nil, fmt.Errorf("open the bucket key of %s/%s: %w", x.bucket, x.key, ofServiceKey(encryption, err))
	}
	return use, nil
}

// ofServiceKey hides what KMS says of the service key from clients: it is the proxy's own, and a client of SSE-S3 neither
// knows it nor can do anything about it.
func ofServiceKey(e policy.Encryption, err error) error {
	if err == nil || e.SSE == policy.SSEKMS || s3.Status(answerTo(err).Code) >= http.StatusInternalServerError {
		return err
	}
	away := s3.Unavailable(err)
	away.Row = "KE-7"
	return away
}

// encryptionOf is how an envelope says its object is sealed.
func encryptionOf(e *crypto.Envelope) policy.Encryption {
	if e.SSE != crypto.SSEKMS {
		return policy.Encryption{SSE: policy.SSES3}
	}
	return policy.Encryption{SSE: policy.SSEKMS, KeyARN: e.KeyARN, BucketKey: e.BucketKey, Context: e.ContextMap()}
}

// checkKeyAllowed refuses an envelope whose KMS key the bucket doesn't allow, before KMS is called: the store can alter what lies
// in it, and would otherwise choose the key that data is opened under (S1).
func (x *object) checkKeyAllowed(e *crypto.Envelope) error {
	if policy.KeyAllowed(&x.facts, encryptionOf(e).SSE, e.KeyARN, x.in.policyOptions()) {
		return nil
	}
	x.in.damaged("key")
	return s3.Internal(fmt.Errorf("the envelope of %s/%s names the KMS key %s, which the bucket doesn't allow: it was altered, or kms.allowed_keys was narrowed", x.bucket, x.key, e.KeyARN))
}

// unwrap opens an envelope at the object's place. It asks may before it calls KMS, where that depends on the caller:
// objects under SSE-S3 open for whoever may read them. fresh calls KMS past the cache.
func (x *object) unwrap(e *crypto.Envelope, fresh bool, may func(keyARN string) error) (crypto.Secrets, error) {
	if err := x.checkKeyAllowed(e); err != nil {
		return crypto.Secrets{}, err
	}
	if encryptionOf(e).SSE == policy.SSEKMS {
		if err := may(e.KeyARN); err != nil {
			return crypto.Secrets{}, err
		}
	}
	return x.unlock(e, fresh && e.SSE == crypto.SSEKMS)
}

// unlock opens an envelope whose key is allowed, for a caller that may; fresh asks KMS past the cache.
func (x *object) unlock(e *crypto.Envelope, fresh bool) (crypto.Secrets, error) {
	use, err := x.openingKey(e, fresh)
	if err != nil {
		return crypto.Secrets{}, err
	}
	defer use.Release()
	secrets, err := e.Unwrap(x.place(), use)
	if err != nil {
		x.in.damaged("envelope")
		return crypto.Secrets{}, fmt.Errorf("open the envelope of %s/%s: %w", x.bucket, x.key, err)
	}
	return secrets, nil
}

// newEnvelope fills in what an envelope says of an object sealed as e says under the bucket key use.
func newEnvelope(objectID [crypto.SaltSize]byte, e policy.Encryption, use *keyring.Use, keyARN string) crypto.Envelope {
	env := crypto.Envelope{ObjectID: objectID, SSE: crypto.SSES3, KeyARN: keyARN, Blob: use.Blob(), BucketKey: true}
	if e.SSE == policy.SSEKMS {
		env.SSE, env.BucketKey = crypto.SSEKMS, e.BucketKey
	}
	for name, value := range e.Context {
		env.Context = append(env.Context, crypto.Pair{Name: name, Value: value})
	}
	return env
}

// fetchKey has the bucket key for objects sealed as e says in memory.
func (x *object) fetchKey(e policy.Encryption) error {
	use, err := x.in.o.Keys.SealPrepared(x.context, x.preparedRef(e))
	if err != nil {
		return fmt.Errorf("get a bucket key for %s: %w", x.bucket, err)
	}
	use.Release()
	return nil
}

// tryKey seals and opens a data key under a KMS key, past the cache.
func (x *object) tryKey(keyARN string) error {
	ref := x.keyRef(policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyARN})
	use, err := x.in.o.Keys.SealFresh(x.context, ref)
	if err != nil {
		return err
	}
	defer use.Release()
	again, err := x.in.o.Keys.OpenFresh(x.context, ref, use.Blob())
	if err != nil {
		return err
	}
	again.Release()
	return nil
}
