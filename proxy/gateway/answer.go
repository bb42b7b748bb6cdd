package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"sealfront/proxy/audit"
	"sealfront/proxy/conn"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// fail answers with an error, or closes the connection when part of the answer has been sent.
func (x *exchange) fail(err error) {
	e := objects.Translate(err)
	if errors.Is(err, conn.ErrLeft) {
		e = s3.ClientLeft(err)
	}
	resp := &x.ctx.Response
	if x.grant.Control.Kind != "" {
		e = controlError(e)
	}
	resp.ResetBody()
	resetHeaders(resp, x.requestID)
	writeError(resp, e, x.requestID, hostID, x.isHead(), x.grant.Control.Kind != "")
	if x.namesRegion(e) {
		resp.Header.Set("x-amz-bucket-region", x.g.o.Region)
	}
	// A request head that can be parsed in several ways is the last one on its connection.
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

// resetHeaders drops the headers that a handler set before it failed, except those of the request.
func resetHeaders(resp *fasthttp.Response, requestID string) {
	resp.Header.Reset()
	resp.Header.DisableNormalizing()
	resp.Header.SetNoDefaultContentType(true)
	resp.Header.Set("x-amz-request-id", requestID)
	resp.Header.Set("x-amz-id-2", hostID)
}

// unreadBody reports whether the client may still be sending a body that won't be read.
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

// showVersion sets the headers that say which version of the object the store's answer is about.
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
	for i, v := 0, rand.Uint64(); i < len(id); i, v = i+1, v>>4 { // not a secret: it identifies a request
		id[i] = digits[v&15]
	}
	return string(id[:])
}

// finish counts, logs, and gives the exchange back.
func (x *exchange) finish(code string, err error) {
	if x.progress == done {
		return
	}
	x.progress = done
	g := x.g
	took := g.o.Now().Sub(x.grant.Start)
	row := ""
	e := s3.ErrorIn(err)
	if e != nil {
		row = e.Row
	}
	if row == objects.RowForeignBlob {
		g.damaged("blob")
	}
	if code == "" {
		code = "OK"
	}
	g.count(x.operation(), code, row, took, x.sampledTrace())
	x.reportFailure(e)
	x.audit(code, row, took)
	x.endSpan(code, row)
	if g.o.Observe.Bytes != nil {
		if x.account.in > 0 {
			g.o.Observe.Bytes("in", x.account.in)
		}
		if x.account.out > 0 {
			g.o.Observe.Bytes("out", x.account.out)
		}
	}
	x.log(code, row, e, took)
	x.release()
	x.grant.Forget()
	x.body.end()
	x.scratch.forget()
	x.Object, x.account, x.ctx, x.context = objects.Object{}, account{}, nil, nil
	g.exchanges.Put(x)
}

// errLeft is a client that sent Expect: 100-continue and disconnected.
var errLeft = errors.New("the client left before it sent its body")

// Close ends an exchange that ExpectHandler began and no handler took up: the HTTP server closes the values that it
// holds for a request.
func (x *exchange) Close() error {
	if x.progress != done {
		e := s3.IncompleteBody(errLeft)
		x.finish(e.Code, e)
	}
	return nil
}

// withCleanup runs f. When f panics, the request is no longer counted as in flight, and gets its audit record; the
// exchange itself isn't reused.
func (x *exchange) withCleanup(f func()) {
	ended := false
	defer func() {
		if !ended {
			x.setObject()
			x.audit("InternalError", "", x.g.o.Now().Sub(x.grant.Start))
			x.release()
		}
	}()
	f()
	ended = true
}

// count counts a request. trace is the id of its trace, "" if none is sent.
func (g *services) count(operation, code, row string, took time.Duration, trace string) {
	if g.o.Observe.Request != nil {
		g.o.Observe.Request(operation, code, took, trace)
	}
	if row != "" && code != "" && g.o.Observe.Refusal != nil {
		g.o.Observe.Refusal(row)
	}
}

func (g *services) shed(reason string) {
	if g.o.Observe.Shed != nil {
		g.o.Observe.Shed(reason)
	}
}

func (g *services) damaged(kind string) {
	if g.o.Observe.Integrity != nil {
		g.o.Observe.Integrity(kind)
	}
}

// errNoRecord is for the log.
var errNoRecord = errors.New("the audit log can't take its record")

// reserveRecord refuses the request where every decision must be recorded and this one can't be.
func (x *exchange) reserveRecord() error {
	if x.g.o.Audit == nil || !x.g.o.AuditRequired {
		return nil
	}
	if x.account.reserved = x.g.o.Audit.Reserve(); !x.account.reserved {
		x.g.shed(ShedAudit)
		return s3.Unavailable(errNoRecord)
	}
	return nil
}

// audit gives the audit log its record. Strings are copied: the request may own their memory.
func (x *exchange) audit(code, row string, took time.Duration) {
	a := x.g.o.Audit
	if a == nil || x.g.o.AuditRequired && !x.account.reserved {
		return
	}
	header := &x.ctx.Response.Header
	r := audit.Record{
		Time: x.grant.Start, Request: x.requestID, Trace: x.traceID(), Remote: x.grant.Client().String(),
		TLS: x.grant.OverTLS(), Operation: x.operation(),
		Bucket: strings.Clone(x.Bucket), Key: strings.Clone(x.Key), Version: strings.Clone(x.Version),
		Source: string(x.grant.Bytes("x-amz-copy-source")), Row: row, Decision: "refused", Code: code,
		Status: x.ctx.Response.StatusCode(), In: x.account.in, Out: x.account.out, Took: took,
	}
	if x.account.permitted {
		r.Decision = "permitted"
	}
	if r.Row == "" {
		r.Row = x.grant.Decision.Row
	}
	if x.grant.Identity != nil {
		r.Principal = x.grant.Identity.Name
	}
	if x.grant.Session != nil {
		sum := sha256.Sum256(x.grant.Auth.AccessKeyID)
		r.Session, r.Mode = hex.EncodeToString(sum[:8]), "ReadWrite"
		if x.grant.ReadOnly {
			r.Mode = "ReadOnly"
		}
	}
	// The key that a read used is in the answer only.
	e := &x.grant.Decision.Encryption
	r.Encryption = string(header.Peek("x-amz-server-side-encryption"))
	r.KMSKey = string(header.Peek("x-amz-server-side-encryption-aws-kms-key-id"))
	if sse := e.SSE.String(); r.Encryption == "" {
		r.Encryption, r.KMSKey = sse, strings.Clone(e.KeyARN)
	}
	if len(e.Context) > 0 {
		if text, err := json.Marshal(e.Context); err == nil {
			r.Context = string(text)
		}
	}
	a.Add(r, x.account.reserved)
	x.account.reserved = false
}

// beginSpan begins the request's span, where requests are traced.
func (x *exchange) beginSpan() {
	if t := x.g.o.Tracer; t != nil {
		x.context, x.account.span = t.Start(x.context, string(x.grant.Bytes("traceparent")), x.requestID, x.grant.Start)
	}
}

func (x *exchange) endSpan(code, row string) {
	if x.account.span == nil {
		return
	}
	e := SpanEnd{
		Operation: x.operation(), Bucket: string([]byte(x.Bucket)), Code: code, Row: row,
		Status: x.ctx.Response.StatusCode(), In: x.account.in, Out: x.account.out, Sent: x.sent(),
		Host: string(x.grant.Bytes("host")),
	}
	if x.grant.Identity != nil {
		e.Principal = x.grant.Identity.Name
	}
	x.account.span.End(e)
}

// traceID is that of the request's trace; "" when it isn't traced.
func (x *exchange) traceID() string {
	if x.account.span == nil {
		return ""
	}
	return x.account.span.TraceID()
}

// sampledTrace is that of the request's trace if it is sent to the collector, otherwise "".
func (x *exchange) sampledTrace() string {
	if x.account.span == nil || !x.account.span.Sampled() {
		return ""
	}
	return x.account.span.TraceID()
}

// admit counts the request as in flight, or refuses it. A refusal costs only reading the head: no slab is taken, no
// signature checked and no body requested.
func (x *exchange) admit() error {
	a := &x.g.admission
	active := a.active.Add(1)
	x.use.admitted = true
	if limit := a.limits.Load(); limit != nil && limit.Requests > 0 && active > int64(limit.Requests) {
		return x.slowDown(ShedRequests)
	}
	if a.pressed.Load() {
		return x.slowDown(ShedMemory)
	}
	return nil
}

// release returns what admit, access's charge and chargeMemory took.
func (x *exchange) release() {
	if x.use.admitted {
		x.g.admission.active.Add(-1)
	}
	if x.use.charged > 0 {
		x.g.admission.charged.Add(-x.use.charged)
	}
	x.grant.Release()
	x.use = use{}
}

// chargeMemory charges n bytes of memory before they are allocated, or refuses the request. The charge ends with the
// request.
func (x *exchange) chargeMemory(n int64) error {
	a := &x.g.admission
	x.use.charged += n
	all, limit := a.charged.Add(n), a.limits.Load()
	if limit != nil && limit.Documents > 0 && all > limit.Documents {
		return x.slowDown(ShedMemory)
	}
	return nil
}

// slowDown is 503 SlowDown for a request that a limit refuses.
func (x *exchange) slowDown(reason string) error {
	x.g.shed(reason)
	return s3.SlowDown()
}

// answerXML answers 200 with a document.
func (x *exchange) answerXML(doc any) error {
	body, err := xml.Marshal(doc)
	if err != nil {
		return s3.Internal(err)
	}
	resp := &x.ctx.Response
	resp.Header.SetContentType("application/xml")
	resp.SetBodyString(xml.Header)
	resp.AppendBody(body)
	return nil
}

func (x *exchange) answerElement(root, inner string) error {
	return x.answerDocument([]byte("<" + root + ` xmlns="` + s3.Namespace + `">` + inner + "</" + root + ">"))
}

func (x *exchange) answerDocument(document []byte) error {
	resp := &x.ctx.Response
	resp.Header.SetContentType("application/xml")
	resp.SetBodyString(xml.Header)
	resp.AppendBody(document)
	return nil
}
