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
	if x.g.o.PerPrincipal {
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
	if x.g.o.PerPrincipal {
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
		return x.g.o.ServiceKey
	}
	return e.KeyARN
}

// resolveKey completes a decision whose key is named by an alias, as general purpose buckets may have it: KMS tells which
// key that is now, and the object's envelope names the key.
func (x *exchange) resolveKey(ruling *policy.Ruling) error {
	alias := ruling.Decision.ResolveKey
	d, err := x.g.o.Keys.Describe(x.context, alias)
	if err != nil {
		return fmt.Errorf("resolve the KMS key %s: %w", alias, err)
	}
	if refused := x.matter.Resolve(ruling, d.ARN); refused != nil {
		return refused
	}
	return nil
}

// sealingKey returns the bucket key for a new object.
func (x *object) sealingKey(e policy.Encryption) (*keyring.Use, error) {
	var use *keyring.Use
	var err error
	if e.SSE == policy.SSEKMS && !e.BucketKey {
		use, err = x.g.o.Keys.SealFresh(x.context, x.keyRef(e))
	} else {
		use, err = x.g.o.Keys.SealPrepared(x.context, x.preparedRef(e))
	}
	return use, ofServiceKey(e, err)
}

// openingKey returns the bucket key of an envelope that is believed; fresh asks KMS past the cache.
func (x *object) openingKey(e *crypto.Envelope, fresh bool) (*keyring.Use, error) {
	encryption := encryptionOf(e)
	var use *keyring.Use
	var err error
	if fresh {
		use, err = x.g.o.Keys.OpenFresh(x.context, x.keyRef(encryption), e.Blob)
	} else {
		use, err = x.g.o.Keys.OpenPrepared(x.context, x.preparedRef(encryption), e.Blob)
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

// believe refuses an envelope whose KMS key the bucket doesn't allow, before KMS is asked: the store can alter what lies
// in it, and would else choose the key that data is opened under (S1).
func (x *object) believe(e *crypto.Envelope) error {
	if policy.KeyAllowed(&x.facts, encryptionOf(e).SSE, e.KeyARN, x.g.policyOptions()) {
		return nil
	}
	x.g.damaged("key")
	return s3.Internal(fmt.Errorf("the envelope of %s/%s names the KMS key %s, which the bucket doesn't allow: it was altered, or kms.allowed_keys was narrowed", x.bucket, x.key, e.KeyARN))
}

// unwrap opens an envelope at the request's place, with the KMS permission that reading asks of the caller.
func (x *exchange) unwrap(e *crypto.Envelope) (crypto.Secrets, error) {
	if err := x.believe(e); err != nil {
		return crypto.Secrets{}, err
	}
	encryption := encryptionOf(e)
	if encryption.SSE == policy.SSEKMS {
		if refused := x.permitKey(e.KeyARN); refused != nil {
			return crypto.Secrets{}, refused
		}
	}
	return x.unlock(e, false)
}

// permitKey asks whether the caller may use the KMS key that something stored is sealed under. A session's principal was
// asked for the session's own key when the session was made; any other is asked for now, else a session that chose
// SSE-S3 would read what its principal has no key permission for.
func (x *exchange) permitKey(keyARN string) *policy.Refusal {
	switch {
	case x.session == nil:
		return policy.Authorize(x.operation, &x.request, x.caller(), x.target(keyARN), policy.ReadWrite)
	case x.session.Encryption.SSE != policy.SSEKMS || x.session.Encryption.KeyARN != keyARN:
		return policy.AuthorizeKey(x.operation, &x.request, x.caller(), x.target(keyARN))
	}
	return nil
}

// unlock opens an envelope that is believed, for a caller that may; fresh asks KMS past the cache.
func (x *object) unlock(e *crypto.Envelope, fresh bool) (crypto.Secrets, error) {
	use, err := x.openingKey(e, fresh)
	if err != nil {
		return crypto.Secrets{}, err
	}
	defer use.Release()
	secrets, err := e.Unwrap(x.place(), use)
	if err != nil {
		x.g.damaged("envelope")
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
