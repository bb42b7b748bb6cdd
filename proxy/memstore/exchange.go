package memstore

import (
	"bytes"
	"net/url"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"sealfront/sigv4"
)

// An exchange is one request and its answer. It is pooled; begin sets every field anew.
type exchange struct {
	store   *Store
	ctx     *fasthttp.RequestCtx
	message sigv4.Message // its slices are ctx's
	auth    sigv4.Authentication
	chunks  sigv4.ChunkReader

	bucketName, key string
	query           url.Values // nil without a query
	now             time.Time
}

func (x *exchange) begin(s *Store, ctx *fasthttp.RequestCtx) {
	x.store, x.ctx, x.now = s, ctx, s.o.Now()
	x.bucketName, x.key, x.query = "", "", nil
	h := &ctx.Request.Header
	m := &x.message
	m.Method = h.Method()
	m.Path, m.Query, _ = bytes.Cut(h.RequestURI(), []byte{'?'})
	m.Header = m.Header[:0]
	for name, value := range h.AllInOrder() {
		m.Header = append(m.Header, sigv4.Field{Name: name, Value: value})
	}
}

// header returns the first value of the lower-case name, "" if there is none. It is valid as long as the request.
func (x *exchange) header(name string) string {
	for i := range x.message.Header {
		f := &x.message.Header[i]
		if len(f.Name) == len(name) && strings.EqualFold(string(f.Name), name) {
			return string(bytes.TrimSpace(f.Value))
		}
	}
	return ""
}

// refuse answers with an error document.
func (x *exchange) refuse(err error) {
	code, status := answerTo(err)
	r := &x.ctx.Response
	if status == fasthttp.StatusNotModified {
		r.SetStatusCode(status)
		return
	}
	r.ResetBody()
	r.SetStatusCode(status)
	if status == fasthttp.StatusServiceUnavailable {
		r.Header.Set("Retry-After", "1")
	}
	if x.ctx.IsHead() {
		return
	}
	var d document
	d.open("Error")
	d.text("Code", code)
	d.text("Message", "The memory store says "+code+".")
	d.close("Error")
	x.show(&d)
}

// show answers with an XML document.
func (x *exchange) show(d *document) {
	x.ctx.Response.Header.SetContentType("application/xml")
	x.ctx.Response.SetBodyString(d.b.String())
}

// carries reports whether the request has a query parameter or header of this name.
func (x *exchange) carries(name string) bool {
	if name == "" {
		return true
	}
	if strings.HasPrefix(name, "x-amz-") {
		return x.header(name) != ""
	}
	return x.query.Has(name)
}
