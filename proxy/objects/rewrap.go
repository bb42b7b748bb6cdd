package objects

import (
	"context"
	"fmt"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// Rewrap seals the data key of an object again, as e says, where the object lies, in one conditional step of the store.
// No segment is opened. Metadata and tags stay; attributes are headers that the object has as well. The object gets an
// ETag that none ever had, unless the store copies it, so that a write conditional on the old one fails. may is called
// before the object is opened. Rewrap returns the new envelope; ErrReplaced means that the object was replaced
// meanwhile. The caller has the key's claim.
func (o *Source) Rewrap(
	ctx context.Context, e policy.Encryption, attributes []sigv4.Field, may func(keyARN string) error,
) (*crypto.Envelope, error) {
	t, err := o.inPlace(ctx, o.Object, e, attributes, may)
	if err != nil {
		return nil, err
	}
	defer t.key.Wipe()
	t.pieces = true
	if _, err := t.run(ctx); err != nil {
		return nil, err
	}
	return t.envelope, nil
}

// inPlace opens the object o, which lies at x, and wraps its data key again. The transfer that it returns replaces o by
// itself under the new envelope, if it is still the one that was read. The caller has the key's claim, and wipes the
// transfer's key.
func (o *Source) inPlace(
	ctx context.Context, x *Object, e policy.Encryption, attributes []sigv4.Field, may func(keyARN string) error,
) (t *transfer, err error) {
	opened, err := o.Open(ctx, false, may)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			opened.Secrets.Wipe()
		}
	}()
	use, err := x.sealingKey(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("get a bucket key for %s: %w", x.Bucket, err)
	}
	defer use.Release()
	envelope := newEnvelope(o.Envelope.ObjectID, e, use, x.keyOf(e))
	envelope.PartSalt, envelope.Multipart, envelope.Copied = o.Envelope.PartSalt, o.Envelope.Multipart, o.Envelope.Copied
	if err := envelope.Wrap(x.place(), use, opened.Secrets); err != nil {
		return nil, fmt.Errorf("seal the envelope: %w", err)
	}
	r := store.Request{Header: attributes}
	if err := o.CopyMetadata(&r, envelope.AppendText(nil), x.redirectRoom(attributes)); err != nil {
		return nil, err
	}
	return &transfer{
		from: o, to: x, header: r.Header, envelope: &envelope, key: opened.Secrets.DataKey, trailer: opened.trailer,
		match: o.ETag, held: true,
	}, nil
}

// redirectRoom is how much of the room for user metadata a redirect among these headers takes.
func (x *Object) redirectRoom(attributes []sigv4.Field) int {
	for _, f := range attributes {
		if string(f.Name) == x.Objects.o.MetadataHeader+RedirectSuffix {
			return len(f.Name) - len(UserMetadata) + len(f.Value)
		}
	}
	return 0
}
