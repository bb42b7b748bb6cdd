package objects

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// completeAttempts is how often a Complete starts again because the key or the store's last part changed meanwhile.
const completeAttempts = 5

// assemble makes the object. It returns the store's ETag of it.
func (c *Completion) assemble(ctx context.Context, secrets *crypto.Secrets) (string, error) {
	if c.allStashed() {
		return c.put(ctx, secrets)
	}
	tail := ""
	var last error
	for range completeAttempts {
		claimed, err := "", error(nil)
		if tail == "" {
			tail, err = c.putTail(ctx, &secrets.DataKey)
		}
		if err == nil {
			claimed, err = c.completeStore(ctx, tail)
		}
		// What the key holds counts, not the store's answer: an answer may be lost, or wrong.
		seen, failed := c.look(ctx)
		if failed != nil {
			return "", errors.Join(err, failed)
		}
		if c.isOurs(&seen) {
			if err != nil {
				c.abort(ctx) // a late part may have created the upload again
			}
			return seen.etag, nil
		}
		var e *s3.Error
		switch {
		case err == nil && claimed != "" && claimed != c.before.etag && (seen.etag == "" || seen.etag != c.before.etag) &&
			!c.tailUnchanged(ctx, tail):
			// The upload is over, and its object is gone: it was replaced or deleted meanwhile.
			return claimed, nil
		case err == nil:
			return "", s3.Internal(errors.New("the store answered 200 to CompleteMultipartUpload, and the object is not there"))
		case !errors.As(err, &e):
			return "", err
		case e.Code == "InvalidPart" && tail != "":
			if c.tailUnchanged(ctx, tail) {
				return "", err // it isn't the end that has changed: a part whose new attempt failed after the store had taken it
			}
			tail = ""
		case !c.mayRepeat(e, &seen):
			return "", err
		}
		last = err
	}
	return "", c.conflict(last)
}

// mayRepeat reports whether the store refused a condition that was ours, and takes what was seen for the next one.
func (c *Completion) mayRepeat(e *s3.Error, seen *Entry) bool {
	nothing := seen.etag == "" && c.before.etag == ""
	switch e.Code {
	case "PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey":
	case "NotImplemented": // of a delete marker, see markerStore
		if !nothing {
			return false
		}
	default:
		return false
	}
	if c.conditional() {
		// A markerStore that couldn't send the body twice: now it looks first.
		return nothing && e.Code == "ConditionalRequestConflict" && c.Conditions.NoneMatch != ""
	}
	// There is still no object, and yet the condition failed: some stores take a delete marker for an object.
	c.unbound = nothing && e.Code != "ConditionalRequestConflict"
	c.before = *seen
	return true
}

// conditional reports whether the client has a condition of its own.
func (c *Completion) conditional() bool {
	return c.Conditions.conditional()
}

// setConditions puts the client's conditions onto the store's request; without any, it puts the one that only what was
// seen under the claim meets.
func (c *Completion) setConditions(r *store.Request, able bool) {
	switch {
	case c.conditional():
		c.Conditions.Set(r)
	case !able || c.unbound:
	case c.before.etag == "":
		r.Set("If-None-Match", "*")
	default:
		r.Set("If-Match", c.before.etag)
	}
}

// conflict is the error for a key or an upload that changed on every attempt.
func (c *Completion) conflict(err error) error {
	return s3.OperationAborted("UploadId", c.Upload.ID).Because(
		fmt.Errorf("complete %s/%s: %w", c.Object.Bucket, c.Object.Key, err))
}

// put makes the object of an upload whose parts the store doesn't have, in one request, and aborts the store's upload.
func (c *Completion) put(ctx context.Context, secrets *crypto.Secrets) (string, error) {
	x := c.Object
	var last error
	for range completeAttempts {
		r := &store.Request{Operation: "PutObject", Method: "PUT", Bucket: x.Record.StoreName, Key: x.Key}
		for _, h := range c.Upload.Header {
			r.Set(h.Name, h.Value)
		}
		envelope, done, err := c.content(ctx, r, secrets)
		if err != nil {
			return "", err
		}
		r.SetBytes(x.Objects.o.MetadataHeader, envelope)
		c.setConditions(r, x.Objects.o.Abilities.ConditionalPut)
		etag, err := c.sendPut(ctx, r)
		done()
		if err == nil {
			c.abort(ctx)
			return etag, nil
		}
		seen, failed := c.look(ctx)
		if failed != nil {
			return "", errors.Join(err, failed)
		}
		if c.isOurs(&seen) {
			c.abort(ctx)
			return seen.etag, nil
		}
		var e *s3.Error
		if !errors.As(err, &e) || !c.mayRepeat(e, &seen) {
			return "", err
		}
		last = err
	}
	return "", c.conflict(last)
}

func (c *Completion) sendPut(ctx context.Context, r *store.Request) (string, error) {
	a, err := c.Object.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return "", err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return "", c.Object.WriteFault(f, &c.Conditions)
	}
	c.Version = c.Object.VersionOf(a)
	return string(a.Get("Etag")), nil
}

// content puts the object's body onto a request and returns its envelope. An object without bytes is its envelope
// alone.
func (c *Completion) content(
	ctx context.Context, r *store.Request, secrets *crypto.Secrets,
) (envelope []byte, done func(), err error) {
	x := c.Object
	if c.trailer.Length > 0 {
		body, length, err := c.tail(ctx, &secrets.DataKey)
		if err != nil {
			return nil, nil, err
		}
		r.Body, r.Length = body, length
		return c.Upload.Envelope.AppendText(nil), body.close, nil
	}
	e := *c.Upload.Envelope
	use, err := x.openingKey(ctx, &e, false)
	if err != nil {
		return nil, nil, err
	}
	defer use.Release()
	e.Multipart = false
	// An object of one part has the checksum of its bytes, even if the upload's type was another.
	kind := c.Upload.Kind()
	full := &crypto.Checksum{Type: crypto.FullObject, Algorithm: kind.Algorithm, Value: kind.Make().Sum(nil)}
	if err := e.Wrap(x.place(), use,
		crypto.Secrets{DataKey: secrets.DataKey, HasLength: true, Checksum: full}); err != nil {
		return nil, nil, fmt.Errorf("seal the envelope: %w", err)
	}
	r.Bytes = []byte{}
	return e.AppendText(nil), func() {}, nil
}

// abort aborts the store's upload once the object exists.
func (c *Completion) abort(ctx context.Context) {
	if err := c.Object.abortStore(ctx, c.Upload.ID); err != nil {
		c.Object.Objects.o.Log.Warn("the store's upload could not be aborted; the bucket's lifecycle may", zap.Error(err))
	}
}

// tailNumber is the store's part for the object's end: 10,000, or the next one on stores that want no gaps.
func (c *Completion) tailNumber() int {
	if c.Object.Objects.o.Abilities.PartGaps {
		return LastPart
	}
	last := c.parts[len(c.parts)-1]
	if last.Stashed {
		return len(c.parts)
	}
	return len(c.parts) + 1
}

// tail is the object's end behind its last part, where that is stashed, and its length.
func (c *Completion) tail(ctx context.Context, key *crypto.DataKey) (*tailBody, int64, error) {
	x := c.Object
	end, err := key.NewEnd(&c.Upload.Envelope.ObjectID, &c.trailer)
	if err != nil {
		return nil, 0, err
	}
	body := &tailBody{end: end}
	length := end.Len()
	last := &c.parts[len(c.parts)-1]
	if !last.Stashed {
		return body, length, nil
	}
	r := &store.Request{
		Operation: "GetObject", Method: "GET", Bucket: x.Objects.o.StateBucket,
		Key: state.StashName(c.Upload.Upload, last.Number, last.Salt),
	}
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	body.stash = a
	if f := a.Fault(r.Operation); f != nil {
		body.close()
		return nil, 0, s3.Internal(fmt.Errorf("read the stashed part %d: %w", last.Number, f))
	}
	if a.Length != crypto.SealedLength(last.Length) {
		body.close()
		return nil, 0, x.damage("stash", "the stashed part %d has %d bytes", last.Number, a.Length)
	}
	return body, length + a.Length, nil
}

// putTail writes [stashed last part ‖] padding ‖ trailer ‖ tail and returns the store's ETag of it.
func (c *Completion) putTail(ctx context.Context, key *crypto.DataKey) (string, error) {
	x := c.Object
	body, length, err := c.tail(ctx, key)
	if err != nil {
		return "", err
	}
	defer body.close()
	r := &store.Request{
		Operation: "UploadPart", Method: "PUT", Bucket: x.Record.StoreName, Key: x.Key,
		Query: store.AppendQuery("partNumber="+strconv.Itoa(c.tailNumber()), "uploadId", c.Upload.ID), Length: length,
		Body: body,
	}
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return "", err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return "", c.storeFault(f)
	}
	return string(a.Get("Etag")), nil
}

// tailUnchanged reports whether the store's last part still has this ETag.
func (c *Completion) tailUnchanged(ctx context.Context, tail string) bool {
	stored, err := c.Object.storedParts(ctx, c.Upload.ID, []int{c.tailNumber()})
	return err == nil && s3.Unquote(stored[c.tailNumber()].ETag) == s3.Unquote(tail)
}

// tailBody is what the store's last part holds.
type tailBody struct {
	stash *store.Answer // sealed bytes of the last part; nil when it is in the store
	end   io.Reader
}

func (t *tailBody) close() {
	if t.stash != nil {
		t.stash.Close()
	}
}

// WriteTo streams it.
func (t *tailBody) WriteTo(w io.Writer) (written int64, err error) {
	slab := crypto.GetSlab()
	defer crypto.PutSlab(slab, 0) // sealed bytes only
	if t.stash != nil {
		if written, err = copyThrough(w, t.stash, slab.Body()); err != nil {
			return written, err
		}
	}
	n, err := copyThrough(w, t.end, slab.Body())
	return written + n, err
}

// completeStore sends the store's Complete and returns the ETag that it claims the object has. A 200 may carry an
// error.
func (c *Completion) completeStore(ctx context.Context, tail string) (etag string, err error) {
	x := c.Object
	var b strings.Builder
	b.WriteString(`<CompleteMultipartUpload xmlns="` + s3.Namespace + `">`)
	part := func(number int, etag string) {
		b.WriteString("<Part><PartNumber>" + strconv.Itoa(number) + "</PartNumber><ETag>&quot;")
		_ = xml.EscapeText(&b, []byte(s3.Unquote(etag)))
		b.WriteString("&quot;</ETag></Part>")
	}
	for i := range c.parts {
		if !c.parts[i].Stashed {
			part(c.parts[i].Number, c.parts[i].StoreETag)
		}
	}
	part(c.tailNumber(), tail)
	b.WriteString("</CompleteMultipartUpload>")
	r := &store.Request{
		Operation: "CompleteMultipartUpload", Method: "POST", Bucket: x.Record.StoreName, Key: x.Key,
		Query: store.AppendQuery("", "uploadId", c.Upload.ID), Bytes: []byte(b.String()),
	}
	r.Set("Content-Type", "application/xml")
	c.setConditions(r, x.Objects.o.Abilities.ConditionalComplete)
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return "", err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return "", c.storeFault(f)
	}
	body, err := a.Bytes(MaxDocument)
	if err != nil {
		return "", s3.Unavailable(err)
	}
	if f := faultIn(body, r.Operation); f != nil {
		return "", c.storeFault(f)
	}
	var result struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		ETag    string
	}
	_ = xmldoc.Unmarshal(body, &result) // what can't be read claims nothing
	c.Version = x.VersionOf(a)
	return result.ETag, nil
}

// storeFault translates the store's refusal of the last part or of Complete.
func (c *Completion) storeFault(f *store.Fault) error {
	switch {
	case f.Code == "NoSuchUpload":
		return NoSuchUpload(c.Upload.ID).Because(f)
	case f.Code == "InvalidPart", f.Code == "InvalidPartOrder":
		return s3.InvalidPart("UploadId", c.Upload.ID).Because(f)
	}
	return c.Object.WriteFault(f, &c.Conditions)
}

// look reads what the store holds at the upload's key.
func (c *Completion) look(ctx context.Context) (Entry, error) {
	a, s, err := c.Object.HeadIf(ctx, Unconditional)
	if err != nil {
		if code := Translate(err).Code; code == "NoSuchKey" || code == "InvalidObjectState" {
			return c.Object.Objects.Head(ctx, c.Object.Record.StoreName, c.Object.Key)
		}
		return Entry{}, err
	}
	defer a.Close()
	seen := Entry{etag: s.ETag, envelope: s.Envelope}
	if c.isOurs(&seen) {
		c.Version = c.Object.VersionOf(a)
	}
	return seen, nil
}
