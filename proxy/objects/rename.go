package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// A Rename moves an object to another name in its bucket, under the claims of both names. A sealed object opens only
// under its own name, so the store's own rename could not do it (L6).
//
//	metadata and end ─▶ envelope ─▶ wrapped for the new name, under its existing bucket key
//	    ─▶ the move written down ─▶ store-side copy ─▶ DELETE If-Match
//
// A crash leaves both names, never none, and the next operation that claims the old one, or the sweep of claims,
// finishes the move.
type Rename struct {
	Object     *Object // the new name
	Source     *Object // the old one
	Claim      *state.Claim
	Conditions Conditions
	Began      time.Time // of the request
	// decide checks the conditions on both names. It returns those that bind the write to what lies at the new one.
	Decide func(o *Source) (match, noneMatch string, err error)
	// begin is called before anything is renamed, with the envelope that the object will have.
	Begin func(e *crypto.Envelope) error
	// happened reports whether an earlier attempt succeeded, where there is no object at the old name.
	Happened func() bool
}

// Once renames the object. ErrReplaced means that it was replaced meanwhile.
func (r *Rename) Once(ctx context.Context) error {
	x := r.Object
	o, err := r.Source.HeadWithTail(ctx)
	if err != nil {
		if Translate(err).Code == "NoSuchKey" && r.Happened() {
			return nil
		}
		return err
	}
	match, noneMatch, err := r.Decide(o)
	if err != nil {
		return err
	}
	t := &transfer{from: o, to: x, match: match, noneMatch: noneMatch, given: r.Conditions, start: r.Began, held: true}
	defer t.key.Wipe()
	if err := r.rewrap(ctx, t); err != nil {
		return err
	}
	var h store.Request
	if err := o.CopyMetadata(&h, t.envelope.AppendText(nil), 0); err != nil {
		return err
	}
	t.header = h.Header
	if err := r.Begin(t.envelope); err != nil {
		return err
	}
	move := &state.Move{
		From: r.Source.Key, To: x.Key, FromSalt: o.Envelope.WrapSalt[:], ToSalt: t.envelope.WrapSalt[:], ETag: o.ETag,
	}
	if err := r.Claim.Begin(x.Record, move); err != nil {
		r.Claim.End(x.Record, r.Source.Key)
		return err
	}
	if _, err := t.run(ctx); err != nil {
		there, failed := x.Objects.Head(ctx, x.Record.StoreName, x.Key)
		switch {
		case failed == nil && there.WrapSalt() == string(move.ToSalt): // the answer was lost
		case errors.Is(err, store.ErrUnavailable):
			return err // the copy may still appear: the move's record stays
		default:
			r.Claim.End(x.Record, r.Source.Key)
			return err
		}
	}
	if err := r.deleteSource(ctx, o); err != nil {
		return err
	}
	r.Claim.End(x.Record, r.Source.Key)
	return nil
}

// deleteAttempts is how often the deletion of a rename's source is sent when its outcome is unknown, or when the store
// refuses it while the object still is the one that was read.
const deleteAttempts = 3

// deleteSource deletes the object that has been copied. When it is no longer at the old name, another request has
// written or deleted there since, and the rename came before that. Its salt says whether it is: the store may have
// shown a wrong ETag.
func (r *Rename) deleteSource(ctx context.Context, o *Source) (err error) {
	s := *o.Sealed
	for range deleteAttempts {
		err = r.Source.removeVersion(ctx, &s)
		if errors.Is(err, ErrReplaced) {
			now, failed := r.Source.Objects.Head(ctx, r.Source.Record.StoreName, r.Source.Key)
			switch {
			case failed != nil:
				err = r.Source.storeFailed(failed)
			case now.WrapSalt() != string(s.Envelope.WrapSalt[:]):
				return r.Claim.Held() // otherwise it may have been another rename
			default:
				s.ETag, err = now.etag, s3.Internal(errSourceKept)
			}
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// rewrap wraps the data key for the new name, under its existing bucket key, so that a rename doesn't call KMS for
// another.
func (r *Rename) rewrap(ctx context.Context, t *transfer) error {
	o := t.from
	if err := r.Source.checkKeyAllowed(o.Envelope); err != nil {
		return err
	}
	use, err := r.Source.openingKey(ctx, o.Envelope, false)
	if err != nil {
		return err
	}
	defer use.Release()
	secrets, err := o.Envelope.Unwrap(r.Source.place(), use)
	if err != nil {
		return r.Source.badEnvelope(err)
	}
	t.key = secrets.DataKey
	if t.trailer, err = o.openEnd(ctx, &secrets); err != nil {
		return err
	}
	envelope := *o.Envelope
	if err := envelope.Wrap(r.Object.place(), use, secrets); err != nil {
		return fmt.Errorf("seal the envelope: %w", err)
	}
	t.envelope = &envelope
	return nil
}

// removeVersion deletes the object if it still is the one that was read; otherwise, or if there is none, it returns
// ErrReplaced. The store distinguishes objects by ETag, except empty ones: they all have the same.
func (x *Object) removeVersion(ctx context.Context, s *Sealed) error {
	r := &store.Request{Operation: "DeleteObject", Method: "DELETE", Bucket: x.Record.StoreName, Key: x.Key}
	conditional := x.Objects.o.Abilities.ConditionalDelete
	if conditional {
		r.Header = []sigv4.Field{{Name: []byte("If-Match"), Value: []byte(s.ETag)}}
	}
	if !conditional || s.total == 0 {
		if err := x.checkUnchanged(ctx, s); err != nil {
			return err
		}
	}
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return err
	}
	defer a.Close()
	f := a.Fault(r.Operation)
	switch {
	case f == nil:
		return nil
	case f.Status == http.StatusPreconditionFailed, f.Status == http.StatusNotFound && f.Code != "NoSuchBucket":
		return ErrReplaced
	}
	return StoreError(f, x.Bucket, x.Key)
}
