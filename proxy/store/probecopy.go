package store

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"sealfront/policy/xmldoc"
)

// copyTo has the store copy an object of the probe, with new metadata.
func (p *probe) copyTo(ctx context.Context, from, to, value string, change func(*Request)) error {
	r := &Request{Operation: "CopyObject", Method: "PUT", Key: to}
	r.Set("x-amz-copy-source", "/"+p.objects.bucket+"/"+from)
	r.Set("x-amz-metadata-directive", "REPLACE")
	r.Set("x-amz-meta-probe", value)
	if change != nil {
		change(r)
	}
	return p.doDocument(ctx, r)
}

// doDocument sends a request whose 200 may carry an error.
func (p *probe) doDocument(ctx context.Context, r *Request) error {
	a, err := p.objects.do(ctx, r)
	if err != nil {
		return err
	}
	defer a.Close()
	body, err := a.Bytes(maxFaultBody)
	if err != nil {
		return err
	}
	var failed struct {
		XMLName       xml.Name `xml:"Error"`
		Code, Message string
	}
	if xmldoc.Unmarshal(body, &failed) == nil {
		f := &Fault{Operation: r.Operation, Status: http.StatusBadRequest, Code: failed.Code, Message: failed.Message}
		if f.Code == "PreconditionFailed" {
			return errors.Join(ErrExists, f)
		}
		return f
	}
	return nil
}

// conditionalCopy: a copy is refused when the destination is there, or isn't the one named.
func (p *probe) conditionalCopy(ctx context.Context) (bool, error) {
	from, to := p.fresh("from"), p.fresh("to")
	for _, name := range []string{from, to} {
		if _, err := p.put(ctx, name, "1", "*"); err != nil {
			return false, err
		}
	}
	for _, condition := range [][2]string{{"If-None-Match", "*"}, {"If-Match", `"0123456789abcdef0123456789abcdef"`}} {
		if ok, err := refused(p.copyTo(ctx, from, to, "2",
			func(r *Request) { r.Set(condition[0], condition[1]) })); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// selfCopies is how often an object is copied onto itself while it is looked at.
const selfCopies = 16

// atomicSelfCopy: an object that is copied onto itself with new metadata has the old or the new at any time, and keeps
// the old when the copy fails. A store that changes an object in place shows itself by a copy that fails half-way: its
// tag is longer than any may be.
func (p *probe) atomicSelfCopy(ctx context.Context) (bool, error) {
	name := p.fresh("self")
	if _, err := p.put(ctx, name, "1", "*"); err != nil {
		return false, err
	}
	if err := p.copyTo(ctx, name, name, "old", nil); err != nil {
		return unlessRefused(err)
	}
	err := p.copyTo(ctx, name, name, "new", func(r *Request) {
		r.Set("x-amz-tagging-directive", "REPLACE")
		r.Set("x-amz-tagging", "tag="+strings.Repeat("t", 300))
	})
	value, headErr := p.metadata(ctx, name)
	if headErr != nil || err != nil && value != "old" || err == nil && value != "new" {
		return false, headErr
	}
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < selfCopies && err == nil; i++ {
			err = p.copyTo(ctx, name, name, strconv.Itoa(i), nil)
		}
		done <- err
	}()
	whole := true
	for {
		value, err := p.metadata(ctx, name)
		whole = whole && err == nil && value != ""
		select {
		case err := <-done:
			if err != nil {
				return unlessRefused(err)
			}
			return whole, nil
		default:
		}
	}
}

// etags: what ETag a copy of an object onto itself has, of one that was put and of one that was uploaded in parts; and
// whether those two, of the same bytes, have the same.
func (p *probe) etags(ofBytes *bool) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		whole, parts := p.fresh("whole"), p.fresh("parts")
		if _, err := p.put(ctx, whole, "1", "*"); err != nil {
			return false, err
		}
		u, err := p.beginUpload(ctx, parts, 1)
		if err != nil {
			return unlessRefused(err)
		}
		if err := u.complete(ctx, nil); err != nil {
			u.abort(ctx)
			return unlessRefused(err)
		}
		before := make(map[string]string)
		for _, name := range []string{whole, parts} {
			if before[name], err = p.etag(ctx, name); err != nil {
				return false, exceptRefusal(err)
			}
		}
		*ofBytes = before[whole] != "" && before[whole] == before[parts]
		for name, etag := range before {
			if err := p.copyTo(ctx, name, name, "copied", nil); err != nil {
				return unlessRefused(err)
			}
			after, err := p.etag(ctx, name)
			if err != nil || after != etag {
				return false, exceptRefusal(err)
			}
		}
		return true, nil
	}
}

func (p *probe) etag(ctx context.Context, name string) (string, error) {
	a, err := p.objects.do(ctx, &Request{Operation: "HeadObject", Method: "HEAD", Key: name})
	if err != nil {
		return "", err
	}
	defer a.Close()
	return string(a.Get("Etag")), nil
}

// conditionalComplete: an upload isn't completed when the object isn't the one named.
func (p *probe) conditionalComplete(ctx context.Context) (bool, error) {
	name := p.fresh("complete")
	if _, err := p.put(ctx, name, "1", "*"); err != nil {
		return false, err
	}
	for _, condition := range [][2]string{{"If-None-Match", "*"}, {"If-Match", `"0123456789abcdef0123456789abcdef"`}} {
		u, err := p.beginUpload(ctx, name, 1)
		if err != nil {
			return unlessRefused(err)
		}
		ok, err := refused(u.complete(ctx, func(r *Request) { r.Set(condition[0], condition[1]) }))
		u.abort(ctx)
		if !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// A probeUpload is a multipart upload of one part, of the probe.
type probeUpload struct {
	p           *probe
	name, query string
	number      int
	etag        string
}

func (p *probe) beginUpload(ctx context.Context, name string, number int) (*probeUpload, error) {
	a, err := p.objects.do(ctx, &Request{
		Operation: "CreateMultipartUpload", Method: "POST", Key: name,
		Query: "uploads=",
	})
	if err != nil {
		return nil, err
	}
	body, err := a.Bytes(maxFaultBody)
	a.Close()
	var created struct{ UploadId string }
	if err != nil || xmldoc.Unmarshal(body, &created) != nil || created.UploadId == "" {
		return nil, errors.Join(err, errors.New("CreateMultipartUpload answered no upload id"))
	}
	u := &probeUpload{p: p, name: name, query: AppendQuery("", "uploadId", created.UploadId), number: number}
	a, err = p.objects.do(ctx, &Request{
		Operation: "UploadPart", Method: "PUT", Key: name,
		Query: "partNumber=" + strconv.Itoa(number) + "&" + u.query, Bytes: []byte("1"),
	})
	if err != nil {
		u.abort(ctx)
		return nil, err
	}
	defer a.Close()
	u.etag = string(a.Get("Etag"))
	return u, nil
}

func (u *probeUpload) complete(ctx context.Context, change func(*Request)) error {
	var list strings.Builder
	list.WriteString("<CompleteMultipartUpload><Part><PartNumber>" + strconv.Itoa(u.number) + "</PartNumber><ETag>")
	_ = xml.EscapeText(&list, []byte(u.etag))
	list.WriteString("</ETag></Part></CompleteMultipartUpload>")
	r := &Request{
		Operation: "CompleteMultipartUpload", Method: "POST", Key: u.name, Query: u.query,
		Bytes: []byte(list.String()),
	}
	if change != nil {
		change(r)
	}
	return u.p.doDocument(ctx, r)
}

func (u *probeUpload) abort(ctx context.Context) {
	if a, err := u.p.objects.do(ctx,
		&Request{Operation: "AbortMultipartUpload", Method: "DELETE", Key: u.name, Query: u.query}); err == nil {
		a.Close()
	}
}

func (p *probe) metadata(ctx context.Context, name string) (string, error) {
	a, err := p.objects.do(ctx, &Request{Operation: "HeadObject", Method: "HEAD", Key: name})
	if err != nil {
		return "", err
	}
	defer a.Close()
	return string(a.Get("x-amz-meta-probe")), nil
}
