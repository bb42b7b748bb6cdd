package gateway

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/store"
	"sealfront/sigv4"
	"sealfront/xmldoc"
)

// A transfer makes another object of an object's sealed bytes, under an envelope that was made for the new place. Nothing
// is opened on the way. The store copies the bytes itself where that is safe; else they stream through.
//
//	                                                  store-side CopyObject    one request
//	no body at all                                    PUT                      one request, all conditions
//	conditions on the destination that the store      GET and PUT              the bytes stream through
//	ignores on a copy (L5); onto itself where
//	that isn't atomic (L4)
//	above the limit of one copy                       UploadPartCopy …         Create, a copy for 5 GiB, Complete, HEAD
//
// Each way is bound to the version of the source that was looked at: else new bytes would lie under an old envelope (L5).
type transfer struct {
	from   *origin
	to     *exchange     // at the destination
	header []sigv4.Field // all metadata of the new object
	// envelope is the new object's, which header carries.
	envelope *crypto.Envelope

	// conditions on the destination, in the store's form; "" for none.
	match, noneMatch string
	tags             copiedTags
}

// transferred is what became of it.
type transferred struct {
	etag     string // the store's
	modified time.Time
	version  []element // what the store tells of its version
}

// inPlace reports whether the copy lies where the source does, self whether it replaces the source: a version that was
// named need not be the current one.
func (t *transfer) inPlace() bool {
	return t.from.x.record.StoreName == t.to.record.StoreName && t.from.x.key == t.to.key
}

func (t *transfer) self() bool { return t.inPlace() && t.from.x.version == "" }

// run carries the transfer out. errReplaced means that the source is another by now. Its faults are those of a write to
// the destination.
func (t *transfer) run() (*transferred, error) {
	abilities := &t.to.g.o.Abilities
	if t.self() && t.match == "" {
		t.match = t.from.etag // whatever the way, only this version may be replaced
	}
	conditional := t.match != "" || t.noneMatch != ""
	switch {
	case t.from.total == 0:
		return t.put(nil)
	case t.from.total > t.to.g.o.CopyLimit:
		return t.byParts()
	case conditional && !abilities.ConditionalCopy, t.inPlace() && !abilities.AtomicSelfCopy:
		return t.through()
	}
	return t.storeCopy()
}

func (t *transfer) setConditions(r *store.Request) {
	if t.match != "" {
		r.Set("If-Match", t.match)
	}
	if t.noneMatch != "" {
		r.Set("If-None-Match", t.noneMatch)
	}
}

// setSource names the source, in the version that was looked at.
func (t *transfer) setSource(r *store.Request) { setCopySource(r, t.from) }

func setCopySource(r *store.Request, from *origin) {
	source := url.URL{Path: "/" + from.x.record.StoreName + "/" + from.x.key}
	name := strings.ReplaceAll(source.EscapedPath(), "+", "%2B")
	if from.x.version != "" {
		name += "?" + store.AppendQuery("", "versionId", from.x.version)
	}
	r.Set("x-amz-copy-source", name)
	r.Set("x-amz-copy-source-if-match", from.etag)
}

// fault translates the store's refusal to write.
func (t *transfer) fault(f *store.Fault) error {
	if f.Status == http.StatusPreconditionFailed && t.self() && t.to.headerValue("if-match") == "" {
		return errReplaced // the condition was ours
	}
	return t.to.writeFault(f)
}

// put makes the object with this body, nil for none.
func (t *transfer) put(body io.WriterTo) (*transferred, error) {
	r := &store.Request{Operation: "PutObject", Method: "PUT", Bucket: t.to.record.StoreName, Key: t.to.key, Header: append([]sigv4.Field(nil), t.header...)}
	if body == nil {
		r.Bytes = []byte{}
	} else {
		r.Body, r.Length = body, t.from.total
	}
	if err := t.tags.send(r, t.from); err != nil {
		return nil, err
	}
	t.setConditions(r)
	a, err := t.to.g.o.Store.Do(t.to.context, r)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return nil, t.fault(f)
	}
	return &transferred{etag: string(a.Get("Etag")), modified: t.to.storeTime(a), version: t.to.versionOf(a)}, nil
}

// storeTime is when the store answered, by its own clock, like every date that it tells later: it doesn't say when the
// object that it has just taken was modified.
func (x *exchange) storeTime(a *store.Answer) time.Time {
	if date, err := http.ParseTime(string(a.Get("Date"))); err == nil {
		return date
	}
	return x.start
}

// listedTime is a date as S3's XML has it.
func listedTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// through streams the sealed bytes from the store to the store.
func (t *transfer) through() (*transferred, error) {
	x := t.from.x
	r := x.about("GetObject", "GET")
	r.Set("If-Match", t.from.etag)
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return nil, t.sourceFault(f)
	}
	if a.Length != t.from.total {
		return nil, errReplaced
	}
	return t.put(&sealedBytes{x: x, answer: a})
}

// sealedBytes are the body of an answer on its way back to the store.
type sealedBytes struct {
	x      *object
	answer *store.Answer
}

// WriteTo writes them to their end; a body that ends early is an error, so that nothing is stored.
func (s *sealedBytes) WriteTo(w io.Writer) (int64, error) {
	slab := crypto.GetSlab()
	defer crypto.PutSlab(slab, 0) // sealed bytes only
	var failed error
	n, err := copyThrough(w, readerFunc(func(p []byte) (int, error) {
		n, err := s.answer.Read(p)
		if err != nil && err != io.EOF { //nolint:errorlint // Read returns it as it is
			failed = unavailable(fmt.Errorf("read %s/%s from the store: %w", s.x.bucket, s.x.key, err))
		}
		return n, err
	}), slab.Body())
	if failed != nil {
		return n, failed
	}
	return n, err
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// sourceFault translates the store's refusal of the source.
func (t *transfer) sourceFault(f *store.Fault) error {
	if f.Status == http.StatusPreconditionFailed || f.Status == http.StatusNotFound {
		return errReplaced
	}
	return storeError(f, t.from.x.bucket, t.from.x.key)
}

// copyResult is the store's answer to CopyObject and UploadPartCopy.
type copyResult struct {
	XMLName      xml.Name
	ETag         string
	LastModified time.Time
	Code         string // of an error in a 200
	Message      string

	version string // of the copy
}

// doCopy sends a CopyObject or UploadPartCopy. A 200 may carry an error.
func doCopy(x *exchange, r *store.Request) (*copyResult, *store.Fault, error) {
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return nil, f, nil
	}
	body, err := a.Bytes(maxDocument)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	var result copyResult
	if err := xmldoc.Unmarshal(body, &result); err != nil {
		return nil, nil, internal(fmt.Errorf("the store answered %s without a result: %w", r.Operation, err))
	}
	if result.XMLName.Local == "Error" {
		f := &store.Fault{Operation: r.Operation, Status: http.StatusInternalServerError, Code: result.Code, Message: result.Message}
		if f.Code == "PreconditionFailed" {
			f.Status = http.StatusPreconditionFailed
		}
		return nil, f, nil
	}
	result.version = string(a.Get("x-amz-version-id"))
	return &result, nil, nil
}

// storeCopy has the store copy the bytes.
func (t *transfer) storeCopy() (*transferred, error) {
	x := t.to
	r := &store.Request{Operation: "CopyObject", Method: "PUT", Bucket: x.record.StoreName, Key: x.key, Header: append([]sigv4.Field(nil), t.header...)}
	t.setSource(r)
	r.Set("x-amz-metadata-directive", "REPLACE")
	t.tags.direct(r)
	t.setConditions(r)
	result, f, err := doCopy(x, r)
	switch {
	case err != nil:
		return nil, err
	case f == nil:
		return &transferred{etag: result.ETag, modified: result.LastModified, version: t.to.versionNamed(result.version)}, nil
	case f.Status == http.StatusNotFound && f.Code != "NoSuchBucket":
		return nil, errReplaced
	case f.Status != http.StatusPreconditionFailed:
		return nil, t.to.writeFault(f)
	case t.match == "" && t.noneMatch == "":
		return nil, errReplaced
	}
	// The source's condition or the destination's: the source can be asked.
	now, err := t.from.x.glance()
	if err != nil {
		return nil, err
	}
	if now.etag != t.from.etag {
		return nil, errReplaced
	}
	return nil, t.fault(f)
}

// byParts has the store copy an object that is too large for one copy.
func (t *transfer) byParts() (*transferred, error) {
	if (t.match != "" || t.noneMatch != "") && !t.to.g.o.Abilities.ConditionalComplete {
		return nil, policy.NotImplemented(t.to.operation)
	}
	r := &store.Request{Header: append([]sigv4.Field(nil), t.header...)}
	if err := t.tags.send(r, t.from); err != nil {
		return nil, err
	}
	u, err := t.to.beginStoreUpload(r.Header)
	if err != nil {
		return nil, err
	}
	defer u.abandon()
	if err := u.copyRange(t.from, 0, t.from.total-1); err != nil {
		return nil, err
	}
	r = &store.Request{}
	t.setConditions(r)
	etag, err := u.complete(r.Header, t.envelope)
	var e *s3Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.code == "PreconditionFailed" && t.self() && t.to.headerValue("if-match") == "":
		return nil, errReplaced // the condition was ours
	default:
		return nil, err
	}
	return &transferred{etag: etag, modified: t.to.start, version: u.version}, nil
}
