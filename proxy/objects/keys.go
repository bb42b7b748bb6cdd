package objects

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/s3"
)

// place is where the request's object lives, as its envelope is bound to it.
func (x *Object) place() crypto.Place { return crypto.Place{BucketARN: x.Facts.ARN, Key: x.Key} }

// keyRef names the bucket key for objects sealed as e says. SSE-S3 is sealed too, under the service key.
func (x *Object) keyRef(e policy.Encryption) keyring.Ref {
	ref := keyring.Ref{BucketARN: x.Facts.ARN, KeyARN: x.keyOf(e), Context: policy.KMSContext(&x.Facts, e)}
	if x.Objects.o.PerPrincipal {
		ref.Principal = x.Principal
	}
	return ref
}

// preparedRef is keyRef for a bucket key that stays in memory.
func (x *Object) preparedRef(e policy.Encryption) *keyring.Prepared {
	if len(e.Context) > 0 {
		return keyring.Prepare(x.keyRef(e))
	}
	p, principal := x.Prepared, ""
	if x.Objects.o.PerPrincipal {
		principal = x.Principal
	}
	if key := x.keyOf(e); p.ref == nil || p.kind != x.Facts.Kind || p.bucketARN != x.Facts.ARN || p.keyARN != key ||
		p.principal != principal {
		ref := x.keyRef(e)
		ref.BucketARN, ref.KeyARN = strings.Clone(ref.BucketARN), strings.Clone(key)
		*p = PreparedRef{x.Facts.Kind, ref.BucketARN, ref.KeyARN, principal, keyring.Prepare(ref)}
	}
	return p.ref
}

// keyOf is the ARN of the KMS key for objects sealed as e says.
func (x *Object) keyOf(e policy.Encryption) string {
	if e.SSE != policy.SSEKMS {
		return x.Objects.o.ServiceKey
	}
	return e.KeyARN
}

// sealingKey returns the bucket key for a new object. An object without S3's bucket key is one for which KMS is called.
// In a general purpose bucket it has a key of its own. In a directory bucket only copies are such, and S3 says no more
// than that each calls KMS: the key that the call must succeed for isn't theirs alone, so that reading thousands of
// copies takes no thousands of calls. It is the KMS key and the context that are the same.
func (x *Object) sealingKey(ctx context.Context, e policy.Encryption) (*keyring.Use, error) {
	var use *keyring.Use
	var err error
	switch {
	case e.SSE != policy.SSEKMS || e.BucketKey:
		use, err = x.Objects.o.Keys.SealPrepared(ctx, x.preparedRef(e))
	case x.Facts.Kind == policy.Directory:
		use, err = x.Objects.o.Keys.SealAfterCall(ctx, x.preparedRef(e))
	default:
		use, err = x.Objects.o.Keys.SealFresh(ctx, x.keyRef(e))
	}
	return use, ofServiceKey(e, err)
}

// openingKey returns the bucket key of an envelope whose key is allowed; fresh calls KMS past the cache.
func (x *Object) openingKey(ctx context.Context, e *crypto.Envelope, fresh bool) (*keyring.Use, error) {
	encryption := encryptionOf(e)
	var use *keyring.Use
	var err error
	if fresh {
		use, err = x.Objects.o.Keys.OpenFresh(ctx, x.keyRef(encryption), e.Blob)
	} else {
		use, err = x.Objects.o.Keys.OpenPrepared(ctx, x.preparedRef(encryption), e.Blob)
	}
	if err != nil {
		return nil, fmt.Errorf("open the bucket key of %s/%s: %w", x.Bucket, x.Key, ofServiceKey(encryption, err))
	}
	return use, nil
}

// ofServiceKey hides what KMS says of the service key from clients: it is the proxy's own, and a client of SSE-S3
// neither knows it nor can do anything about it.
func ofServiceKey(e policy.Encryption, err error) error {
	if err == nil || e.SSE == policy.SSEKMS || s3.Status(Translate(err).Code) >= http.StatusInternalServerError {
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

// checkKeyAllowed refuses an envelope whose KMS key the bucket doesn't allow, before KMS is called: the store can alter
// what lies in it, and would otherwise choose the key that data is opened under (S1).
func (x *Object) checkKeyAllowed(e *crypto.Envelope) error {
	if x.KeyAllowed(encryptionOf(e).SSE, e.KeyARN) {
		return nil
	}
	what := fmt.Sprintf("names the KMS key %s, which the bucket doesn't allow: it was altered, or kms.allowed_keys was "+
		"narrowed", e.KeyARN)
	return s3.Internal(x.damaged("key", "its envelope "+what,
		fmt.Errorf("the envelope of %s/%s %s", x.Bucket, x.Key, what)))
}

// KeyAllowed reports whether the bucket's objects may be sealed, and opened, under this KMS key. It is called before
// KMS is.
func (x *Object) KeyAllowed(sse policy.SSE, keyARN string) bool {
	return policy.KeyAllowed(&x.Facts, sse, keyARN, x.Objects.policyOptions())
}

// Unwrap opens an envelope at the object's place. It calls may before KMS, for an object under SSE-KMS: those under
// SSE-S3 open for any caller that may read them. fresh calls KMS past the cache.
func (x *Object) Unwrap(
	ctx context.Context, e *crypto.Envelope, fresh bool, may func(keyARN string) error,
) (crypto.Secrets, error) {
	if err := x.checkKeyAllowed(e); err != nil {
		return crypto.Secrets{}, err
	}
	if encryptionOf(e).SSE == policy.SSEKMS {
		if err := may(e.KeyARN); err != nil {
			return crypto.Secrets{}, err
		}
	}
	return x.unlock(ctx, e, fresh && e.SSE == crypto.SSEKMS)
}

// unlock opens an envelope whose key is allowed, for a caller that may; fresh calls KMS past the cache.
func (x *Object) unlock(ctx context.Context, e *crypto.Envelope, fresh bool) (crypto.Secrets, error) {
	use, err := x.openingKey(ctx, e, fresh)
	if err != nil {
		return crypto.Secrets{}, err
	}
	defer use.Release()
	secrets, err := e.Unwrap(x.place(), use)
	if err != nil {
		return crypto.Secrets{}, x.badEnvelope(err)
	}
	return secrets, nil
}

// badEnvelope is an envelope that doesn't open under its bucket key.
func (x *Object) badEnvelope(err error) error {
	return x.damaged("envelope",
		fmt.Sprintf("its envelope does not open here: it was altered, or belongs to another object, name or bucket (%v)",
			err),
		fmt.Errorf("open the envelope of %s/%s: %w", x.Bucket, x.Key, err))
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

// FetchKey has the bucket key for objects sealed as e says in memory.
func (x *Object) FetchKey(ctx context.Context, e policy.Encryption) error {
	use, err := x.Objects.o.Keys.SealPrepared(ctx, x.preparedRef(e))
	if err != nil {
		return fmt.Errorf("get a bucket key for %s: %w", x.Bucket, err)
	}
	use.Release()
	return nil
}

// TryKey seals and opens a data key under a KMS key, past the cache.
func (x *Object) TryKey(ctx context.Context, keyARN string) error {
	ref := x.keyRef(policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyARN})
	use, err := x.Objects.o.Keys.SealFresh(ctx, ref)
	if err != nil {
		return err
	}
	defer use.Release()
	again, err := x.Objects.o.Keys.OpenFresh(ctx, ref, use.Blob())
	if err != nil {
		return err
	}
	again.Release()
	return nil
}
