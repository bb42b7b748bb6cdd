package objects

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// An object that gets another envelope by UpdateObjectEncryption keeps the ETag that clients know, so its sealed bytes
// stay as they are, with their trailer. A client's ETag is the store's, in listings as in answers, so the store must
// give the new object the ETag of the old one. Stores differ in what they make ETags of. The object is replaced only
// where its ETag is known beforehand:
//
//	the store copies onto itself, in one step,        store-side CopyObject    found out by the probe
//	under conditions, and the ETag stays
//	an empty object                                   PUT                      all have one ETag
//	the ETag says nothing of parts, and is made       GET and PUT              found out by the probe
//	of the bytes
//	it is an MD5 of parts' MD5s                       UploadPartCopy …         the parts' ETags, before Complete
//	it is the bytes' MD5                              GET and PUT              the last byte waits until they have it
//	otherwise                                         501 NotImplemented
//
// An object of at most 4 KiB stored is at hand, and needs no GET. All are bound to the ETag by If-Match. If-Match
// doesn't distinguish two envelopes over the same bytes, which copies onto itself, Rewrap and this operation write: all
// of them have the key's claim, and read what they replace, with its wrap salt, under that claim.

// errETagChanges is for the log.
var errETagChanges = errors.New("the store would give the object another ETag")

const md5OfNothing = "d41d8cd98f00b204e9800998ecf8427e"

// replaceSameETag replaces the object, and logs if its ETag changed nevertheless.
func (t *transfer) replaceSameETag(ctx context.Context) (*WriteResult, error) {
	done, err := t.sendSameETag(ctx)
	if err == nil && s3.Unquote(done.ETag) != s3.Unquote(t.from.ETag) {
		// The object is replaced already: all that is left is to log it.
		t.to.Objects.o.Log.Warn("the store gave an object a different ETag than its probe predicted",
			zap.String("bucket", t.to.Bucket),
			zap.String("key", t.to.Key), zap.String("was", t.from.ETag), zap.String("is", done.ETag))
	}
	return done, err
}

// sendSameETag replaces the object by the first method of the table that keeps its ETag on this store.
func (t *transfer) sendSameETag(ctx context.Context) (*WriteResult, error) {
	a := &t.to.Objects.o.Abilities
	large := t.from.total > t.to.Objects.o.CopyLimit
	sum, parts := md5ETag(t.from.ETag)
	if t.from.total == 0 { // on most stores the condition lets any empty object through
		if err := t.from.Object.checkUnchanged(ctx, t.from.Sealed); err != nil {
			return nil, err
		}
	}
	switch {
	case a.ConditionalCopy && a.AtomicSelfCopy && a.CopyKeepsETag && !large:
		return t.storeCopy(ctx)
	case t.from.total == 0 && (a.ETagOfBytes || sum == md5OfNothing):
		return t.put(ctx, nil)
	case t.from.total == 0:
	case a.ETagOfBytes && large:
		return t.byParts(ctx)
	case a.ETagOfBytes:
		return t.stream(ctx)
	case parts > 0 && a.ConditionalComplete:
		return t.bySameParts(ctx, sum, parts)
	case parts == 0 && sum != "" && !large:
		t.sum = sum
		return t.stream(ctx)
	}
	return nil, t.etagChanges()
}

// stream writes the object's sealed bytes, which may be at hand.
func (t *transfer) stream(ctx context.Context) (*WriteResult, error) {
	if t.from.total > int64(len(t.from.end)) {
		done, err := t.passThrough(ctx)
		if errors.Is(err, errETagChanges) {
			err = t.etagChanges()
		}
		return done, err
	}
	if is := md5.Sum(t.from.end); t.sum != "" && hex.EncodeToString(is[:]) != t.sum {
		return nil, t.etagChanges()
	}
	return t.putStored(ctx)
}

func (t *transfer) etagChanges() error {
	e := s3.Refuse("NotImplemented",
		"The store behind this service would give the object another ETag, which "+t.to.Operation.String()+
			" promises to keep. Copy the object onto itself with the encryption it is to have.", "Key", t.to.Key)
	return e.Because(errETagChanges)
}

// md5ETag reads a store's ETag that is an MD5 in hexadecimal, or one of the MD5s of a number of parts, with their
// number behind a dash. sum is "" for any other.
func md5ETag(etag string) (sum string, parts int) {
	sum, count, multipart := strings.Cut(s3.Unquote(etag), "-")
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != md5.Size || strings.ToLower(sum) != sum {
		return "", 0
	}
	if !multipart {
		return sum, 0
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || strconv.Itoa(n) != count {
		return "", 0
	}
	return sum, n
}

// copyChecked writes length bytes of r whose MD5 is sum, in hexadecimal; of others all but the last.
func copyChecked(w io.Writer, r io.Reader, length int64, sum string, memory []byte) (written int64, err error) {
	h := md5.New()
	r = io.TeeReader(r, h)
	if written, err = copyThrough(w, io.LimitReader(r, length-1), memory); err != nil {
		return written, err
	}
	if written < length-1 {
		return written, store.ErrUnavailable
	}
	if _, err = io.ReadFull(r, memory[:1]); err != nil {
		return written, err
	}
	if hex.EncodeToString(h.Sum(nil)) != sum {
		return written, errETagChanges
	}
	n, err := w.Write(memory[:1])
	return written + int64(n), err
}

// bySameParts has the store make the object of the parts that it was made of, whose ETags are the parts' MD5s, so that
// the object's comes out the same: it is made of them.
func (t *transfer) bySameParts(ctx context.Context, sum string, parts int) (*WriteResult, error) {
	ends := t.storeParts(parts)
	if ends == nil {
		return nil, t.etagChanges()
	}
	r := &store.Request{Header: t.header}
	if err := t.tags.send(ctx, r, t.from); err != nil {
		return nil, err
	}
	u, err := t.to.beginStoreUpload(ctx, r.Header)
	if err != nil {
		return nil, err
	}
	defer u.abandon(ctx)
	h := md5.New()
	first := int64(0)
	for _, end := range ends {
		if err := u.copyPart(ctx, t.from, crypto.Span{First: first, Last: end - 1}); err != nil {
			return nil, err
		}
		first = end
		raw, err := hex.DecodeString(s3.Unquote(u.etags[len(u.etags)-1]))
		if err != nil || len(raw) != md5.Size {
			return nil, t.etagChanges()
		}
		h.Write(raw)
	}
	if hex.EncodeToString(h.Sum(nil)) != sum {
		return nil, t.etagChanges()
	}
	return t.completeParts(ctx, u)
}

// storeParts are where the store's parts of the object end, if it has so many. Each part of the object was one of the
// store's, and the end another; or the last part, too small to be one, came with the end. What was copied in pieces has
// those.
func (t *transfer) storeParts(count int) (ends []int64) {
	layout := t.trailer.Layout()
	switch n := layout.Parts(); count {
	case n, n + 1:
		for i := range count - 1 {
			part := layout.Part(i)
			ends = append(ends, part.Stored+part.SealedLength)
		}
		return append(ends, t.from.total)
	}
	_, each := evenPieces(t.from.total, t.to.Objects.o.CopyLimit)
	for end := each; end < t.from.total; end += each {
		ends = append(ends, end)
	}
	if len(ends)+1 != count {
		return nil
	}
	return append(ends, t.from.total)
}

// Reencrypt seals the data key of the object o, which lies at x, again: as e says, in one conditional step of the
// store. attributes are headers that the object has as well as its metadata. may is called before the object is opened.
// ErrReplaced means that the object was replaced meanwhile. The caller has the key's claim.
func (o *Source) Reencrypt(
	ctx context.Context, x *Object, e policy.Encryption, attributes []sigv4.Field, may func(keyARN string) error,
	start time.Time,
) (*WriteResult, error) {
	t, err := o.inPlace(ctx, x, e, attributes, may)
	if err != nil {
		return nil, err
	}
	defer t.key.Wipe()
	t.start, t.sameETag = start, true
	return t.run(ctx)
}
