package gateway

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// renameObject carries out RenameObject: section 6.4 and row RN-1. A sealed object opens only under its own name, so the
// store's own rename could not do it (L6).
//
//	claims of both names ─▶ metadata and end ─▶ envelope ─▶ wrapped anew for the new name, under the bucket key it has
//	    ─▶ the move written down ─▶ store-side copy ─▶ DELETE If-Match
//
// Of two renames of one source one succeeds, and an acknowledged one has moved what was there: whoever writes to a name
// in several steps has its claim. A writer in one step may come between copy and deletion; the old name then has the new object,
// as if it had been written after the rename. A crash leaves both names, never none, and the next operation that claims the
// old one, or the sweep of claims, finishes the move. The encryption, its flags and the checksums stay; dates and ETag are those of
// the store's copy. On a store whose DELETE knows no conditions the source is looked at once more right before it is deleted:
// what is written between those two requests is lost.
//
// Requests to the store: two claims, a look at the object, the move's record, copy, DELETE; with a client token three more,
// for its record. With a condition on the destination that is looked at, too, and where the store ignores conditions on a copy
// the sealed bytes stream through: GET and PUT.
func renameObject(x *exchange) error {
	key, refused := x.request.RenameSource()
	if refused != nil {
		return refused
	}
	if err := x.at(x.record, key).checkSource(); err != nil {
		return err
	}
	return x.claimed(func(c *state.Claim) error {
		r := &renaming{x: x, source: x.at(x.record, key), claim: c, token: x.headerValue("x-amz-client-token")}
		if r.token != "" {
			done, err := r.recall()
			if done || err != nil {
				return err
			}
		}
		for _, m := range c.Inherited {
			if m.From == key && m.To == x.key { // this rename, begun by an earlier request
				r.remember()
				return nil
			}
		}
		if err := again(r.once); err != nil {
			return err
		}
		r.remember()
		return nil
	}, key, x.key)
}

// A renaming is a RenameObject on its way.
type renaming struct {
	x      *exchange // at the new name
	source *object   // at the old one
	claim  *state.Claim
	token  string
	record *state.Rename // of the token; nil without one
}

// renameHeaders are what a token is remembered with, beside the two names.
var renameHeaders = [...]string{
	"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "x-amz-rename-source-if-match",
	"x-amz-rename-source-if-none-match", "x-amz-rename-source-if-modified-since", "x-amz-rename-source-if-unmodified-since",
}

func (r *renaming) parameters() []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", r.source.key, r.x.key)
	for _, name := range renameHeaders {
		fmt.Fprintf(h, " %q", r.x.headerValue(name))
	}
	return h.Sum(nil)
}

// recall looks the client's token up. done tells that the rename has been carried out.
func (r *renaming) recall() (done bool, err error) {
	x := r.x
	if r.record, err = x.g.o.Renames.Rename(x.context, x.record, x.identity.Name, r.token); err != nil {
		return false, recordError(err)
	}
	if r.record.Parameters != nil && string(r.record.Parameters) != string(r.parameters()) {
		return false, s3.Refuse("IdempotencyParameterMismatch", "The parameters of this request differ from those of an earlier one with the same client token.")
	}
	return r.record.Done, nil
}

// begin writes the token's record before anything is renamed.
func (r *renaming) begin(e *crypto.Envelope) error {
	if r.record == nil {
		return nil
	}
	x := r.x
	r.record.Parameters, r.record.Salt = r.parameters(), e.WrapSalt[:]
	return x.g.o.Renames.KeepRename(x.context, x.record, x.identity.Name, r.token, r.record)
}

// remember notes that the rename is done. It is: should this fail, a repeated request finds the object by its envelope.
func (r *renaming) remember() {
	if r.record == nil {
		return
	}
	x := r.x
	r.record.Parameters, r.record.Done = r.parameters(), true
	if err := x.g.o.Renames.KeepRename(x.context, x.record, x.identity.Name, r.token, r.record); err != nil {
		x.g.log.Warn("the token of a rename could not be written", zap.String("bucket", x.bucket), zap.Error(err))
	}
}

// happened reports whether an earlier attempt with this token has got through: the old name is gone, and under the new one
// lies the object that was to move.
func (r *renaming) happened() bool {
	if r.record == nil || r.record.Salt == nil {
		return false
	}
	x := r.x
	there, err := x.g.head(x.context, x.record.StoreName, x.key)
	return err == nil && there.wrapSalt() == string(r.record.Salt)
}

func (r *renaming) once() error {
	x := r.x
	o, err := r.source.origin()
	if err != nil {
		if answerTo(err).Code == "NoSuchKey" && r.happened() {
			return nil
		}
		return err
	}
	if err := x.condition("x-amz-rename-source-if-", o); err != nil {
		return err
	}
	match, noneMatch, err := x.boundDestination()
	if err != nil {
		return err
	}
	t := &transfer{from: o, to: x, match: match, noneMatch: noneMatch, held: true}
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
		there, failed := x.g.head(x.context, x.record.StoreName, x.key)
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
	if err := r.source.believe(o.envelope); err != nil {
		return err
	}
	use, err := r.source.openingKey(o.envelope, false)
	if err != nil {
		return err
	}
	defer use.Release()
	secrets, err := o.envelope.Unwrap(r.source.place(), use)
	if err != nil {
		r.x.g.damaged("envelope")
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

// boundDestination evaluates the conditions on the destination and returns the one that binds the write to what was
// looked at, in the store's form; none when the client gave none. Any that fails is 412.
func (x *exchange) boundDestination() (match, noneMatch string, err error) {
	given := false
	for _, name := range renameHeaders[:4] {
		given = given || x.headerValue(name) != ""
	}
	if !given {
		return "", "", nil
	}
	o, err := x.at(x.record, x.key).glance()
	switch {
	case err != nil && answerTo(err).Code == "NoSuchKey":
		if x.headerValue("if-match") != "" {
			return "", "", s3.PreconditionFailed("If-Match")
		}
		return "", "*", nil
	case err != nil:
		return "", "", err
	}
	return o.etag, "", x.condition("if-", o)
}

// removeVersion deletes the object if it still is the one that was read; errReplaced if it isn't, or if there is
// none. An ETag is enough for the store to tell, but for empty objects: all of them have one.
func (x *object) removeVersion(s *sealed) error {
	r := &store.Request{Operation: "DeleteObject", Method: "DELETE", Bucket: x.record.StoreName, Key: x.key}
	conditional := x.g.o.Abilities.ConditionalDelete
	if conditional {
		r.Header = []sigv4.Field{{Name: []byte("If-Match"), Value: []byte(s.etag)}}
	}
	if !conditional || s.total == 0 {
		if err := x.stands(s); err != nil {
			return err
		}
	}
	a, err := x.g.o.Store.Do(x.context, r)
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
