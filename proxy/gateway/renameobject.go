package gateway

import (
	"crypto/sha256"
	"fmt"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// renameObject carries out RenameObject: section 6.4 and row RN-1. A sealed object opens only under its own name, so
// the store's own rename could not do it (L6).
//
//	claims of both names ─▶ metadata and end ─▶ envelope ─▶ wrapped for the new name, under its existing bucket key
//	    ─▶ the move written down ─▶ store-side copy ─▶ DELETE If-Match
//
// Of two renames of one source one succeeds, and an acknowledged one has moved what was there: every write to a name in
// several steps has its claim. A writer in one step may come between copy and deletion; the old name then has the new
// object, as if it had been written after the rename. A crash leaves both names, never none, and the next operation
// that claims the old one, or the sweep of claims, finishes the move. The encryption, its flags and the checksums stay;
// dates and ETag are those of the store's copy. On a store without conditional DELETE the source is read again right
// before it is deleted: what is written between those two requests is lost.
//
// Requests to the store: two claims, GET of the object's metadata and end, the move's record, copy, DELETE; with a
// client token three more, for its record. With a condition on the destination its metadata is read, too, and where the
// store ignores conditions on a copy the sealed bytes stream through: GET and PUT.
func renameObject(x *exchange) error {
	key, refused := x.grant.Rules.RenameSource()
	if refused != nil {
		return refused
	}
	if err := x.at(x.Record, key).CheckPresent(); err != nil {
		return err
	}
	return x.claimed(func(c *state.Claim) error {
		source := x.at(x.Record, key)
		r := &renameToken{x: x, source: source, token: x.grant.Value("x-amz-client-token")}
		if r.token != "" {
			done, err := r.recall()
			if done || err != nil {
				return err
			}
		}
		for _, m := range c.Inherited {
			if m.From == key && m.To == x.Key { // this rename, begun by an earlier request
				r.remember()
				return nil
			}
		}
		m := &objects.Rename{
			Object: &x.Object, Source: source, Claim: c, Conditions: x.writeConditions(), Began: x.grant.Start, Begin: r.begin,
			Happened: r.happened,
			Decide: func(o *objects.Source) (match, noneMatch string, err error) {
				if err := x.condition("x-amz-rename-source-if-", o); err != nil {
					return "", "", err
				}
				return x.boundDestination()
			},
		}
		if err := objects.Retry(func() error { return m.Once(x.context) }); err != nil {
			return err
		}
		r.remember()
		return nil
	}, key, x.Key)
}

// A renameToken is the client's token of a RenameObject, which identifies a repeated request.
type renameToken struct {
	x      *exchange       // at the new name
	source *objects.Object // at the old one
	token  string
	record *state.Rename // of the token; nil without one
}

// renameHeaders are recorded with a token, in addition to the two names.
var renameHeaders = [...]string{
	"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "x-amz-rename-source-if-match",
	"x-amz-rename-source-if-none-match", "x-amz-rename-source-if-modified-since",
	"x-amz-rename-source-if-unmodified-since",
}

func (r *renameToken) parameters() []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", r.source.Key, r.x.Key)
	for _, name := range renameHeaders {
		fmt.Fprintf(h, " %q", r.x.grant.Value(name))
	}
	return h.Sum(nil)
}

// recall looks up the client's token. done reports that the rename has been carried out.
func (r *renameToken) recall() (done bool, err error) {
	x := r.x
	if r.record, err = x.g.o.Renames.Rename(x.context, x.Record, x.grant.Identity.Name, r.token); err != nil {
		return false, objects.RecordError(err)
	}
	if r.record.Parameters != nil && string(r.record.Parameters) != string(r.parameters()) {
		return false,
			s3.Refuse("IdempotencyParameterMismatch",
				"The parameters of this request differ from those of an earlier one with the same client token.")
	}
	return r.record.Done, nil
}

// begin writes the token's record before anything is renamed.
func (r *renameToken) begin(e *crypto.Envelope) error {
	if r.record == nil {
		return nil
	}
	x := r.x
	r.record.Parameters, r.record.Salt = r.parameters(), e.WrapSalt[:]
	return x.g.o.Renames.KeepRename(x.context, x.Record, x.grant.Identity.Name, r.token, r.record)
}

// remember records that the rename is done. If this fails, a repeated request finds the object by its envelope.
func (r *renameToken) remember() {
	if r.record == nil {
		return
	}
	x := r.x
	r.record.Parameters, r.record.Done = r.parameters(), true
	if err := x.g.o.Renames.KeepRename(x.context, x.Record, x.grant.Identity.Name, r.token, r.record); err != nil {
		x.g.log.Warn("the token of a rename could not be written", zap.String("bucket", x.Bucket), zap.Error(err))
	}
}

// happened reports whether an earlier attempt with this token succeeded: the old name is gone, and under the new
// one lies the object that was to move.
func (r *renameToken) happened() bool {
	if r.record == nil || r.record.Salt == nil {
		return false
	}
	x := r.x
	there, err := x.Objects.Head(x.context, x.Record.StoreName, x.Key)
	return err == nil && there.WrapSalt() == string(r.record.Salt)
}

// boundDestination evaluates the conditions on the destination and returns the one that binds the write to what was
// read, in the store's form; none when the client gave none. Any that fails is 412.
func (x *exchange) boundDestination() (match, noneMatch string, err error) {
	given := false
	for _, name := range renameHeaders[:4] {
		given = given || x.grant.Value(name) != ""
	}
	if !given {
		return "", "", nil
	}
	o, err := x.at(x.Record, x.Key).Head(x.context)
	switch {
	case err != nil && objects.Translate(err).Code == "NoSuchKey":
		if x.grant.Value("if-match") != "" {
			return "", "", s3.PreconditionFailed("If-Match")
		}
		return "", "*", nil
	case err != nil:
		return "", "", err
	}
	return o.ETag, "", x.condition("if-", o)
}
