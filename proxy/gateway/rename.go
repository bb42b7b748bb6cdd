package gateway

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// renameObject carries out RenameObject: section 6.4 and row RN-1. A sealed object opens only under its own name, so the
// store's own rename could not do it (L6).
//
//	metadata and end ─▶ envelope ─▶ wrapped anew for the new name, under the bucket key it has ─▶ store-side copy ─▶ DELETE If-Match
//
// A crash leaves both names, never none. The encryption, its flags and the checksums stay; dates and ETag are those of
// the store's copy. A source that is overwritten between copy and deletion stays, and the rename begins again. On a store
// whose DELETE knows no conditions the source is asked once more right before it is deleted: what is written between
// those two requests is lost.
//
// Requests to the store: a look at the object, copy, DELETE; with a client token three more, for its record. With a condition on the
// destination that is looked at, too, and where the store ignores conditions on a copy the sealed bytes stream through:
// GET and PUT.
func renameObject(x *exchange) error {
	key, refused := x.request.RenameSource()
	if refused != nil {
		return refused
	}
	source := x.at(x.record, key)
	if err := source.checkSource(); err != nil {
		return err
	}
	r := &renaming{x: x, source: source, token: x.headerValue("x-amz-client-token")}
	if r.token != "" {
		done, err := r.recall()
		if done || err != nil {
			return err
		}
	}
	if err := again(r.once); err != nil {
		return err
	}
	r.remember()
	return nil
}

// A renaming is a RenameObject on its way.
type renaming struct {
	x      *exchange // at the new name
	source *exchange // at the old one
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
		return false, refusal("IdempotencyParameterMismatch", "The parameters of this request differ from those of an earlier one with the same client token.")
	}
	return r.record.Done, nil
}

// begin writes the token's record before anything is renamed.
func (r *renaming) begin(o *origin) error {
	if r.record == nil {
		return nil
	}
	x := r.x
	r.record.Parameters, r.record.ObjectID = r.parameters(), o.envelope.ObjectID[:]
	return x.g.o.Renames.KeepRename(x.context, x.record, x.identity.Name, r.token, r.record)
}

// remember notes that the rename is done. It is: should this fail, a repeated request finds the object by its id.
func (r *renaming) remember() {
	if r.record == nil {
		return
	}
	x := r.x
	r.record.Done = true
	if err := x.g.o.Renames.KeepRename(x.context, x.record, x.identity.Name, r.token, r.record); err != nil {
		x.g.log.Warn("the token of a rename could not be written", zap.String("bucket", x.bucket), zap.Error(err))
	}
}

// happened reports whether an earlier attempt with this token has got through: the old name is gone, and under the new one
// lies the object that was to move.
func (r *renaming) happened() bool {
	if r.record == nil || r.record.ObjectID == nil {
		return false
	}
	o, err := r.x.at(r.x.record, r.x.key).glance()
	return err == nil && string(o.envelope.ObjectID[:]) == string(r.record.ObjectID)
}

func (r *renaming) once() error {
	x := r.x
	o, err := r.source.origin()
	if err != nil {
		if answerTo(err).code == "NoSuchKey" && r.happened() {
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
	envelope, err := r.rewrap(o)
	if err != nil {
		return err
	}
	var h store.Request
	if err := o.keepHeaders(&h, envelope.AppendText(nil), 0); err != nil {
		return err
	}
	if err := r.begin(o); err != nil {
		return err
	}
	t := &transfer{from: o, to: x, header: h.Header, envelope: envelope, match: match, noneMatch: noneMatch}
	if _, err := t.run(); err != nil {
		return err
	}
	err = r.source.removeVersion(o.etag)
	if errors.Is(err, errReplaced) && (match != "" || noneMatch != "") {
		// The new name has the old object, and the condition on it can't be put again: both names stay.
		return refusal("ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource.", "Key", x.key)
	}
	return err
}

// rewrap wraps the data key for the new name, under the bucket key that it has, so that a rename asks KMS for no other.
func (r *renaming) rewrap(o *origin) (*crypto.Envelope, error) {
	if err := r.source.believe(o.envelope); err != nil {
		return nil, err
	}
	use, err := r.source.openingKey(o.envelope, false)
	if err != nil {
		return nil, err
	}
	defer use.Release()
	secrets, err := o.envelope.Unwrap(r.source.place(), use)
	if err != nil {
		r.x.g.damaged("envelope")
		return nil, fmt.Errorf("open the envelope of %s/%s: %w", r.source.bucket, r.source.key, err)
	}
	defer secrets.Wipe()
	if _, err := o.openEnd(&secrets); err != nil {
		return nil, err
	}
	envelope := *o.envelope
	if err := envelope.Wrap(r.x.place(), use, secrets); err != nil {
		return nil, fmt.Errorf("seal the envelope: %w", err)
	}
	return &envelope, nil
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
	case err != nil && answerTo(err).code == "NoSuchKey":
		if x.headerValue("if-match") != "" {
			return "", "", preconditionFailed("If-Match")
		}
		return "", "*", nil
	case err != nil:
		return "", "", err
	}
	return o.etag, "", x.condition("if-", o)
}

// removeVersion deletes the object if its ETag is still this one; errReplaced if it isn't. That there is none is no error.
func (x *exchange) removeVersion(etag string) error {
	r := &store.Request{Operation: "DeleteObject", Method: "DELETE", Bucket: x.record.StoreName, Key: x.key}
	if x.g.o.Abilities.ConditionalDelete {
		r.Header = []sigv4.Field{{Name: []byte("If-Match"), Value: []byte(etag)}}
	} else {
		now, err := x.glance()
		switch {
		case err != nil && answerTo(err).code == "NoSuchKey":
			return nil
		case err != nil:
			return err
		case now.etag != etag:
			return errReplaced
		}
	}
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	defer a.Close()
	f := a.Fault(r.Operation)
	switch {
	case f == nil, f.Status == http.StatusNotFound && f.Code != "NoSuchBucket":
		return nil
	case f.Status == http.StatusPreconditionFailed:
		return errReplaced
	}
	return storeError(f, x.bucket, x.key)
}
