package memstore

import (
	"encoding/xml"
	"fmt"

	"github.com/valyala/fasthttp"
)

func (x *exchange) putObject() error {
	b, err := x.store.bucket(x.bucketName)
	if err != nil {
		return err
	}
	header, err := x.storedHeader()
	if err != nil {
		return err
	}
	// Conditions that fail now need no body. They are decided when it has been read.
	b.mu.RLock()
	err = x.writeConditions(b.objects.get(x.key))
	b.mu.RUnlock()
	if err != nil {
		return err
	}
	content, err := x.readBody(maxObject)
	if err != nil {
		return err
	}
	etag := x.store.etagOf(content)
	o, err := x.newObject(content, etag, header)
	if err != nil {
		content.release()
		return err
	}
	if err := x.commit(b, o); err != nil {
		return err
	}
	x.ctx.Response.Header.Set("ETag", etag)
	return nil
}

// getObject is GetObject and HeadObject.
func (x *exchange) getObject() error {
	b, err := x.store.bucket(x.bucketName)
	if err != nil {
		return err
	}
	o, err := b.find(x.key)
	if err != nil {
		return err
	}
	r := &x.ctx.Response
	h := &r.Header
	if err := x.readConditions(o, ""); err != nil {
		h.Set("ETag", o.etag)
		h.Set("Last-Modified", o.shown)
		for _, f := range o.header {
			if f.name == "cache-control" || f.name == "expires" {
				h.Set(f.name, f.value)
			}
		}
		o.body.release()
		return err
	}
	from, n, part, err := byteRange(x.header("range"), o.body.size)
	if err != nil {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", o.body.size))
		o.body.release()
		return err
	}
	if part {
		r.SetStatusCode(fasthttp.StatusPartialContent)
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+n-1, o.body.size))
	}
	for _, f := range o.header {
		h.Set(f.name, f.value)
	}
	h.Set("ETag", o.etag)
	h.Set("Last-Modified", o.shown)
	h.Set("Accept-Ranges", "bytes")
	if x.ctx.IsHead() {
		r.SkipBody = true
		h.SetContentLength(int(n))
		o.body.release()
		return nil
	}
	r.SetBodyStream(o.body.read(from, n), int(n))
	return nil
}

func (x *exchange) deleteObject() error {
	b, err := x.store.bucket(x.bucketName)
	if err != nil {
		return err
	}
	b.mu.Lock()
	old := b.objects.get(x.key)
	if err = x.writeConditions(old); err == nil {
		b.objects.remove(x.key)
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	x.store.drop(old)
	x.ctx.Response.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// maxDeletions is S3's limit of one DeleteObjects.
const maxDeletions = 1000

func (x *exchange) deleteObjects() error {
	b, err := x.store.bucket(x.bucketName)
	if err != nil {
		return err
	}
	var list struct {
		XMLName xml.Name `xml:"Delete"`
		Quiet   bool
		Object  []struct{ Key, ETag string }
	}
	if err := x.readDocument(&list); err != nil {
		return err
	}
	if len(list.Object) == 0 || len(list.Object) > maxDeletions {
		return refuse("MalformedXML")
	}
	var d document
	d.begin("DeleteResult")
	for _, one := range list.Object {
		b.mu.Lock()
		old := b.objects.get(one.Key)
		refused := old != nil && one.ETag != "" && !matches(one.ETag, old.etag)
		if !refused {
			b.objects.remove(one.Key)
		}
		b.mu.Unlock()
		switch {
		case refused:
			d.open("Error")
			d.text("Key", one.Key)
			d.text("Code", "PreconditionFailed")
			d.text("Message", "The ETag is another.")
			d.close("Error")
			continue
		case !list.Quiet:
			d.open("Deleted")
			d.text("Key", one.Key)
			d.close("Deleted")
		}
		x.store.drop(old)
	}
	d.close("DeleteResult")
	x.show(&d)
	return nil
}
