package objects

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// A storeUpload is a multipart upload of the store by which one request of a client makes an object of bytes that are
// in the store already. No client knows of it and it has no record: after a crash its parts are left to the store's
// lifecycle.
type storeUpload struct {
	x     *Object // to be
	id    string
	etags []string // of the parts
	done  bool

	version []s3.Element // what the store tells of the object's version, once it is done
}

func (x *Object) beginStoreUpload(ctx context.Context, header []sigv4.Field) (*storeUpload, error) {
	id, err := x.beginUpload(ctx, header, func(f *store.Fault) error { return StoreError(f, x.Bucket, x.Key) })
	if err != nil {
		return nil, err
	}
	return &storeUpload{x: x, id: id}, nil
}

// next is the request that makes the next part.
func (u *storeUpload) next(operation string) *store.Request {
	return &store.Request{
		Operation: operation, Method: "PUT", Bucket: u.x.Record.StoreName, Key: u.x.Key,
		Query: store.AppendQuery("partNumber="+strconv.Itoa(len(u.etags)+1), "uploadId", u.id),
	}
}

// copyRange copies the stored bytes first to last of an object into parts as large as the store takes them. Where the
// store's parts end doesn't matter: only the trailer says where those of the object do.
func (u *storeUpload) copyRange(ctx context.Context, from *Source, first, last int64) error {
	_, each := evenPieces(last-first+1, u.x.Objects.o.CopyLimit)
	for ; first <= last; first += each {
		if err := u.copyPart(ctx, from, crypto.Span{First: first, Last: min(last, first+each-1)}); err != nil {
			return err
		}
	}
	return nil
}

// copyPart copies stored bytes of an object into the next part.
func (u *storeUpload) copyPart(ctx context.Context, from *Source, span crypto.Span) error {
	r := u.next("UploadPartCopy")
	setCopySource(r, from)
	r.Set("x-amz-copy-source-range", spanRange(span))
	result, f, err := doCopy(ctx, u.x, r)
	switch {
	case err != nil:
		return err
	case f == nil:
		u.etags = append(u.etags, result.ETag)
		return nil
	case f.Status == http.StatusPreconditionFailed, f.Status == http.StatusNotFound && f.Code != "NoSuchUpload":
		return ErrReplaced
	}
	// Stores look at the range before they look at the condition.
	if err := from.Object.stands(ctx, from.Sealed); err != nil {
		return err
	}
	return StoreError(f, u.x.Bucket, u.x.Key)
}

// putPart writes the next part.
func (u *storeUpload) putPart(ctx context.Context, length int64, body io.WriterTo) error {
	r := u.next("UploadPart")
	r.Length, r.Body = length, body
	a, err := u.x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return StoreError(f, u.x.Bucket, u.x.Key)
	}
	u.etags = append(u.etags, string(a.Get("Etag")))
	return nil
}

// complete makes the object under the given conditions and returns the store's ETag of it. Not the store's answer
// counts but the object that is there afterwards (L3): it must have the object id and the last wrap's envelope.
func (u *storeUpload) complete(
	ctx context.Context, conditions []sigv4.Field, envelope *crypto.Envelope,
) (string, error) {
	var b strings.Builder
	b.WriteString(`<CompleteMultipartUpload xmlns="` + s3.Namespace + `">`)
	for i, etag := range u.etags {
		b.WriteString("<Part><PartNumber>" + strconv.Itoa(i+1) + "</PartNumber><ETag>&quot;")
		_ = xml.EscapeText(&b, []byte(s3.Unquote(etag)))
		b.WriteString("&quot;</ETag></Part>")
	}
	b.WriteString("</CompleteMultipartUpload>")
	x := u.x
	r := &store.Request{
		Operation: "CompleteMultipartUpload", Method: "POST", Bucket: x.Record.StoreName, Key: x.Key,
		Query: store.AppendQuery("", "uploadId", u.id), Bytes: []byte(b.String()), Header: conditions,
	}
	r.Set("Content-Type", "application/xml")
	refused := u.send(ctx, r)
	a, s, err := x.HeadIf(ctx, Unconditional)
	if err == nil {
		defer a.Close()
		if s.Envelope.WrapSalt == envelope.WrapSalt && s.Envelope.ObjectID == envelope.ObjectID {
			u.done = true
			u.version = u.x.VersionOf(a)
			return s.ETag, nil
		}
	}
	switch {
	case refused != nil:
		return "", refused
	case err != nil:
		return "", err
	}
	return "", s3.Internal(errors.New("the store answered 200 to CompleteMultipartUpload, and the object is not there"))
}

// send sends the Complete.
func (u *storeUpload) send(ctx context.Context, r *store.Request) error {
	a, err := u.x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return StoreError(f, u.x.Bucket, u.x.Key)
	}
	f, err := faultInside(a, r.Operation)
	switch {
	case err != nil:
		return s3.Unavailable(err)
	case f != nil:
		return StoreError(f, u.x.Bucket, u.x.Key)
	}
	return nil
}

// abandon gives an upload up that was not completed.
func (u *storeUpload) abandon(ctx context.Context) {
	if u.done {
		return
	}
	x := u.x
	a, err := x.Objects.o.Store.Do(ctx,
		&store.Request{
			Operation: "AbortMultipartUpload", Method: "DELETE", Bucket: x.Record.StoreName, Key: x.Key,
			Query: store.AppendQuery("", "uploadId", u.id),
		})
	if err != nil {
		x.Objects.o.Log.Warn("an upload of the store could not be aborted; its lifecycle may", zap.String("bucket", x.Bucket),
			zap.String("key", x.Key), zap.Error(err))
		return
	}
	a.Close()
}

// beginUpload begins an upload of the store and returns its id. fault translates the store's refusal.
func (x *Object) beginUpload(
	ctx context.Context, header []sigv4.Field, fault func(*store.Fault) error,
) (id string, err error) {
	r := &store.Request{
		Operation: "CreateMultipartUpload", Method: "POST", Bucket: x.Record.StoreName, Key: x.Key, Query: "uploads=",
		Header: header,
	}
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return "", err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return "", fault(f)
	}
	body, err := a.Bytes(MaxDocument)
	if err != nil {
		return "", s3.Unavailable(err)
	}
	var created struct{ UploadId string }
	if err := xmldoc.Unmarshal(body, &created); err != nil || created.UploadId == "" {
		return "", s3.Internal(fmt.Errorf("the store answered CreateMultipartUpload without an upload id: %w", err))
	}
	return created.UploadId, nil
}
