package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"sealfront/crypto"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// A renaming moves an object to another name of its bucket, under the claims of both. A sealed object opens only under
// its own name, so the store's own rename could not do it (L6).
//
//	metadata and end ─▶ envelope ─▶ wrapped anew for the new name, under the bucket key it has
//	    ─▶ the move written down ─▶ store-side copy ─▶ DELETE If-Match
//
// A crash leaves both names, never none, and the next operation that claims the old one, or the sweep of claims,
// finishes the move.
type renaming struct {
	x      *object // the new name
	source *object // the old one
	claim  *state.Claim
	asked  asked
	start  time.Time // of the request
	// decide sees to the conditions on both names. It returns those that bind the write to what lies at the new one.
	decide func(o *origin) (match, noneMatch string, err error)
	// begin is called before anything is renamed, with the envelope that the object will have.
	begin func(e *crypto.Envelope) error
	// happened reports whether an earlier attempt has got through, where there is nothing at the old name.
	happened func() bool
}

// once renames the object. errReplaced means that it is another by now.
func (r *renaming) once() error {
	x := r.x
	o, err := r.source.origin()
	if err != nil {
		if answerTo(err).Code == "NoSuchKey" && r.happened() {
			return nil
		}
		return err
	}
	match, noneMatch, err := r.decide(o)
	if err != nil {
		return err
	}
	t := &transfer{from: o, to: x, match: match, noneMatch: noneMatch, asked: r.asked, start: r.start, held: true}
	defer t.key.Wipe()
	if err := r.rewrap(t); err != nil {
		return err
	}
	var h store.Request
	if err := o.keepHeaders(&h, t.envelope.AppendText(nil), 0); err != nil {
		return err
	}
	t.header = h.Header
	if err := r.begin(t.envelope); err != nil {
		return err
	}
	move := &state.Move{From: r.source.key, To: x.key, FromSalt: o.envelope.WrapSalt[:], ToSalt: t.envelope.WrapSalt[:], ETag: o.etag}
	if err := r.claim.Begin(x.record, move); err != nil {
		r.claim.End(x.record, r.source.key)
		return err
	}
	if _, err := t.run(); err != nil {
		there, failed := x.in.head(x.context, x.record.StoreName, x.key)
		switch {
		case failed == nil && there.wrapSalt() == string(move.ToSalt): // the answer was lost
		case errors.Is(err, store.ErrUnavailable):
			return err // it may still come: the move stays written down
		default:
			r.claim.End(x.record, r.source.key)
			return err
		}
	}
	if err := r.deleteSource(o); err != nil {
		return err
	}
	r.claim.End(x.record, r.source.key)
	return nil
}

// deleteAttempts is how often the deletion of a rename's source is sent when its outcome is unknown.
const deleteAttempts = 3

// deleteSource deletes the object that has been copied. When it isn't at the old name any more, somebody has written or
// deleted there since: then the rename came before that.
func (r *renaming) deleteSource(o *origin) (err error) {
	for range deleteAttempts {
		err = r.source.removeVersion(o.sealed)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errReplaced):
			return r.claim.Held() // otherwise it may have been another rename
		case r.x.context.Err() != nil:
			return err
		}
	}
	return err
}

// rewrap wraps the data key for the new name, under the bucket key that it has, so that a rename asks KMS for no other.
func (r *renaming) rewrap(t *transfer) error {
	o := t.from
	if err := r.source.checkKeyAllowed(o.envelope); err != nil {
		return err
	}
	use, err := r.source.openingKey(o.envelope, false)
	if err != nil {
		return err
	}
	defer use.Release()
	secrets, err := o.envelope.Unwrap(r.source.place(), use)
	if err != nil {
		r.x.in.damaged("envelope")
		return fmt.Errorf("open the envelope of %s/%s: %w", r.source.bucket, r.source.key, err)
	}
	t.key = secrets.DataKey
	if t.trailer, err = o.openEnd(&secrets); err != nil {
		return err
	}
	envelope := *o.envelope
	if err := envelope.Wrap(r.x.place(), use, secrets); err != nil {
		return fmt.Errorf("seal the envelope: %w", err)
	}
	t.envelope = &envelope
	return nil
}

// removeVersion deletes the object if it still is the one that was read; errReplaced if it isn't, or if there is
// none. An ETag is enough for the store to tell, but for empty objects: all of them have one.
func (x *object) removeVersion(s *sealed) error {
	r := &store.Request{Operation: "DeleteObject", Method: "DELETE", Bucket: x.record.StoreName, Key: x.key}
	conditional := x.in.o.Abilities.ConditionalDelete
	if conditional {
		r.Header = []sigv4.Field{{Name: []byte("If-Match"), Value: []byte(s.etag)}}
	}
	if !conditional || s.total == 0 {
		if err := x.stands(s); err != nil {
			return err
		}
	}
	a, err := x.in.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	defer a.Close()
	f := a.Fault(r.Operation)
	switch {
	case f == nil:
		return nil
	case f.Status == http.StatusPreconditionFailed, f.Status == http.StatusNotFound && f.Code != "NoSuchBucket":
		return errReplaced
	}
	return storeError(f, x.bucket, x.key)
}
