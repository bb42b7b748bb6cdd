package memstore

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/xml"
	"hash"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"sealfront/policy/xmldoc"
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

// handle answers one request.
func (s *Store) handle(ctx *fasthttp.RequestCtx) {
	x, _ := s.exchange.Get().(*exchange)
	if x == nil {
		x = new(exchange)
	}
	defer func() {
		clear(x.message.Header)
		x.chunks.Reset(nil, sigv4.ChunkOptions{})
		x.ctx, x.query = nil, nil
		s.exchange.Put(x)
	}()
	x.begin(s, ctx)
	if err := x.serve(); err != nil {
		x.refuse(err)
	}
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

// serve verifies who calls, finds the operation and does it.
func (x *exchange) serve() error {
	if err := x.store.verifier.Read(&x.message, &x.auth, "s3"); err != nil {
		return err
	}
	secret := ""
	if subtle.ConstantTimeCompare(x.auth.AccessKeyID, []byte(x.store.o.AccessKey)) == 1 {
		secret = x.store.o.SecretKey
	}
	if err := x.store.verifier.Check(&x.message, &x.auth, secret); err != nil {
		return err
	}
	if err := x.store.trouble.meet(x.now); err != nil {
		return err
	}
	path, err := url.PathUnescape(string(x.message.Path))
	if err != nil {
		return refuse("InvalidURI")
	}
	x.bucketName, x.key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if len(x.key) > maxKey {
		return refuse("KeyTooLongError")
	}
	if len(x.message.Query) > 0 {
		if x.query, err = url.ParseQuery(string(x.message.Query)); err != nil {
			return refuse("InvalidURI")
		}
	}
	do := x.operation()
	if do == nil {
		return refuse("NotImplemented")
	}
	return do(x)
}

const maxKey = 1024

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

// readBody reads the request's body, and checks all that is told about it. Nothing of a body that fails is kept.
func (x *exchange) readBody(limit int64) (*body, error) {
	o, err := x.store.verifier.ChunkOptions(&x.message, &x.auth)
	if err != nil {
		return nil, err
	}
	length := int64(x.ctx.Request.Header.ContentLength())
	if length < 0 {
		return nil, refuse("MissingContentLength")
	}
	sum, err := x.announcedMD5()
	if err != nil {
		return nil, err
	}
	chunked := x.auth.Payload.Chunked()
	if chunked {
		length = o.DecodedLength
	}
	if length > limit {
		return nil, refuse("EntityTooLarge")
	}
	r := x.ctx.RequestBodyStream()
	if r == nil {
		r = bytes.NewReader(nil)
	}
	if chunked {
		x.chunks.Reset(r, o)
		r = &x.chunks
	}
	b, err := x.store.memory.receive(r, length)
	if err != nil {
		return nil, err
	}
	if err = x.checkBody(b, sum); err == nil && chunked {
		if _, err = io.ReadFull(r, make([]byte, 1)); err == io.EOF { //nolint:errorlint // io.Reader's contract is a plain io.EOF
			err = nil
		} else if err == nil {
			err = refuse("IncompleteBody")
		}
	}
	if err != nil {
		b.release()
		return nil, err
	}
	return b, nil
}

// announcedMD5 is the value of Content-MD5, nil if there is none.
func (x *exchange) announcedMD5() ([]byte, error) {
	value := x.header("content-md5")
	if value == "" {
		return nil, nil
	}
	sum, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(sum) != md5.Size {
		return nil, refuse("InvalidDigest")
	}
	return sum, nil
}

// checkBody compares a body with the hashes that were announced.
func (x *exchange) checkBody(b *body, sum []byte) error {
	digest := func(h hash.Hash) []byte {
		for _, p := range b.pieces {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	if sum != nil && !bytes.Equal(digest(md5.New()), sum) {
		return refuse("BadDigest")
	}
	if x.auth.Payload == sigv4.PayloadHash {
		return x.auth.CheckPayload((*[sha256.Size]byte)(digest(sha256.New())))
	}
	return nil
}

// maxDocument bounds XML that is sent.
const maxDocument = 4 << 20

// readDocument reads the request's body as XML.
func (x *exchange) readDocument(into any) error {
	b, err := x.readBody(maxDocument)
	if err != nil {
		if err == refuse("EntityTooLarge") { //nolint:errorlint // made by readBody itself
			return refuse("MaxMessageLengthExceeded")
		}
		return err
	}
	r := b.read(0, b.size)
	defer func() { _ = r.Close() }()
	if xmldoc.NewDecoder(r).Decode(into) != nil {
		return refuse("MalformedXML")
	}
	return nil
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

// A document is XML that is being written.
type document struct{ b strings.Builder }

const namespace = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`

// begin opens the root of an answer.
func (d *document) begin(root string) { d.b.WriteString(xml.Header + "<" + root + namespace + ">") }

func (d *document) open(name string) { d.b.WriteString("<" + name + ">") }

func (d *document) close(name string) { d.b.WriteString("</" + name + ">") }

func (d *document) text(name, value string) {
	d.open(name)
	_ = xml.EscapeText(&d.b, []byte(value)) // a strings.Builder never fails
	d.close(name)
}

func (d *document) number(name string, n int64) { d.text(name, strconv.FormatInt(n, 10)) }

func (d *document) time(name string, t time.Time) {
	d.text(name, t.UTC().Format("2006-01-02T15:04:05.000Z"))
}
