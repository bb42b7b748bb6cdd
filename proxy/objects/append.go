package objects

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

// AppendResult is the outcome of an append.
type AppendResult struct {
	ETag     string           // the store's
	Length   int64            // of the object's plaintext
	Checksum *crypto.Checksum // of the object; nil if it has none
	Parts    int              // of which a composite one is made
}

// AppendTo appends to the object o, which lies at x. Readers see the object before or after, and a writer in between
// makes it fail with 409 ConditionalRequestConflict.
//
//	stored parts of at least 5 MiB ──────────── UploadPartCopy, as they are ─┐
//	a last part below that ─▶ opened ─┐                                      ├─▶ Complete with If-Match
//	what is appended ─────────────────┴─▶ sealed again as one part ─▶ trailer ┘
//
// So every object keeps legal parts, and its stored size stays a function of its length (L12). The data key stays,
// since the parts are sealed under it; object id, envelope and trailer are new, so that an earlier copy's envelope
// never opens the grown body (S9). An object without such parts is sealed again as a whole in one PUT with If-Match.
//
// What an append costs. A stored object can't grow: it ends in its trailer, and a part that ends is sealed as ended. So
// the store makes it anew, and each append moves
//   - from and to the store: the last part, if it is below 5 MiB, read back and written again with what is appended,
//     and the trailer with its padding, 112 bytes for each 5 MiB of the object and at most 1.1 MiB. So at most 6.1 MiB
//     each way on top of what is appended, and no part is read back if pieces of at least 5 MiB are appended;
//   - inside of the store: all other parts, copied by reference, without passing the proxy. Of n appends of equal size
//     these bytes grow with n², since the object does: appending 1 MiB a thousand times copies 0.5 TB, and 20 MiB fifty
//     times 25 GB. A store that copies by reference moves none.
//
// The number of requests doesn't grow with the object, but for a copy for each 5 GiB (TestAppendsDoNotGrowDearer).
func (o *Source) AppendTo(ctx context.Context, x *Object, a Append) (*AppendResult, error) {
	opened, err := o.Open(ctx, false, a.May)
	if err != nil {
		return nil, err
	}
	defer opened.Secrets.Wipe()
	a.x, a.from, a.Opened = x, o, opened
	defer a.release()
	if err := a.decideChecksum(ctx); err != nil {
		return nil, err
	}
	if err := a.split(); err != nil {
		return nil, err
	}
	var done *AppendResult
	if a.unchanged == 0 {
		done, err = a.putWhole(ctx)
	} else {
		done, err = a.putParts(ctx)
	}
	// Stores fail in different ways when an object is replaced while it is read and copied. The client gets one error.
	if err != nil && Translate(err).Code == "InternalError" &&
		errors.Is(a.from.Object.checkUnchanged(ctx, a.from.Sealed), ErrReplaced) {
		return nil, x.Conflict(err)
	}
	return done, err
}

// Conflict is 409: another writer was faster.
func (x *Object) Conflict(err error) error {
	return s3.ConditionalRequestConflict(x.Key).Because(err)
}

// An AppendBody is what is appended.
type AppendBody interface {
	Plaintext
	Start() // begins the read
}

// An Append is one append operation. The caller sets the fields up to the empty line.
type Append struct {
	Body           AppendBody
	Kind           *s3.ChecksumKind          // of the body's checksum; after decideChecksum, of the object's
	Announced      bool                      // the client has named it
	May            func(keyARN string) error // whether the client may open the object under its KMS key
	ReturnChecksum func(*s3.ChecksumKind)    // makes the body's Finish return a checksum of this kind
	Encryption     policy.Encryption         // of the object
	Began          time.Time                 // of the request
	Scratch        *Scratch

	x    *Object
	from *Source
	*Opened

	claim *state.Claim // from commit on

	old *crypto.Checksum // of the object before the append; nil if it has none
	sum *crypto.Checksum // of what the client sent

	parts     []crypto.Part // that stay unchanged
	unchanged int64         // their plaintext
	stored    int64         // their stored size
	last      crypto.Part   // the new one: what is read back, then the body
	tail      *Reader       // of what is read back; nil when nothing is
	done      int64         // bytes of it that have been read
	hash      hash.Hash     // over the last part
}

// decideChecksum: the object keeps its algorithm. CRCs of the full object are combined; a SHA becomes one over the
// parts.
func (a *Append) decideChecksum(ctx context.Context) error {
	old, _, err := a.from.Object.ChecksumOf(ctx, a.Opened)
	if err != nil {
		return err
	}
	a.old = old
	given := a.Kind
	if old != nil {
		a.Kind = s3.ChecksumOf(old.Algorithm)
	}
	if a.Announced && given != a.Kind {
		return s3.Refuse("InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: "+
			strings.ToLower(a.Kind.Name)+", actual checksum Type: "+strings.ToLower(given.Name))
	}
	a.ReturnChecksum(a.Kind)
	return nil
}

// split finds which parts stay: all but a last one that is too small for its place.
func (a *Append) split() error {
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
			a.unchanged += placed.Length
			a.stored += placed.SealedLength
		}
	}
	if len(a.parts)+1 > crypto.MaxParts {
		return s3.Refuse("TooManyParts",
			"You have attempted to add more parts than the maximum of 10,000 that an object may have.")
	}
	a.last = crypto.Part{Length: a.Length - a.unchanged + a.Body.Size(), Salt: crypto.NewSalt()}
	limit := int64(crypto.MaxPart10000) // it shares the store's part with the object's end
	if a.unchanged == 0 {
		limit = crypto.MaxObjectPut
	}
	if a.last.Length > limit {
		return s3.EntityTooLarge("ProposedSize", strconv.FormatInt(a.Body.Size(), 10), "MaxSizeAllowed",
			strconv.FormatInt(limit-(a.Length-a.unchanged), 10))
	}
	return nil
}

// readBack begins to read what is sealed again.
func (a *Append) readBack(ctx context.Context) error {
	a.hash = a.Kind.Make()
	if a.unchanged == a.Length {
		a.Body.Start()
		return nil
	}
	var err error
	if a.tail, err = a.from.readFrom(ctx, a.Opened, a.unchanged); errors.Is(err, ErrReplaced) {
		return a.x.Conflict(err)
	}
	a.Body.Start()
	return err
}

// close ends the reading.
func (a *Append) close() {
	if a.tail != nil {
		a.tail.Close()
	}
}

// Size is the length of the last part: an appending is the source of its sealing.
func (a *Append) Size() int64 { return a.last.Length }

// Fill reads what is read back, then what the client sends.
func (a *Append) Fill(p []byte) error {
	all := p
	if a.tail != nil {
		if left := a.tail.length - a.done; left > 0 {
			n := min(int64(len(p)), left)
			if err := a.tail.Fill(p[:n]); err != nil {
				return err
			}
			a.done += n
			p = p[n:]
		}
	}
	if len(p) > 0 {
		if err := a.Body.Fill(p); err != nil {
			return err
		}
	}
	a.hash.Write(all)
	return nil
}

// Finish checks the client's body and returns the last part's checksum.
func (a *Append) Finish() (*crypto.Checksum, error) {
	var err error
	if a.sum, err = a.Body.Finish(); err != nil {
		return nil, err
	}
	return &crypto.Checksum{Type: crypto.FullObject, Algorithm: a.Kind.Algorithm, Value: a.hash.Sum(nil)}, nil
}

// total is the object's length after the append.
func (a *Append) total() int64 { return a.unchanged + a.last.Length }

// commit takes the claim before the request that makes the object, and checks that what was read is unchanged. The
// context that it returns ends with the claim.
func (a *Append) commit(ctx context.Context) (context.Context, error) {
	x := a.x
	var err error
	if a.claim, err = x.Objects.o.Claims.Claim(ctx, x.Record, "PutObject", x.Key); err != nil {
		return nil, claimError(err)
	}
	if err := x.Objects.finishMoves(a.claim, x.Record); err != nil {
		return nil, err
	}
	ctx = a.claim.Context()
	if err := x.checkUnchanged(ctx, a.from.Sealed); errors.Is(err, ErrReplaced) {
		return nil, x.Conflict(err)
	} else if err != nil {
		return nil, err
	}
	return ctx, nil
}

func (a *Append) release() {
	if a.claim != nil {
		a.claim.Release()
	}
}

// condition binds the write to the version that was read.
func (a *Append) condition() []sigv4.Field {
	return []sigv4.Field{{Name: []byte("If-Match"), Value: []byte(a.from.ETag)}}
}

// putWhole seals an object none of whose parts can stay, again as a whole.
func (a *Append) putWhole(ctx context.Context) (*AppendResult, error) {
	x := a.x
	if !x.Objects.o.Abilities.ConditionalPut {
		return nil, policy.NotImplemented(policy.PutObject)
	}
	if err := a.readBack(ctx); err != nil {
		return nil, err
	}
	defer a.close()
	p := a.Scratch.NewPut(x, a.Encryption, a, a.Began)
	p.Algorithm, p.copied, p.commit = a.Kind.Algorithm, a.Envelope.Copied, a.commit
	answer, err := p.Send(ctx, func(r *store.Request, envelope []byte) error {
		r.Header = append(r.Header, a.condition()...)
		return a.from.CopyMetadata(r, envelope, 0)
	})
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	f := answer.Fault("PutObject")
	if f == nil {
		return a.outcome(string(answer.Get("Etag")), p.Checksum), nil
	}
	if f.Status == http.StatusPreconditionFailed { // unless it was sent twice on its way
		sent, err := p.sentEnvelope()
		if err != nil {
			return nil, err
		}
		if there, err := x.Objects.Head(ctx, x.Record.StoreName, x.Key); err == nil &&
			there.WrapSalt() == string(sent.WrapSalt[:]) {
			return a.outcome(there.etag, p.Checksum), nil
		}
	}
	return nil, a.fault(f)
}

func (a *Append) fault(f *store.Fault) error {
	if f.Status == http.StatusPreconditionFailed || f.Status == http.StatusNotFound {
		return a.x.Conflict(f)
	}
	return StoreError(f, a.x.Bucket, a.x.Key)
}

// putParts makes the object of the stored parts that stay, and the last one sealed again.
func (a *Append) putParts(ctx context.Context) (*AppendResult, error) {
	x := a.x
	if !x.Objects.o.Abilities.ConditionalComplete {
		return nil, policy.NotImplemented(policy.PutObject)
	}
	use, err := x.sealingKey(ctx, a.Encryption)
	if err != nil {
		return nil, fmt.Errorf("get a bucket key for %s: %w", x.Bucket, err)
	}
	defer use.Release()
	envelope := newEnvelope(crypto.NewSalt(), a.Encryption, use, x.keyOf(a.Encryption))
	envelope.Multipart, envelope.Copied = true, a.Envelope.Copied
	if err := envelope.Wrap(x.place(), use, crypto.Secrets{DataKey: a.Secrets.DataKey}); err != nil {
		return nil, fmt.Errorf("seal the envelope: %w", err)
	}
	var r store.Request
	if err := a.from.CopyMetadata(&r, envelope.AppendText(nil), 0); err != nil {
		return nil, err
	}
	u, err := x.beginStoreUpload(ctx, r.Header)
	if err != nil {
		return nil, err
	}
	defer u.abandon(ctx)
	if err := u.copyRange(ctx, a.from, 0, a.stored-1); err != nil {
		if errors.Is(err, ErrReplaced) {
			return nil, x.Conflict(err)
		}
		return nil, err
	}
	if err := a.readBack(ctx); err != nil {
		return nil, err
	}
	defer a.close()
	var sum *crypto.Checksum
	var trailer *crypto.Trailer
	sealed := &sealWriter{
		body: a, sealer: a.Secrets.DataKey.NewSealer(&a.last.Salt),
		finished: func(c *crypto.Checksum) { a.last.SetChecksum(c.Algorithm, c.Value) },
		end: func() (io.Reader, error) {
			sum = a.objectChecksum()
			trailer = &crypto.Trailer{Length: a.total(), Parts: append(a.parts, a.last), Checksum: sum}
			return a.Secrets.DataKey.NewEnd(&envelope.ObjectID, trailer)
		},
	}
	if err := u.putPart(ctx, crypto.StoredLength(a.total())-a.stored, sealed); err != nil {
		return nil, err
	}
	if ctx, err = a.commit(ctx); err != nil {
		return nil, err
	}
	etag, err := u.complete(ctx, a.condition(), &envelope)
	if err != nil {
		if e := Translate(err); e.Code == "PreconditionFailed" || e.Code == "NoSuchKey" ||
			e.Code == "ConditionalRequestConflict" {
			return nil, x.Conflict(err)
		}
		return nil, err
	}
	x.Objects.layouts.put(x.layoutName(),
		&cachedLayout{
			etag: etag, objectID: envelope.ObjectID, total: crypto.StoredLength(a.total()), layout: trailer.Layout(),
			checksum: sum,
		})
	return a.outcome(etag, sum), nil
}

// objectChecksum is the object's after the append: section 6.3. nil when the parts don't all have one.
func (a *Append) objectChecksum() *crypto.Checksum {
	switch {
	case a.old != nil && a.old.Type == crypto.FullObject && a.Kind.Full:
		return &crypto.Checksum{
			Type: crypto.FullObject, Algorithm: a.Kind.Algorithm,
			Value: s3.CombineCRC(a.Kind.Algorithm, a.old.Value, a.sum.Value, a.Body.Size()),
		}
	case a.Kind.Full:
		return combineParts(a.Kind.Algorithm, append(a.parts, a.last))
	}
	h := a.Kind.Make()
	for _, part := range append(a.parts, a.last) {
		c := part.Checksum()
		if c == nil || c.Algorithm != a.Kind.Algorithm {
			return nil
		}
		h.Write(c.Value)
	}
	return &crypto.Checksum{Type: crypto.Composite, Algorithm: a.Kind.Algorithm, Value: h.Sum(nil)}
}

func (a *Append) outcome(etag string, sum *crypto.Checksum) *AppendResult {
	return &AppendResult{ETag: etag, Length: a.total(), Checksum: sum, Parts: len(a.parts) + 1}
}
