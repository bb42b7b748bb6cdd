package gateway

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"

	"github.com/valyala/fasthttp"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// fail answers with an error, or breaks the connection when a part of the answer is out already.
func (x *exchange) fail(err error) {
	e := objects.Translate(err)
	resp := &x.ctx.Response
	if x.grant.Control.Kind != "" {
		e = controlError(e)
	}
	resp.ResetBody()
	keepRequestHeaders(resp, x.requestID)
	writeError(resp, e, x.requestID, hostID, x.isHead(), x.grant.Control.Kind != "")
	if x.namesRegion(e) {
		resp.Header.Set("x-amz-bucket-region", x.g.o.Region)
	}
	// A head that readers can read in several ways is the last one of its connection.
	if x.unreadBody() || e.Code == "MissingContentLength" || x.grant.Ambiguous {
		resp.Header.SetConnectionClose()
	}
	x.finish(e.Code, e)
}

// namesRegion reports whether an error says where the bucket is. Clients of another region go on from there: the SDKs
// follow x-amz-bucket-region, above all on a HEAD, whose answer has no document that names it. S3 sends it with errors
// of HeadBucket, and with those about the region. It is the same for every name, so it doesn't say which buckets exist.
func (x *exchange) namesRegion(e *s3.Error) bool {
	if x.Bucket == "" || e.Code == "NoSuchBucket" {
		return false
	}
	return x.isHead() && x.Key == "" ||
		slices.ContainsFunc(e.Elements, func(e s3.Element) bool { return e.Name == "Region" })
}

// keepRequestHeaders drops what a handler had set before it failed.
func keepRequestHeaders(resp *fasthttp.Response, requestID string) {
	resp.Header.Reset()
	resp.Header.DisableNormalizing()
	resp.Header.SetNoDefaultContentType(true)
	resp.Header.Set("x-amz-request-id", requestID)
	resp.Header.Set("x-amz-id-2", hostID)
}

// unreadBody reports whether the client may still be sending a body that nobody will read.
func (x *exchange) unreadBody() bool {
	h := &x.ctx.Request.Header
	return h.ContentLength() > 0 || h.ContentLength() == -1
}

func (x *exchange) isHead() bool { return string(x.grant.Message.Method) == "HEAD" }

// succeed ends an exchange whose answer is complete, unless its body is still to stream.
func (x *exchange) succeed() {
	if x.progress != streaming {
		x.finish("", nil)
	}
}

// showVersion tells which version of the object the store's answer is about.
func (x *exchange) showVersion(a *store.Answer) {
	for _, e := range x.VersionOf(a) {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
}

// hostID is the x-amz-id-2 of this process.
var hostID = func() string {
	var b [24]byte
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rand.Uint64())
	}
	return hex.EncodeToString(b[:])
}()

// newRequestID makes the x-amz-request-id: 16 upper-case characters, like S3's.
func newRequestID() string {
	const digits = "0123456789ABCDEF"
	var id [16]byte
	for i, v := 0, rand.Uint64(); i < len(id); i, v = i+1, v>>4 { // nothing secret: it tells requests apart
		id[i] = digits[v&15]
	}
	return string(id[:])
}
