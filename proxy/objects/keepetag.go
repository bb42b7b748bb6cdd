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
// give the new object the ETag of the old one. Stores differ in what they make ETags of; which ETag it will be is known
// before the object is replaced, or nothing is:
//
//	the store copies onto itself, in one step,        store-side CopyObject    found out by the probe
//	under conditions, and the ETag stays
//	an empty object                                   PUT                      all have one ETag
//	the ETag says nothing of parts, and is made       GET and PUT              found out by the probe
//	of the bytes
//	it is an MD5 of parts' MD5s                       UploadPartCopy …         the parts' ETags, before Complete
//	it is the bytes' MD5                              GET and PUT              the last byte waits until they have it
//	else                                              501 NotImplemented
//
// An object of at most 4 KiB stored is at hand, and needs no GET. All are bound to the ETag by If-Match. That doesn't
// tell apart two envelopes over the same bytes, which copies onto itself, rewrap and this operation write: all of them
// have the key's claim, and what is replaced was looked at, with its wrap salt, under that.

// errETagChanges is for the log.
var errETagChanges = errors.New("the store would give the object another ETag")

const md5OfNothing = "d41d8cd98f00b204e9800998ecf8427e"

func (t *transfer) keeping(ctx context.Context) (*Written, error) {
	done, err := t.keep(ctx)
	if err == nil && s3.Unquote(done.ETag) != s3.Unquote(t.from.ETag) {
		// The object is there, under its new envelope: all that is left is to say so.
		t.to.Objects.o.Log.Warn("the store has given an object another ETag than it was seen to give",
			zap.String("bucket", t.to.Bucket),
			zap.String("key", t.to.Key), zap.String("was", t.from.ETag), zap.String("is", done.ETag))
	}
	return done, err
}

func (t *transfer) keep(ctx context.Context) (*Written, error) {
	a := &t.to.Objects.o.Abilities
	large := t.from.total > t.to.Objects.o.CopyLimit
	sum, parts := md5ETag(t.from.ETag)
	if t.from.total == 0 { // on most stores the condition lets any empty object through
		if err := t.from.Object.stands(ctx, t.from.Sealed); err != nil {
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
func (t *transfer) stream(ctx context.Context) (*Written, error) {
	if t.from.total > int64(len(t.from.end)) {
		done, err := t.through(ctx)
		if errors.Is(err, errETagChanges) {
			err = t.etagChanges()
		}
		return done, err
	}
	if is := md5.Sum(t.from.end); t.sum != "" && hex.EncodeToString(is[:]) != t.sum {
		return nil, t.etagChanges()
	}
	return t.whole(ctx)
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
func (t *transfer) bySameParts(ctx context.Context, sum string, parts int) (*Written, error) {
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

// Reencrypt seals the data key of the object o, which lies at x, anew: as e says, in one conditional step of the store.
// kept is what it keeps beside its metadata. may is asked before the object is opened. errReplaced means that it is
// another by now. The caller has the key's claim.
func (o *Source) Reencrypt(
	ctx context.Context, x *Object, e policy.Encryption, kept []sigv4.Field, may func(keyARN string) error,
	start time.Time,
) (*Written, error) {
	t, err := o.inPlace(ctx, x, e, kept, may)
	if err != nil {
		return nil, err
	}
	defer t.key.Wipe()
	t.start, t.keepETag = start, true
	return t.run(ctx)
}
