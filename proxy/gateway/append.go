package gateway

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// appendObject carries out PutObject with x-amz-write-offset-bytes: section 6.3 and rows AP-1 to AP-3.
//
//	stored parts of at least 5 MiB ──────────── UploadPartCopy, as they are ─┐
//	a last part below that ─▶ opened ─┐                                      ├─▶ Complete with If-Match
//	what the client sends ────────────┴─▶ sealed again as one part ─▶ trailer ┘
//
// So every object keeps legal parts, and its stored size stays a function of its length (L12). The data key stays, since
// the parts are sealed under it; object id, envelope and trailer are new, so that a copy made before never takes the
// grown body (S9). An object without such parts is sealed anew in one PUT with If-Match. Readers see the object before
// or after, and a writer in between makes the append fail: 409.
//
// Requests to the store: a look at the object, its last part if that is small, and PUT; or CreateMultipartUpload, a
// copy for each 5 GiB, UploadPart, Complete, HEAD.
func appendObject(x *exchange, offset int64) error {
	body, err := x.newBody(crypto.MaxObjectPut)
	if err != nil {
		return err
	}
	if body.size() == 0 {
		return s3.Refuse("InvalidRequest", "The body of an append can't be empty.")
	}
	o, err := x.at(x.record, x.key).origin()
	if err != nil {
		if answerTo(err).Code == "NoSuchKey" {
			return x.appendToNothing(body, offset)
		}
		return err
	}
	if err := x.checkAppend(o, offset); err != nil {
		return err
	}
	opened, err := o.open(false)
	if err != nil {
		return err
	}
	defer opened.secrets.Wipe()
	a := &appending{x: x, from: o, opened: opened, body: body}
	defer a.release()
	if err := a.decideChecksum(); err != nil {
		return err
	}
	if err := a.split(); err != nil {
		return err
	}
	if a.kept == 0 {
		err = a.putWhole()
	} else {
		err = a.putParts()
	}
	// Whatever a store makes of an object that is replaced while it is read and copied, to the client it is that.
	if err != nil && answerTo(err).Code == "InternalError" && errors.Is(a.from.x.stands(a.from.sealed), errReplaced) {
		return x.interfered(err)
	}
	return err
}

// appendToNothing makes the object: offset 0 creates it where there is none.
func (x *exchange) appendToNothing(body *plainBody, offset int64) error {
	switch {
	case x.headerValue("if-match") != "":
		return s3.NoSuchKey(x.key)
	case offset != 0:
		return invalidOffset(0)
	}
	err := x.putBody(body, func(r *store.Request, envelope []byte) error {
		r.Set("If-None-Match", "*")
		return x.setObjectHeaders(r, envelope)
	})
	if err == nil {
		x.ctx.Response.Header.Set("x-amz-object-size", strconv.FormatInt(body.size(), 10))
		return nil
	}
	if answerTo(err).Code == "PreconditionFailed" && x.headerValue("if-none-match") == "" {
		return x.interfered(err) // the condition was ours
	}
	return err
}

func invalidOffset(size int64) error {
	return s3.Refuse("InvalidWriteOffset", "The write offset value that you specified does not match the current object size.", "CurrentObjectSize", strconv.FormatInt(size, 10))
}

// interfered answers that another writer was faster.
func (x *exchange) interfered(err error) error {
	return s3.Refuse("ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource.", "Key", x.key).Because(err)
}

// checkAppend decides what the object's metadata tells.
func (x *exchange) checkAppend(o *origin, offset int64) error {
	switch match := x.headerValue("if-match"); {
	case x.headerValue("if-none-match") != "":
		return s3.PreconditionFailed("If-None-Match")
	case match != "" && !listsETag(match, o.etag):
		return s3.PreconditionFailed("If-Match")
	case offset != o.length:
		return invalidOffset(o.length)
	}
	for _, f := range x.header.Fields {
		if len(f.Name) > len(userMetadata) && strings.EqualFold(s3.View(f.Name[:len(userMetadata)]), userMetadata) {
			return s3.Refuse("InvalidRequest", "Metadata can't be given when appending to an existing object.")
		}
	}
	existing := o.encryption()
	if refused := policy.DecideTLS(x.operation, &x.request, existing.SSE, x.g.o.RequireTLS); refused != nil {
		return refused
	}
	decision, refused := policy.DecideAppend(x.decision, existing)
	if refused != nil {
		return refused
	}
	x.decision = decision
	return nil
}

// An appending is an append whose object has been opened.
type appending struct {
	x    *exchange
	from *origin
	*opened
	body *plainBody

	claim   *state.Claim    // from commit on
	outside context.Context // the request's, without the claim

	kind *s3.ChecksumKind // of the object's checksum
	old  *crypto.Checksum // the object's, before; nil if it has none
	sum  *crypto.Checksum // of what the client sent

	parts  []crypto.Part // that stay as they are
	kept   int64         // their plaintext
	stored int64         // their stored size
	last   crypto.Part   // the one that is made: what was read back, and the body
	tail   *reading      // of what is read back; nil when nothing is
	done   int64         // bytes of it that have been read
	hash   hash.Hash     // over the last part
}

// decideChecksum: the object keeps its algorithm. CRCs of the full object are combined; a SHA becomes one over the parts.
func (a *appending) decideChecksum() error {
	old, _, err := a.from.x.checksumOf(a.opened)
	if err != nil {
		return err
	}
	a.old, a.kind = old, a.body.check.kind
	if old != nil {
		a.kind = s3.ChecksumOf(old.Algorithm)
	}
	if a.body.check.told && a.body.check.kind != a.kind {
		return s3.Refuse("InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: "+strings.ToLower(a.kind.Name)+
			", actual checksum Type: "+strings.ToLower(a.body.check.kind.Name))
	}
	a.body.check.keep(a.kind)
	return nil
}

// split finds which parts stay: all but a last one that is too small for its place.
func (a *appending) split() error {
	if a.layout != nil {
		for i := range a.layout.Parts() {
			placed := a.layout.Part(i)
			if placed.Length < crypto.MinPartSize {
				break // the last: none before it is that small
			}
			part := crypto.Part{Length: placed.Length, Salt: placed.Salt}
			if a.trailer != nil && a.trailer.Parts[i].Algorithm != 0 {
				part.SetChecksum(a.trailer.Parts[i].Algorithm, a.trailer.Parts[i].Checksum().Value)
			} else if a.old != nil && a.old.Type == crypto.FullObject && a.layout.Parts() == 1 {
				part.SetChecksum(a.old.Algorithm, a.old.Value)
			}
			a.parts = append(a.parts, part)
			a.kept += placed.Length
			a.stored += placed.SealedLength
		}
	}
	if len(a.parts)+1 > crypto.MaxParts {
		return s3.Refuse("TooManyParts", "You have attempted to add more parts than the maximum of 10,000 that an object may have.")
	}
	a.last = crypto.Part{Length: a.length - a.kept + a.body.size(), Salt: crypto.NewSalt()}
	limit := int64(crypto.MaxPart10000) // it shares the store's part with the object's end
	if a.kept == 0 {
		limit = crypto.MaxObjectPut
	}
	if a.last.Length > limit {
		return s3.Refuse("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size",
			"ProposedSize", strconv.FormatInt(a.body.size(), 10), "MaxSizeAllowed", strconv.FormatInt(limit-(a.length-a.kept), 10))
	}
	return nil
}

// readBack begins to read what is sealed again.
func (a *appending) readBack() error {
	a.hash = a.kind.Make()
	if a.kept == a.length {
		a.body.start()
		return nil
	}
	var err error
	if a.tail, err = a.from.x.read(a.opened, a.kept, a.length-1, &crypto.Checksum{}, nil); errors.Is(err, errReplaced) {
		return a.x.interfered(err)
	}
	a.body.start()
	return err
}

// close ends the reading.
func (a *appending) close() {
	if a.tail != nil {
		a.tail.close()
	}
}

// size is the length of the last part: an appending is the source of its sealing.
func (a *appending) size() int64 { return a.last.Length }

// fill reads what is read back, then what the client sends.
func (a *appending) fill(p []byte) error {
	all := p
	if a.tail != nil {
		if left := a.tail.length - a.done; left > 0 {
			n := min(int64(len(p)), left)
			if err := a.tail.fill(p[:n]); err != nil {
				return err
			}
			a.done += n
			p = p[n:]
		}
	}
	if len(p) > 0 {
		if err := a.body.fill(p); err != nil {
			return err
		}
	}
	a.hash.Write(all)
	return nil
}

// finish checks the client's body and returns the last part's checksum.
func (a *appending) finish() (*crypto.Checksum, error) {
	var err error
	if a.sum, err = a.body.finish(); err != nil {
		return nil, err
	}
	return &crypto.Checksum{Type: crypto.FullObject, Algorithm: a.kind.Algorithm, Value: a.hash.Sum(nil)}, nil
}

// total is the object's length after the append.
func (a *appending) total() int64 { return a.kept + a.last.Length }

// commit takes the claim before the request that makes the object, and sees that what was read still stands.
func (a *appending) commit() (err error) {
	x := a.x
	if a.claim, err = x.g.o.Claims.Claim(x.context, x.record, "PutObject", x.key); err != nil {
		return claimError(err)
	}
	if err := x.g.inherit(a.claim, x.record); err != nil {
		return err
	}
	a.outside, x.context = x.context, a.claim.Context()
	if err := x.stands(a.from.sealed); errors.Is(err, errReplaced) {
		return x.interfered(err)
	} else if err != nil {
		return err
	}
	return nil
}

func (a *appending) release() {
	if a.claim == nil {
		return
	}
	a.claim.Release()
	if a.outside != nil {
		a.x.context = a.outside
	}
}

// condition binds the write to the version that was read.
func (a *appending) condition() []sigv4.Field {
	return []sigv4.Field{{Name: []byte("If-Match"), Value: []byte(a.from.etag)}}
}

// putWhole seals an object that has no part to keep anew, with all that it has.
func (a *appending) putWhole() error {
	x := a.x
	if !x.g.o.Abilities.ConditionalPut {
		return policy.NotImplemented(policy.PutObject)
	}
	if err := a.readBack(); err != nil {
		return err
	}
	defer a.close()
	p := &put{x: x, body: a, algorithm: a.kind.Algorithm, copied: a.envelope.Copied, commit: a.commit}
	answer, err := p.send(func(r *store.Request, envelope []byte) error {
		r.Header = append(r.Header, a.condition()...)
		return a.from.keepHeaders(r, envelope, 0)
	})
	if err != nil {
		return err
	}
	defer answer.Close()
	f := answer.Fault("PutObject")
	if f == nil {
		return a.answer(string(answer.Get("Etag")), p.checksum)
	}
	if f.Status == http.StatusPreconditionFailed { // unless it was sent twice on its way
		sent, err := p.sent()
		if err != nil {
			return err
		}
		if there, err := x.g.head(x.context, x.record.StoreName, x.key); err == nil && there.wrapSalt() == string(sent.WrapSalt[:]) {
			return a.answer(there.etag, p.checksum)
		}
	}
	return a.fault(f)
}

func (a *appending) fault(f *store.Fault) error {
	if f.Status == http.StatusPreconditionFailed || f.Status == http.StatusNotFound {
		return a.x.interfered(f)
	}
	return storeError(f, a.x.bucket, a.x.key)
}

// putParts makes the object of the stored parts that stay, and the last one sealed again.
func (a *appending) putParts() error {
	x := a.x
	if !x.g.o.Abilities.ConditionalComplete {
		return policy.NotImplemented(policy.PutObject)
	}
	use, err := x.sealingKey(x.decision.Encryption)
	if err != nil {
		return fmt.Errorf("get a bucket key for %s: %w", x.bucket, err)
	}
	defer use.Release()
	envelope := newEnvelope(crypto.NewSalt(), x.decision.Encryption, use, x.keyOf(x.decision.Encryption))
	envelope.Multipart, envelope.Copied = true, a.envelope.Copied
	if err := envelope.Wrap(x.place(), use, crypto.Secrets{DataKey: a.secrets.DataKey}); err != nil {
		return fmt.Errorf("seal the envelope: %w", err)
	}
	var r store.Request
	if err := a.from.keepHeaders(&r, envelope.AppendText(nil), 0); err != nil {
		return err
	}
	u, err := x.beginStoreUpload(r.Header)
	if err != nil {
		return err
	}
	defer u.abandon()
	if err := u.copyRange(a.from, 0, a.stored-1); err != nil {
		if errors.Is(err, errReplaced) {
			return x.interfered(err)
		}
		return err
	}
	if err := a.readBack(); err != nil {
		return err
	}
	defer a.close()
	var sum *crypto.Checksum
	var trailer *crypto.Trailer
	sealed := &sealing{
		body: a, sealer: a.secrets.DataKey.NewSealer(&a.last.Salt),
		finished: func(c *crypto.Checksum) { a.last.SetChecksum(c.Algorithm, c.Value) },
		end: func() (io.Reader, error) {
			sum = a.objectChecksum()
			trailer = &crypto.Trailer{Length: a.total(), Parts: append(a.parts, a.last), Checksum: sum}
			return a.secrets.DataKey.NewEnd(&envelope.ObjectID, trailer)
		},
	}
	if err := u.putPart(crypto.StoredLength(a.total())-a.stored, sealed); err != nil {
		return err
	}
	if err := a.commit(); err != nil {
		return err
	}
	etag, err := u.complete(a.condition(), &envelope)
	if err != nil {
		if e := answerTo(err); e.Code == "PreconditionFailed" || e.Code == "NoSuchKey" || e.Code == "ConditionalRequestConflict" {
			return x.interfered(err)
		}
		return err
	}
	x.g.layouts.put(x.layoutName(), &knownLayout{etag: etag, objectID: envelope.ObjectID, total: crypto.StoredLength(a.total()), layout: trailer.Layout(), checksum: sum})
	return a.answer(etag, sum)
}

// objectChecksum is the object's after the append: section 6.3. nil when the parts don't all have one.
func (a *appending) objectChecksum() *crypto.Checksum {
	switch {
	case a.old != nil && a.old.Type == crypto.FullObject && a.kind.Full:
		return &crypto.Checksum{Type: crypto.FullObject, Algorithm: a.kind.Algorithm, Value: s3.CombineCRC(a.kind.Algorithm, a.old.Value, a.sum.Value, a.body.size())}
	case a.kind.Full:
		return combineParts(a.kind.Algorithm, append(a.parts, a.last))
	}
	h := a.kind.Make()
	for _, part := range append(a.parts, a.last) {
		c := part.Checksum()
		if c == nil || c.Algorithm != a.kind.Algorithm {
			return nil
		}
		h.Write(c.Value)
	}
	return &crypto.Checksum{Type: crypto.Composite, Algorithm: a.kind.Algorithm, Value: h.Sum(nil)}
}

func (a *appending) answer(etag string, sum *crypto.Checksum) error {
	x := a.x
	h := &x.ctx.Response.Header
	h.Set("ETag", s3.ClientETag([]byte(etag)))
	h.Set("x-amz-object-size", strconv.FormatInt(a.total(), 10))
	if sum != nil {
		value := s3.ChecksumText(sum)
		if sum.Type == crypto.Composite {
			value += "-" + strconv.Itoa(len(a.parts)+1)
		}
		h.Set(s3.ChecksumOf(sum.Algorithm).Header, value)
		h.Set("x-amz-checksum-type", s3.ChecksumType(sum.Type))
	}
	x.showEncryption()
	h.Set("x-amz-expiration", "NotImplemented")
	return nil
}
