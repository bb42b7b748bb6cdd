package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// A transfer makes another object of an object's sealed bytes, under an envelope that was made for the new place. No
// segment is opened on the way. The store copies the bytes itself where that is safe and worth it; otherwise they pass
// through.
//
//	no body at all                                    PUT                      one request, all conditions
//	the bytes came with the metadata (4 KiB)          PUT                      one request, all conditions
//	conditions on the destination that the store      GET and PUT              the bytes stream through
//	ignores on a copy (L5); onto itself where
//	that isn't atomic (L4)                                                     by way of another key: staging.go
//	above the limit of one copy; onto itself, by      UploadPartCopy …         claim, Create, copies, Complete, HEAD
//	Rewrap, instead of by way of another key
//	otherwise                                         store-side CopyObject    claim, one request
//	the ETag must stay                                sameetag.go
//
// Each method is bound to the version of the source that was read: otherwise new bytes would lie under an old
// envelope (L5).
//
// Bytes that pass through get a trailer with a fresh salt, so their ETag is one that no object ever had. A store-side
// copy has the ETag of its source, and the destination may have had it before: it is made under the destination's
// claim, as everything is that is bound to an ETag in two steps. On a store without conditional deletion, every copy
// is.
type transfer struct {
	from   *Source
	to     *Object       // the destination
	header []sigv4.Field // all metadata of the new object
	// envelope is the new object's, which header carries.
	envelope *crypto.Envelope
	key      crypto.DataKey  // of both objects
	trailer  *crypto.Trailer // of both; nil for an empty object
	given    Conditions      // of the destination, by the client's request
	start    time.Time       // of the request
	held     bool            // the caller has the destination's claim
	sameETag bool            // it replaces an object whose ETag must stay
	pieces   bool            // where the bytes would be staged, the store copies them by UploadPartCopy instead, if it can

	// conditions on the destination, in the store's form; "" for none.
	match, noneMatch string
	tags             Tags

	// MD5 of the sealed bytes as their ETag says, in hexadecimal: what streams through must have it. "" for none
	sum string
}

// inPlace reports whether the copy lies where the source does, self whether it replaces the source: a version that was
// named need not be the current one.
func (t *transfer) inPlace() bool { return t.from.Object.SameName(t.to) }

func (t *transfer) self() bool { return t.inPlace() && t.from.Object.Version == "" }

// run carries the transfer out. ErrReplaced means that the source was replaced meanwhile. Its other errors are those of
// a write to the destination.
func (t *transfer) run(ctx context.Context) (*WriteResult, error) {
	abilities := &t.to.Objects.o.Abilities
	if t.self() && t.match == "" {
		t.match = t.from.ETag // only this version may be replaced, by any method
	}
	if t.sameETag {
		return t.replaceSameETag(ctx)
	}
	conditional := t.match != "" || t.noneMatch != ""
	// Without conditional deletions, only the claim prevents a concurrent rename from deleting what is put to its old
	// name.
	claims := !abilities.ConditionalDelete
	method := t.storeCopy
	switch {
	case t.from.total == 0:
		method = func(ctx context.Context) (*WriteResult, error) { return t.put(ctx, nil) }
	case t.from.total == int64(len(t.from.end)):
		method = t.putStored
	case t.from.total > t.to.Objects.o.CopyLimit, t.pieces && t.staging() && abilities.ConditionalComplete:
		method, claims = t.byParts, true
	case conditional && !abilities.ConditionalCopy, t.inPlace() && !abilities.AtomicSelfCopy:
		method = t.passThrough
	default:
		claims = true // it repeats an ETag
	}
	if t.held || !claims {
		return method(ctx)
	}
	var done *WriteResult
	err := t.to.Claimed(ctx, func(ctx context.Context, _ *state.Claim) (err error) {
		done, err = method(ctx)
		return err
	}, t.to.Key)
	return done, err
}

// freshEnd seals the object's end again: its size stays. It is nil, which replaces nothing, where the ETag must stay.
func (t *transfer) freshEnd() ([]byte, error) {
	if t.sameETag {
		return nil, nil
	}
	end, err := t.key.AppendTrailer(nil, &t.envelope.ObjectID, t.trailer)
	if err != nil {
		return nil, fmt.Errorf("seal the trailer of %s/%s: %w", t.to.Bucket, t.to.Key, err)
	}
	return end, nil
}

// putStored puts an object whose stored bytes are all in memory.
func (t *transfer) putStored(ctx context.Context) (*WriteResult, error) {
	end, err := t.freshEnd()
	if err != nil {
		return nil, err
	}
	unchanged := t.from.end[:len(t.from.end)-len(end)]
	return t.put(ctx, &store.Request{Bytes: append(unchanged[:len(unchanged):len(unchanged)], end...)})
}

func (t *transfer) setConditions(r *store.Request) {
	if t.match != "" {
		r.Set("If-Match", t.match)
	}
	if t.noneMatch != "" {
		r.Set("If-None-Match", t.noneMatch)
	}
}

// setSource names the source, in the version that was read.
func (t *transfer) setSource(r *store.Request) { setCopySource(r, t.from) }

// fault translates the store's refusal to write.
func (t *transfer) fault(f *store.Fault) error {
	if f.Status == http.StatusPreconditionFailed && t.self() && t.given.Match == "" {
		return ErrReplaced // the condition was ours
	}
	return t.to.WriteFault(f, &t.given)
}

// put makes the object with the body of r, nil for none.
func (t *transfer) put(ctx context.Context, r *store.Request) (*WriteResult, error) {
	if r == nil {
		r = &store.Request{Bytes: []byte{}}
	}
	r.Operation, r.Method, r.Bucket, r.Key = "PutObject", "PUT", t.to.Record.StoreName, t.to.Key
	r.Header = append([]sigv4.Field(nil), t.header...)
	if err := t.tags.send(ctx, r, t.from); err != nil {
		return nil, err
	}
	t.setConditions(r)
	a, err := t.to.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if done := t.findWritten(ctx, f); done != nil {
			return done, nil
		}
		return nil, t.fault(f)
	}
	return &WriteResult{ETag: string(a.Get("Etag")), Modified: storeTime(a, t.start), Version: t.to.VersionOf(a)}, nil
}

// findWritten returns the object of a write whose condition failed but that was stored: it was sent twice on its way.
func (t *transfer) findWritten(ctx context.Context, f *store.Fault) *WriteResult {
	if f.Status != http.StatusPreconditionFailed {
		return nil
	}
	a, s, err := t.to.HeadIf(ctx, Unconditional)
	if err != nil {
		return nil
	}
	defer a.Close()
	if s.Envelope.WrapSalt != t.envelope.WrapSalt {
		return nil
	}
	return &WriteResult{ETag: s.ETag, Modified: storeTime(a, t.start), Version: t.to.VersionOf(a)}
}

// passThrough streams the sealed bytes from the store to the store, and seals their end again.
func (t *transfer) passThrough(ctx context.Context) (*WriteResult, error) {
	x := t.from.Object
	end, err := t.freshEnd()
	if err != nil {
		return nil, err
	}
	r := x.NewRequest("GetObject", "GET")
	r.Set("If-Match", t.from.ETag)
	if t.staging() {
		var done func()
		if r, done, err = t.stage(ctx); err != nil {
			return nil, err
		}
		defer done()
	}
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return nil, t.sourceFault(f)
	}
	if a.Length != t.from.total {
		return nil, ErrReplaced
	}
	return t.put(ctx, &store.Request{Body: &sealedBytes{x: x, answer: a, end: end, sum: t.sum}, Length: t.from.total})
}

// sealedBytes are the body of an answer on its way back to the store, with another end.
type sealedBytes struct {
	x      *Object
	answer *store.Answer
	end    []byte // takes the place of as many bytes
	sum    string // their MD5 must be this, in hexadecimal, or the last of them is held back; "" for any
}

// WriteTo writes them to their end; a body that ends early is an error, so that nothing is stored.
func (s *sealedBytes) WriteTo(w io.Writer) (int64, error) {
	slab := crypto.GetSlab()
	defer crypto.PutSlab(slab, 0) // sealed bytes only
	var n int64
	var err error
	if s.sum == "" {
		n, err = copyThrough(w, store.ReplaceEnd(s.answer, s.answer.Length, s.end), slab.Body())
	} else {
		n, err = copyChecked(w, s.answer, s.answer.Length, s.sum, slab.Body())
	}
	if errors.Is(err, store.ErrUnavailable) {
		err = s3.Unavailable(fmt.Errorf("read %s/%s from the store: %w", s.x.Bucket, s.x.Key, err))
	}
	return n, err
}

// sourceFault translates the store's refusal of the source.
func (t *transfer) sourceFault(f *store.Fault) error {
	if f.Status == http.StatusPreconditionFailed || f.Status == http.StatusNotFound {
		return ErrReplaced
	}
	return StoreError(f, t.from.Object.Bucket, t.from.Object.Key)
}

// storeCopy has the store copy the bytes.
func (t *transfer) storeCopy(ctx context.Context) (*WriteResult, error) {
	x := t.to
	r := &store.Request{
		Operation: "CopyObject", Method: "PUT", Bucket: x.Record.StoreName, Key: x.Key,
		Header: append([]sigv4.Field(nil), t.header...),
	}
	t.setSource(r)
	r.Set("x-amz-metadata-directive", "REPLACE")
	t.tags.direct(r)
	t.setConditions(r)
	result, f, err := doCopy(ctx, x, r)
	switch {
	case err != nil:
		return nil, err
	case f == nil:
		return &WriteResult{ETag: result.ETag, Modified: result.LastModified, Version: t.to.versionNamed(result.version)}, nil
	case f.Status == http.StatusNotFound && f.Code != "NoSuchBucket":
		return nil, ErrReplaced
	case f.Status != http.StatusPreconditionFailed:
		return nil, t.to.WriteFault(f, &t.given)
	case t.match == "" && t.noneMatch == "":
		return nil, ErrReplaced
	}
	// The source's condition or the destination's: the source can be read to find out.
	now, err := t.from.Object.Head(ctx)
	if err != nil {
		return nil, err
	}
	if now.ETag != t.from.ETag {
		return nil, ErrReplaced
	}
	return nil, t.fault(f)
}

// byParts has the store copy an object that is too large for one copy.
func (t *transfer) byParts(ctx context.Context) (*WriteResult, error) {
	if (t.match != "" || t.noneMatch != "") && !t.to.Objects.o.Abilities.ConditionalComplete {
		return nil, policy.NotImplemented(t.to.Operation)
	}
	r := &store.Request{Header: append([]sigv4.Field(nil), t.header...)}
	if err := t.tags.send(ctx, r, t.from); err != nil {
		return nil, err
	}
	u, err := t.to.beginStoreUpload(ctx, r.Header)
	if err != nil {
		return nil, err
	}
	defer u.abandon(ctx)
	if err := u.copyRange(ctx, t.from, 0, t.from.total-1); err != nil {
		return nil, err
	}
	return t.completeParts(ctx, u)
}

// completeParts makes the object of an upload's parts, under the transfer's conditions.
func (t *transfer) completeParts(ctx context.Context, u *storeUpload) (*WriteResult, error) {
	r := &store.Request{}
	t.setConditions(r)
	etag, err := u.complete(ctx, r.Header, t.envelope)
	var e *s3.Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.Code == "PreconditionFailed" && t.self() && t.given.Match == "":
		return nil, ErrReplaced // the condition was ours
	default:
		return nil, err
	}
	return &WriteResult{ETag: etag, Modified: t.start, Version: u.version}, nil
}
