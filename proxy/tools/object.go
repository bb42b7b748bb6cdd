package tools

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/state"
)

// Locks opens envelopes.
type Locks struct {
	Keys        *keyring.Keyring
	ServiceKey  string   // of SSE-S3 objects
	AllowedKeys []string // of general purpose buckets, as in the configuration
}

// factsOf is what of a bucket's record decides about its KMS keys and their contexts.
func factsOf(b *state.Bucket) policy.Bucket {
	f := policy.Bucket{Name: b.Name, ARN: b.ARN, Account: b.Account, Region: b.Region, Kind: policy.General, BoundKey: b.BoundKey}
	if b.Directory {
		f.Kind = policy.Directory
	}
	return f
}

func encryptionOf(e *crypto.Envelope) policy.Encryption {
	if e.SSE != crypto.SSEKMS {
		return policy.Encryption{SSE: policy.SSES3}
	}
	return policy.Encryption{SSE: policy.SSEKMS, KeyARN: e.KeyARN, BucketKey: e.BucketKey, Context: e.ContextMap()}
}

// ref names the bucket key of an envelope that is believed.
func (l *Locks) ref(b *policy.Bucket, e *crypto.Envelope) keyring.Ref {
	return keyring.Ref{BucketARN: b.ARN, KeyARN: e.KeyARN, Context: policy.KMSContext(b, encryptionOf(e))}
}

// believe refuses an envelope whose KMS key the bucket doesn't allow.
func (l *Locks) believe(b *policy.Bucket, e *crypto.Envelope) error {
	if policy.KeyAllowed(b, encryptionOf(e).SSE, e.KeyARN, &policy.Options{AllowedKeys: l.AllowedKeys, ServiceKey: l.ServiceKey, DefaultKey: l.ServiceKey}) {
		return nil
	}
	return damagef("key", "its envelope names the KMS key %s, which the bucket doesn't allow: it was altered, or kms.allowed_keys was narrowed", e.KeyARN)
}

// unlock opens the envelope of the object key of bucket b. The caller wipes the secrets.
func (l *Locks) unlock(ctx context.Context, b *policy.Bucket, key string, e *crypto.Envelope) (crypto.Secrets, error) {
	if err := l.believe(b, e); err != nil {
		return crypto.Secrets{}, err
	}
	use, err := l.Keys.Open(ctx, l.ref(b, e), e.Blob)
	if err != nil {
		return crypto.Secrets{}, ofKMS(err)
	}
	defer use.Release()
	secrets, err := e.Unwrap(crypto.Place{BucketARN: b.ARN, Key: key}, use)
	if err != nil {
		return crypto.Secrets{}, damagef("envelope", "its envelope does not open here: it was altered, or is that of another object, name or bucket (%v)", err)
	}
	return secrets, nil
}

// object is a sealed object whose envelope has been opened and whose stored size has been checked.
type object struct {
	envelope *crypto.Envelope
	secrets  crypto.Secrets
	total    int64           // stored size
	length   int64           // of the plaintext
	layout   *crypto.Layout  // nil for an empty object, and until it is known
	trailer  *crypto.Trailer // nil until it is read
}

// newObject checks the stored size. It owns the secrets, which wipe wipes, also when it fails.
func newObject(e *crypto.Envelope, secrets crypto.Secrets, total int64) (*object, error) {
	o := &object{envelope: e, secrets: secrets, total: total}
	var err error
	if o.length, err = secrets.CheckStored(total); err != nil {
		secrets.Wipe()
		if secrets.HasLength {
			return nil, damagef("length", "it was sealed with %d bytes, which take %d in the store, and the store holds %d", secrets.Length, crypto.StoredLength(secrets.Length), total)
		}
		return nil, damagef("length", "no sealed object has the stored size %d", total)
	}
	if o.length > 0 && !e.Multipart {
		o.layout = crypto.SinglePart(o.length, e.PartSalt)
	}
	return o, nil
}

func (o *object) wipe() { o.secrets.Wipe() }

// readTrailer opens the trailer; end reads the last n stored bytes.
func (o *object) readTrailer(end func(n int64) ([]byte, error)) error {
	for want := crypto.EndLength(o.total); o.length > 0; {
		b, err := end(want)
		if err != nil {
			return err
		}
		t, need, err := o.secrets.DataKey.OpenTrailer(&o.envelope.ObjectID, o.total, b)
		switch {
		case err != nil:
			return ofFormat("trailer", err)
		case t != nil:
			return o.setTrailer(t)
		case need <= want:
			return damagef("trailer", "its trailer asks for %d bytes twice", need)
		}
		want = need
	}
	return nil
}

func (o *object) setTrailer(t *crypto.Trailer) error {
	if !o.envelope.Multipart && (len(t.Parts) != 1 || t.Parts[0].Salt != o.envelope.PartSalt) {
		return damagef("trailer", "its trailer is that of another part than its envelope names")
	}
	if o.trailer != nil && !slices.Equal(o.trailer.Parts, t.Parts) {
		return damagef("trailer", "the store shows two trailers of it")
	}
	o.trailer, o.layout = t, t.Layout()
	return nil
}

// read goes over all stored bytes and checks each: segments, padding, trailer. plaintext gets every segment once its tag has
// been checked; nil drops it. The layout must be known. Its memory is a segment and the object's end, at most 1.2 MB.
func (o *object) read(body io.Reader, plaintext func([]byte) error) error {
	if o.length == 0 {
		return nil
	}
	slab := make([]byte, crypto.SealedSegmentSize)
	rest := o.total
	for i := range o.layout.Parts() {
		part := o.layout.Part(i)
		opener := o.secrets.DataKey.NewOpener(&part.Salt)
		left := part.SealedLength
		for index := uint64(0); left > 0; index++ {
			segment := slab[:min(left, crypto.SealedSegmentSize)]
			if _, err := io.ReadFull(body, segment); err != nil {
				return fmt.Errorf("read its stored bytes: %w", err)
			}
			at := o.total - rest
			rest, left = rest-int64(len(segment)), left-int64(len(segment))
			open, err := opener.Open(segment, index, left == 0)
			if err != nil {
				return damagef("segment", "segment %d of part %d, at stored byte %d, does not open", index, i+1, at)
			}
			if plaintext != nil {
				if err := plaintext(open); err != nil {
					return err
				}
			}
			clear(open)
		}
	}
	return o.readRest(body, rest)
}

// readRest checks what follows the last part.
func (o *object) readRest(body io.Reader, size int64) error {
	rest := make([]byte, size)
	if _, err := io.ReadFull(body, rest); err != nil {
		return fmt.Errorf("read its stored bytes: %w", err)
	}
	t, _, err := o.secrets.DataKey.OpenTrailer(&o.envelope.ObjectID, o.total, rest)
	if err != nil {
		return ofFormat("trailer", err)
	}
	if t == nil {
		return damagef("trailer", "its trailer is longer than what follows its parts")
	}
	if err := o.setTrailer(t); err != nil {
		return err
	}
	padding := rest[:size-t.SealedLength()]
	if at := bytes.IndexFunc(padding, func(r rune) bool { return r != 0 }); at >= 0 {
		return damagef("padding", "stored byte %d is padding and not zero; no reader looks at it", o.total-size+int64(at))
	}
	return nil
}
