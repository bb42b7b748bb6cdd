package gateway

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"sealfront/policy"
	"sealfront/proxy/conn"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/session"
	"sealfront/sigv4"
)

// An exchange is the state of one request. It comes from a pool and goes back when the answer's body is out.
//
// What is reused: message, auth and policy keep their memory and are reset by begin; they hold slices that
// fasthttp lends until the handler returns, or until the answer's body stream is closed. scratch is reset by finish.
// Everything else is set to its zero value. Nothing of an exchange outlives finish.
type exchange struct {
	g   *Gateway
	ctx *fasthttp.RequestCtx

	message sigv4.Message
	auth    sigv4.Authentication
	request policy.Request
	header  s3.Header
	query   s3.Query

	scratch requestScratch
	memory  objects.PreparedRef // behind object.prepared

	fields
}

// requestScratch is what a request that puts or gets an object works with, while its handler runs: memory that is used
// again.
type requestScratch struct {
	plain     plainBody
	integrity integrity
	object    objects.Scratch
	existing  policy.Encryption // of the object that is read
	options   policy.Options    // of the decision about it
}

// forget drops what a request has left. Hashes and the envelope's memory stay.
func (t *requestScratch) forget() {
	if t.plain.x == nil && !t.object.Used() {
		return
	}
	t.plain = plainBody{}
	t.object.Forget()
	t.existing, t.options = policy.Encryption{}, policy.Options{}
	t.integrity = integrity{hashes: t.integrity.hashes}
}

// fields are those that a new request starts without.
type fields struct {
	start     time.Time
	requestID string

	// ambiguous: what stands in front of this server may have read another head than it did. See appendLines.
	ambiguous bool

	objects.Object // that the request names

	control policy.Control // of a call of S3 Control; the object is then the bucket that it is about

	identity *Identity
	who      policy.Caller // the identity, as policies see it
	matter   policy.Case
	session  *policy.Session // nil with long-term keys; else sessionFacts
	issued   session.Session

	sessionFacts policy.Session
	decision     policy.Decision
	mode         policy.Mode // of the session to be made, for CreateSession
	chunks       sigv4.ChunkOptions

	serve func(*exchange) error
	body  io.Reader // what the client sends; nil when nothing
	// unchunk is from chunkReaders; nil when the body isn't framed.
	unchunk *sigv4.ChunkReader
	form    *formReader // body is its file; nil for all but PostObject

	plainIn, plainOut int64
	span              Span   // nil when requests aren't traced
	permitted         bool   // by decide
	reserved          bool   // there is room for its record in the audit log
	admitted          bool   // counted among the requests under way
	charged           *share // in which it is counted
	held              int64  // charged for its document
	done              bool
	streaming         bool // the answer's body goes out after the handler
}

func newExchange(g *Gateway) *exchange {
	x := new(exchange)
	x.g, x.Objects, x.Prepared = g, g.objects, &x.memory
	return x
}

// begin takes an exchange for the request in ctx.
func (g *Gateway) begin(ctx *fasthttp.RequestCtx) *exchange {
	conn.EndHead(ctx.Conn())
	x := g.exchanges.Get().(*exchange)
	x.fields = fields{start: g.o.Now(), requestID: newRequestID()}
	x.ctx = ctx
	// fasthttp's own context is this request's memory: what is derived from it may outlive the request by a timer.
	x.Objects, x.Context, x.Prepared = g.objects, context.Background(), &x.memory
	x.request.Reset()

	h := &ctx.Request.Header
	m := &x.message
	m.Method = h.Method()
	m.Path, m.Query, _ = bytes.Cut(h.RequestURI(), []byte{'?'})
	m.Header, x.ambiguous = s3.AppendLines(m.Header[:0], h.RawHeaders())
	x.header.Fields = m.Header
	x.query.Parse(m.Query)
	x.beginSpan()

	x.show("x-amz-request-id", x.requestID)
	x.show("x-amz-id-2", hostID)
	return x
}

// fail answers with an error, or breaks the connection when a part of the answer is out already.
func (x *exchange) fail(err error) {
	e := objects.Translate(err)
	resp := &x.ctx.Response
	if x.control.Kind != "" {
		e = controlError(e)
	}
	resp.ResetBody()
	keepRequestHeaders(resp, x.requestID)
	writeError(resp, e, x.requestID, hostID, x.isHead(), x.control.Kind != "")
	if x.namesRegion(e) {
		resp.Header.Set("x-amz-bucket-region", x.g.o.Region)
	}
	// A head that readers can read in several ways is the last one of its connection.
	if x.unreadBody() || e.Code == "MissingContentLength" || x.ambiguous {
		resp.Header.SetConnectionClose()
	}
	x.finish(e.Code, e)
}

// namesRegion reports whether an error says where the bucket is. Clients of another region go on from there: the SDKs follow
// x-amz-bucket-region, above all on a HEAD, whose answer has no document that names it. S3 sends it with errors of HeadBucket,
// and with those about the region. It is the same for every name, so it doesn't say which buckets exist.
func (x *exchange) namesRegion(e *s3.Error) bool {
	if x.Bucket == "" || e.Code == "NoSuchBucket" {
		return false
	}
	return x.isHead() && x.Key == "" || slices.ContainsFunc(e.Elements, func(e s3.Element) bool { return e.Name == "Region" })
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

func (x *exchange) isHead() bool { return string(x.message.Method) == "HEAD" }

// succeed ends an exchange whose answer is complete, unless its body is still to stream.
func (x *exchange) succeed() {
	if !x.streaming {
		x.finish("", nil)
	}
}

// finish counts, logs, and gives the exchange back.
func (x *exchange) finish(code string, err error) {
	if x.done {
		return
	}
	x.done = true
	g := x.g
	took := g.o.Now().Sub(x.start)
	row := ""
	e := s3.ErrorIn(err)
	if e != nil {
		row = e.Row
	}
	if row == objects.RowForeignBlob {
		g.objects.Damaged("blob")
	}
	if code == "" {
		code = "OK"
	}
	g.count(x.Operation.String(), code, row, took)
	x.audit(code, row, took)
	x.endSpan(code, row)
	if g.o.Observe.Bytes != nil {
		if x.plainIn > 0 {
			g.o.Observe.Bytes("in", x.plainIn)
		}
		if x.plainOut > 0 {
			g.o.Observe.Bytes("out", x.plainOut)
		}
	}
	level := zap.InfoLevel
	if e != nil && s3.Status(e.Code) >= 500 && e.Code != "NotImplemented" && e.Code != "SlowDown" {
		level = zap.ErrorLevel
	}
	if entry := g.log.Check(level, "request"); entry != nil {
		principal := ""
		if x.identity != nil {
			principal = x.identity.Name
		}
		fields := []zap.Field{
			zap.String("id", x.requestID), zap.String("operation", x.Operation.String()), zap.String("bucket", x.Bucket),
			zap.String("key", x.Key), zap.String("principal", principal), zap.String("remote", x.ctx.RemoteAddr().String()),
			zap.Int("status", x.ctx.Response.StatusCode()), zap.String("code", code), zap.Duration("took", took),
		}
		if e != nil && e.Cause != nil {
			fields = append(fields, zap.NamedError("cause", e.Cause))
		}
		if row != "" {
			fields = append(fields, zap.String("row", row))
		}
		fields = appendAbout(fields, e)
		if trace := x.traceID(); trace != "" {
			fields = append(fields, zap.String("trace", trace))
		}
		entry.Write(fields...)
	}
	x.leave()
	clear(x.message.Header)
	clear(x.header.Fields)
	x.header.Fields = nil
	if r := x.unchunk; r != nil {
		r.Reset(noBody{}, sigv4.ChunkOptions{})
		chunkReaders.Put(r)
	}
	x.scratch.forget()
	x.fields, x.ctx = fields{done: true}, nil
	g.exchanges.Put(x)
}

// appendAbout appends the header, the parameter or the element that a refusal is about.
func appendAbout(fields []zap.Field, e *s3.Error) []zap.Field {
	if e == nil {
		return fields
	}
	for _, x := range e.Elements {
		switch x.Name {
		case "Header", "Element":
			fields = append(fields, zap.String(strings.ToLower(x.Name), x.Value))
		case "QueryParameter":
			fields = append(fields, zap.String("parameter", x.Value))
		}
	}
	return fields
}
