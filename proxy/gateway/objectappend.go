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
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// appended is what became of an append.
type appended struct {
	etag   string           // the store's
	length int64            // of the object's plaintext
	sum    *crypto.Checksum // of the object; nil if it has none
	parts  int              // of which a composite one is made
}

// appendTo appends to the object o, which lies at x. Readers see the object before or after, and a writer in between
// makes it fail with 409 ConditionalRequestConflict.
//
//	stored parts of at least 5 MiB ──────────── UploadPartCopy, as they are ─┐
//	a last part below that ─▶ opened ─┐                                      ├─▶ Complete with If-Match
//	what is appended ─────────────────┴─▶ sealed again as one part ─▶ trailer ┘
//
// So every object keeps legal parts, and its stored size stays a function of its length (L12). The data key stays,
// since the parts are sealed under it; object id, envelope and trailer are new, so that a copy made before never takes
// the grown body (S9). An object without such parts is sealed anew in one PUT with If-Match.
func (o *origin) appendTo(x *object, a appending) (*appended, error) {
	opened, err := o.open(false, a.may)
	if err != nil {
		return nil, err
	}
	defer opened.secrets.Wipe()
	a.x, a.from, a.opened = x, o, opened
	defer a.release()
	if err := a.decideChecksum(); err != nil {
		return nil, err
	}
	if err := a.split(); err != nil {
		return nil, err
	}
	var done *appended
	if a.kept == 0 {
		done, err = a.putWhole()
	} else {
		done, err = a.putParts()
	}
	// Whatever a store makes of an object that is replaced while it is read and copied, to the client it is that.
	if err != nil && answerTo(err).Code == "InternalError" && errors.Is(a.from.x.stands(a.from.sealed), errReplaced) {
		return nil, x.interfered(err)
	}
	return done, err
}

// interfered answers that another writer was faster.
func (x *object) interfered(err error) error {
	return s3.Refuse("ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource.", "Key", x.key).Because(err)
}

// An appendBody is what is appended.
type appendBody interface {
	source
	start() // begins to read it
}

// An appending is an append. Its fields up to the empty line are the caller's.
type appending struct {
	body       appendBody
	kind       *s3.ChecksumKind          // of the body's checksum; then of the object's
	announced  bool                      // the client has named it
	may        func(keyARN string) error // whether the client may open the object under its KMS key
	keep       func(*s3.ChecksumKind)    // has the body's finish return the checksum of another kind
	encryption policy.Encryption         // of the object
	start      time.Time                 // of the request
	scratch    *Scratch

	x    *object
	from *origin
	*opened

	claim   *state.Claim    // from commit on
	outside context.Context // the request's, without the claim

	old *crypto.Checksum // the object's, before; nil if it has none
	sum *crypto.Checksum // of what the client sent

	parts  []crypto.Part // that stay as they are
	kept   int64         // their plaintext
	stored int64         // their stored size
	last   crypto.Part   // the one that is made: what was read back, and the body
	tail   *Reader       // of what is read back; nil when nothing is
	done   int64         // bytes of it that have been read
	hash   hash.Hash     // over the last part
}

// decideChecksum: the object keeps its algorithm. CRCs of the full object are combined; a SHA becomes one over the parts.
func (a *appending) decideChecksum() error {
	old, _, err := a.from.x.checksumOf(a.opened)
	if err != nil {
		return err
	}
	a.old = old
	given := a.kind
	if old != nil {
		a.kind = s3.ChecksumOf(old.Algorithm)
	}
	if a.announced && given != a.kind {
		return s3.Refuse("InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: "+
			strings.ToLower(a.kind.Name)+", actual checksum Type: "+strings.ToLower(given.Name))
	}
	a.keep(a.kind)
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
	if a.claim, err = x.in.o.Claims.Claim(x.context, x.record, "PutObject", x.key); err != nil {
		return claimError(err)
	}
	if err := x.in.inherit(a.claim, x.record); err != nil {
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
func (a *appending) putWhole() (*appended, error) {
	x := a.x
	if !x.in.o.Abilities.ConditionalPut {
		return nil, policy.NotImplemented(policy.PutObject)
	}
	if err := a.readBack(); err != nil {
		return nil, err
	}
	defer a.close()
	p := a.scratch.newPut(x, a.encryption, a, a.start)
	p.algorithm, p.copied, p.commit = a.kind.Algorithm, a.envelope.Copied, a.commit
	answer, err := p.send(func(r *store.Request, envelope []byte) error {
		r.Header = append(r.Header, a.condition()...)
		return a.from.keepHeaders(r, envelope, 0)
	})
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	f := answer.Fault("PutObject")
	if f == nil {
		return a.outcome(string(answer.Get("Etag")), p.checksum), nil
	}
	if f.Status == http.StatusPreconditionFailed { // unless it was sent twice on its way
		sent, err := p.sent()
		if err != nil {
			return nil, err
		}
		if there, err := x.in.head(x.context, x.record.StoreName, x.key); err == nil && there.wrapSalt() == string(sent.WrapSalt[:]) {
			return a.outcome(there.etag, p.checksum), nil
		}
	}
	return nil, a.fault(f)
}

func (a *appending) fault(f *store.Fault) error {
	if f.Status == http.StatusPreconditionFailed || f.Status == http.StatusNotFound {
		return a.x.interfered(f)
	}
	return storeError(f, a.x.bucket, a.x.key)
}

// putParts makes the object of the stored parts that stay, and the last one sealed again.
func (a *appending) putParts() (*appended, error) {
	x := a.x
	if !x.in.o.Abilities.ConditionalComplete {
		return nil, policy.NotImplemented(policy.PutObject)
	}
	use, err := x.sealingKey(a.encryption)
	if err != nil {
		return nil, fmt.Errorf("get a bucket key for %s: %w", x.bucket, err)
	}
	defer use.Release()
	envelope := newEnvelope(crypto.NewSalt(), a.encryption, use, x.keyOf(a.encryption))
	envelope.Multipart, envelope.Copied = true, a.envelope.Copied
	if err := envelope.Wrap(x.place(), use, crypto.Secrets{DataKey: a.secrets.DataKey}); err != nil {
		return nil, fmt.Errorf("seal the envelope: %w", err)
	}
	var r store.Request
	if err := a.from.keepHeaders(&r, envelope.AppendText(nil), 0); err != nil {
		return nil, err
	}
	u, err := x.beginStoreUpload(r.Header)
	if err != nil {
		return nil, err
	}
	defer u.abandon()
	if err := u.copyRange(a.from, 0, a.stored-1); err != nil {
		if errors.Is(err, errReplaced) {
			return nil, x.interfered(err)
		}
		return nil, err
	}
	if err := a.readBack(); err != nil {
		return nil, err
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
		return nil, err
	}
	if err := a.commit(); err != nil {
		return nil, err
	}
	etag, err := u.complete(a.condition(), &envelope)
	if err != nil {
		if e := answerTo(err); e.Code == "PreconditionFailed" || e.Code == "NoSuchKey" || e.Code == "ConditionalRequestConflict" {
			return nil, x.interfered(err)
		}
		return nil, err
	}
	x.in.layouts.put(x.layoutName(), &knownLayout{etag: etag, objectID: envelope.ObjectID, total: crypto.StoredLength(a.total()), layout: trailer.Layout(), checksum: sum})
	return a.outcome(etag, sum), nil
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

func (a *appending) outcome(etag string, sum *crypto.Checksum) *appended {
	return &appended{etag: etag, length: a.total(), sum: sum, parts: len(a.parts) + 1}
}
