package gateway

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/xmldoc"
)

// completeAttempts is how often the store's last part is written anew when a concurrent Complete replaced it.
const completeAttempts = 2

// assemble puts the object's end into the store's last part and completes the store's upload. It returns the store's
// ETag of the object.
func (c *completion) assemble(key *crypto.DataKey) (string, error) {
	x := c.x
	var err error
	var tail string
	for range completeAttempts {
		var claimed string
		var before sight
		if tail, err = c.putTail(key); err == nil {
			before = c.look()
			claimed, err = c.completeStore(tail)
		}
		// The outcome counts, not the answer: it may be lost, or untrue.
		seen := c.look()
		if seen.ours {
			return seen.etag, nil
		}
		// Another object has come meanwhile. It replaced the upload's: nobody can tell that it wasn't so. An unchanged one says
		// that the upload's never was there.
		if err == nil && claimed != "" && seen.etag != "" && seen.etag != before.etag {
			return claimed, nil
		}
		var e *s3Error
		switch {
		case errors.As(err, &e) && e.code == "InvalidPart" && c.ambiguous:
			return "", err // attempts that the store's clock couldn't tell apart: the list named the older one
		case err == nil:
			return "", internal(errors.New("the store answered 200 to CompleteMultipartUpload, and the object is not there"))
		case !errors.As(err, &e) || e.code != "InvalidPart":
			return "", err
		}
	}
	if tail != "" && c.tailStands(tail) {
		return "", err // it isn't the end that has changed: a part whose new attempt failed after the store had taken it
	}
	// The store's last part kept changing under us: another Complete of this upload is at work.
	return "", refusal("OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Please try again.", "UploadId", c.u.ID).because(
		fmt.Errorf("complete %s/%s: %w", x.bucket, x.key, err))
}

// tailNumber is the store's part for the object's end: 10,000, or the next one on stores that want no gaps.
func (c *completion) tailNumber() int {
	if c.x.g.o.Abilities.PartGaps {
		return lastPart
	}
	last := c.parts[len(c.parts)-1]
	if last.Stashed {
		return len(c.parts)
	}
	return len(c.parts) + 1
}

// putTail writes [stashed last part ‖] padding ‖ trailer ‖ tail and returns the store's ETag of it.
func (c *completion) putTail(key *crypto.DataKey) (string, error) {
	x := c.x
	end, err := key.NewEnd(&c.u.envelope.ObjectID, &c.trailer)
	if err != nil {
		return "", err
	}
	body := &tailBody{end: end}
	length := end.Len()
	last := &c.parts[len(c.parts)-1]
	if last.Stashed {
		a, err := x.g.o.Store.Do(x.context, &store.Request{Operation: "GetObject", Method: "GET", Bucket: x.g.o.StateBucket, Key: state.StashName(c.u.Upload, last.Number, last.Salt)})
		if err != nil {
			return "", err
		}
		defer a.Close()
		if f := a.Fault("GetObject"); f != nil {
			return "", internal(fmt.Errorf("read the stashed part %d: %w", last.Number, f))
		}
		if a.Length != crypto.SealedLength(last.Length) {
			return "", x.damage("stash", "the stashed part %d has %d bytes", last.Number, a.Length)
		}
		body.stash = a
		length += a.Length
	}
	r := &store.Request{
		Operation: "UploadPart", Method: "PUT", Bucket: x.record.StoreName, Key: x.key,
		Query: store.AppendQuery("partNumber="+strconv.Itoa(c.tailNumber()), "uploadId", c.u.ID), Length: length, Body: body,
	}
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return "", err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return "", c.storeFault(f)
	}
	return string(a.Get("Etag")), nil
}

// tailStands reports whether the store's last part is still the one with this ETag.
func (c *completion) tailStands(tail string) bool {
	r := &store.Request{
		Operation: "ListParts", Method: "GET", Bucket: c.x.record.StoreName, Key: c.x.key,
		Query: store.AppendQuery("max-parts=1&part-number-marker="+strconv.Itoa(c.tailNumber()-1), "uploadId", c.u.ID),
	}
	a, err := c.x.g.o.Store.Do(c.x.context, r)
	if err != nil {
		return false
	}
	defer a.Close()
	var listed struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if a.Fault(r.Operation) != nil {
		return false
	}
	body, err := a.Bytes(maxDocument)
	if err != nil || xmldoc.Unmarshal(body, &listed) != nil {
		return false
	}
	for _, p := range listed.Part {
		if p.PartNumber == c.tailNumber() {
			return unquote(p.ETag) == unquote(tail)
		}
	}
	return false
}

// tailBody is what the store's last part holds.
type tailBody struct {
	stash io.Reader // sealed bytes of the last part; nil when it is in the store
	end   io.Reader
}

// WriteTo streams it.
func (t *tailBody) WriteTo(w io.Writer) (written int64, err error) {
	slab := crypto.GetSlab()
	defer crypto.PutSlab(slab, 0) // sealed bytes only
	for _, r := range []io.Reader{t.stash, t.end} {
		if r == nil {
			continue
		}
		n, err := copyThrough(w, r, slab.Body())
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// completeStore sends the store's Complete and returns the ETag that it claims the object has. A 200 may carry an error.
func (c *completion) completeStore(tail string) (etag string, err error) {
	x := c.x
	var b strings.Builder
	b.WriteString(`<CompleteMultipartUpload xmlns="` + s3Namespace + `">`)
	part := func(number int, etag string) {
		b.WriteString("<Part><PartNumber>" + strconv.Itoa(number) + "</PartNumber><ETag>&quot;")
		_ = xml.EscapeText(&b, []byte(unquote(etag)))
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
		Operation: "CompleteMultipartUpload", Method: "POST", Bucket: x.record.StoreName, Key: x.key,
		Query: store.AppendQuery("", "uploadId", c.u.ID), Bytes: []byte(b.String()),
	}
	r.Set("Content-Type", "application/xml")
	x.setWriteConditions(r)
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return "", err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return "", c.storeFault(f)
	}
	body, err := a.Bytes(maxDocument)
	if err != nil {
		return "", unavailable(err)
	}
	if f := faultIn(body, r.Operation); f != nil {
		return "", c.storeFault(f)
	}
	var result struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		ETag    string
	}
	_ = xmldoc.Unmarshal(body, &result) // what can't be read claims nothing
	x.showVersion(a)
	return result.ETag, nil
}

// faultInside reads a 200 that may carry an error document, as those to Complete and copies do.
func faultInside(a *store.Answer, operation string) (*store.Fault, error) {
	body, err := a.Bytes(maxDocument)
	if err != nil {
		return nil, err
	}
	return faultIn(body, operation), nil
}

// faultIn is faultInside for a body that has been read.
func faultIn(body []byte, operation string) *store.Fault {
	var failed struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	if xmldoc.Unmarshal(body, &failed) != nil {
		return nil
	}
	f := &store.Fault{Operation: operation, Status: http.StatusInternalServerError, Code: failed.Code, Message: failed.Message}
	if f.Code == "PreconditionFailed" {
		f.Status = http.StatusPreconditionFailed
	}
	return f
}

// storeFault translates the store's refusal of the last part or of Complete.
func (c *completion) storeFault(f *store.Fault) error {
	switch {
	case f.Code == "NoSuchUpload":
		return noSuchUpload(c.u.ID).because(f)
	case f.Code == "InvalidPart", f.Code == "InvalidPartOrder":
		return refusal("InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
			"UploadId", c.u.ID).because(f)
	}
	return c.x.writeFault(f)
}

// sight is what stands at an upload's key.
type sight struct {
	etag string // the store's; "" when nothing sealed is there
	ours bool   // its envelope carries the upload's object id
}

// look asks the store what stands at the upload's key.
func (c *completion) look() sight {
	a, s, err := c.x.lookAt(unconditional)
	if err != nil {
		return sight{}
	}
	defer a.Close()
	seen := sight{etag: s.etag, ours: s.envelope.ObjectID == c.u.envelope.ObjectID}
	if seen.ours {
		c.x.showVersion(a)
	}
	return seen
}

// visible reports whether the object at the upload's key is the one that the upload makes.
func (c *completion) visible() (etag string, ours bool) {
	seen := c.look()
	return seen.etag, seen.ours
}
