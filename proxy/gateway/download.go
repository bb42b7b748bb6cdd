package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/store"
)

// sealed is what one answer of the store says about an object.
type sealed struct {
	envelope *crypto.Envelope
	etag     string // the store's, quoted
	total    int64  // stored size of the whole object
	first    int64  // offset of the answer's first byte in it
	last     int64  // of its last; first-1 when the answer has no body
}

// readSealed reads the envelope and the sizes of an answer to GetObject or HeadObject.
func (x *exchange) readSealed(a *store.Answer) (*sealed, error) {
	envelope, err := crypto.ParseEnvelopeText(a.Get(x.g.o.MetadataHeader))
	if err != nil {
		x.g.damaged("envelope")
		return nil, fmt.Errorf("read the envelope of %s/%s: %w", x.bucket, x.key, err)
	}
	s := &sealed{envelope: envelope, etag: string(a.Get("Etag"))}
	if a.Status == http.StatusPartialContent {
		var ok bool
		if s.first, s.last, s.total, ok = parseContentRange(string(a.Get("Content-Range"))); !ok {
			return nil, internal(fmt.Errorf("the store answered 206 with Content-Range %q", a.Get("Content-Range")))
		}
		return s, nil
	}
	if s.total = a.ContentLength(); s.total < 0 {
		return nil, internal(errors.New("the store answered without Content-Length"))
	}
	s.last = s.total - 1
	return s, nil
}

// parseContentRange reads "bytes first-last/total".
func parseContentRange(v string) (first, last, total int64, ok bool) {
	v, found := strings.CutPrefix(v, "bytes ")
	span, size, slash := strings.Cut(v, "/")
	from, to, dash := strings.Cut(span, "-")
	if !found || !slash || !dash {
		return 0, 0, 0, false
	}
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	total, err3 := strconv.ParseInt(size, 10, 64)
	return first, last, total, err1 == nil && err2 == nil && err3 == nil && first >= 0 && first <= last && last < total
}

// damage is an object that can't be what the proxy stored: an alarm, and InternalError for the client.
func (x *exchange) damage(kind string, format string, args ...any) error {
	x.g.damaged(kind)
	return internal(fmt.Errorf("%s/%s is damaged: %s", x.bucket, x.key, fmt.Sprintf(format, args...)))
}

// plainLength is the object's length by arithmetic on the store's word.
func (x *exchange) plainLength(s *sealed) (int64, error) {
	length, ok := crypto.PlainLength(s.total)
	if !ok || length == 0 && s.envelope.Multipart {
		return 0, x.damage("length", "no sealed object has the stored size %d", s.total)
	}
	return length, nil
}

// setReadConditions puts the client's conditions to the store.
func (x *exchange) setReadConditions(r *store.Request) {
	for _, name := range [...]string{"if-match", "if-none-match"} {
		if v := x.headerValue(name); v != "" {
			r.Set(name, storeCondition(v))
		}
	}
	for _, name := range [...]string{"if-modified-since", "if-unmodified-since"} {
		if v := x.headerValue(name); v != "" {
			r.Set(name, v)
		}
	}
}

// readFault translates the store's refusal of a read.
func (x *exchange) readFault(f *store.Fault, a *store.Answer) error {
	switch {
	case f.Status == http.StatusNotModified:
		e := &s3Error{code: "NotModified", message: "Not Modified"}
		if etag := a.Get("Etag"); len(etag) > 0 {
			e.header = append(e.header, element{"ETag", clientETag(etag)})
		}
		if modified := a.Get("Last-Modified"); len(modified) > 0 {
			e.header = append(e.header, element{"Last-Modified", string(modified)})
		}
		return e
	case f.Status == http.StatusPreconditionFailed:
		condition := "If-Match"
		if x.headerValue("if-match") == "" {
			condition = "If-Unmodified-Since"
		}
		return preconditionFailed(condition).because(f)
	}
	return storeError(f, x.bucket, x.key)
}

// lookAt asks the store for an object's metadata. The answer must be closed.
func (x *exchange) lookAt(conditions func(*store.Request)) (*store.Answer, *sealed, error) {
	r := &store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: x.record.StoreName, Key: x.key}
	conditions(r)
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return nil, nil, err
	}
	if f := a.Fault(r.Operation); f != nil {
		defer a.Close()
		return nil, nil, x.readFault(f, a)
	}
	s, err := x.readSealed(a)
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, s, nil
}

func unconditional(*store.Request) {}

// decideRead shows how the object is sealed, and refuses to read an SSE-KMS object in the clear.
func (x *exchange) decideRead(s *sealed) error {
	existing := encryptionOf(s.envelope)
	if refused := policy.DecideTLS(x.operation, &x.request, existing.SSE, x.g.o.RequireTLS); refused != nil {
		return refused
	}
	o := x.g.policyOptions()
	o.Existing = &existing
	var refused *policy.Refusal
	if x.decision, refused = policy.DecideEncryption(x.operation, &x.request, &x.facts, x.session, o); refused != nil {
		return refused
	}
	return nil
}

func checksumWanted(x *exchange) bool {
	return strings.EqualFold(x.headerValue("x-amz-checksum-mode"), "ENABLED")
}

// headObject carries out HeadObject: one request to the store, and KMS only for a checksum.
func headObject(x *exchange) error {
	if x.partAsked() {
		return headPart(x)
	}
	a, s, err := x.lookAt(x.setReadConditions)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := x.decideRead(s); err != nil {
		return err
	}
	length, err := x.plainLength(s)
	if err != nil {
		return err
	}
	h := &x.ctx.Response.Header
	first, last, partial := int64(0), length-1, false
	if r, ok := parseRange(x.headerValue("range")); ok {
		if first, last, ok = r.resolve(length); !ok {
			return invalidRange(x, length)
		}
		partial = true
	}
	if checksumWanted(x) && !partial {
		o, err := x.open(s)
		if err != nil {
			return err
		}
		defer o.secrets.Wipe()
		if err := x.showChecksum(o); err != nil {
			return err
		}
	}
	x.showObjectHeaders(a)
	x.showEncryption()
	if partial {
		x.ctx.Response.SetStatusCode(http.StatusPartialContent)
		h.Set("Content-Range", contentRange(first, last, length))
	}
	h.SetContentLength(int(last - first + 1))
	x.ctx.Response.SkipBody = true
	return nil
}

func contentRange(first, last, length int64) string {
	return "bytes " + strconv.FormatInt(first, 10) + "-" + strconv.FormatInt(last, 10) + "/" + strconv.FormatInt(length, 10)
}

func invalidRange(x *exchange, length int64) error {
	e := refusal("InvalidRange", "The requested range is not satisfiable",
		"ActualObjectSize", strconv.FormatInt(length, 10), "RangeRequested", x.headerValue("range"))
	e.header = []element{{"Content-Range", "bytes */" + strconv.FormatInt(length, 10)}}
	return e
}

// opened is an object whose envelope has been opened.
type opened struct {
	*sealed
	secrets crypto.Secrets
	length  int64
	layout  *crypto.Layout  // nil for an empty object
	trailer *crypto.Trailer // nil as long as nothing needed it
	known   *knownLayout    // of an object of several parts
}

// open opens an object's envelope and finds its layout; for an object of several parts that takes its trailer.
// The caller wipes the secrets.
func (x *exchange) open(s *sealed) (*opened, error) {
	secrets, err := x.unwrap(s.envelope)
	if err != nil {
		return nil, err
	}
	return x.layOut(s, secrets)
}

// layOut finds where an object's plaintext lies. It owns the secrets, also when it fails.
func (x *exchange) layOut(s *sealed, secrets crypto.Secrets) (o *opened, err error) {
	o = &opened{sealed: s, secrets: secrets}
	defer func() {
		if err != nil {
			secrets.Wipe()
		}
	}()
	if o.length, err = x.plainLength(s); err != nil {
		return nil, err
	}
	if secrets.HasLength && secrets.Length != o.length {
		return nil, x.damage("length", "it was sealed with %d bytes, and the store holds %d", secrets.Length, o.length)
	}
	switch {
	case o.length == 0:
	case !s.envelope.Multipart:
		o.layout = crypto.SinglePart(o.length, s.envelope.PartSalt)
	default:
		if o.known, err = x.knownLayout(o); err != nil {
			return nil, err
		}
		o.layout = o.known.layout
	}
	return o, nil
}

// knownLayout finds the layout of an object of several parts: in the cache, else in its trailer. Requests for one
// object at the same time, as transfer managers send them, share a load.
func (x *exchange) knownLayout(o *opened) (*knownLayout, error) {
	name := x.layoutName()
	if k := x.g.layouts.get(name); k != nil && k.etag == o.etag && k.objectID == o.envelope.ObjectID && k.total == o.total {
		return k, nil
	}
	v, err, _ := x.g.loads.Do(name+"\n"+o.etag+"\n"+string(o.envelope.ObjectID[:]), func() (any, error) {
		if err := x.loadTrailer(o); err != nil {
			return nil, err
		}
		k := &knownLayout{etag: o.etag, objectID: o.envelope.ObjectID, total: o.total, layout: o.trailer.Layout(), checksum: o.trailer.Checksum}
		x.g.layouts.put(name, k)
		return k, nil
	})
	if err != nil {
		return nil, err
	}
	k := v.(*knownLayout)
	if k.total != o.total {
		return nil, errReplaced
	}
	return k, nil
}

// loadTrailer reads and opens the object's trailer, from the same version of the object as the envelope.
func (x *exchange) loadTrailer(o *opened) error {
	want := crypto.EndLength(o.total)
	for {
		end, err := x.readEnd(o.sealed, want)
		if err != nil {
			return err
		}
		t, need, err := o.secrets.DataKey.OpenTrailer(&o.envelope.ObjectID, o.total, end)
		if err != nil {
			x.g.damaged("trailer")
			return fmt.Errorf("open the trailer of %s/%s: %w", x.bucket, x.key, err)
		}
		if t != nil {
			o.trailer = t
			return nil
		}
		if need <= want {
			return x.damage("trailer", "its trailer asks for %d bytes twice", need)
		}
		want = need
	}
}

// readEnd reads the last n bytes of the object as it was when s was read.
func (x *exchange) readEnd(s *sealed, n int64) ([]byte, error) {
	r := &store.Request{Operation: "GetObject", Method: "GET", Bucket: x.record.StoreName, Key: x.key}
	r.Set("Range", "bytes="+strconv.FormatInt(max(0, s.total-n), 10)+"-"+strconv.FormatInt(s.total-1, 10))
	r.Set("If-Match", s.etag)
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if f.Status == http.StatusPreconditionFailed || f.Status == http.StatusNotFound {
			return nil, errReplaced
		}
		return nil, storeError(f, x.bucket, x.key)
	}
	// The ETag that s has may be newer than its metadata: some stores put them together one by one.
	if now, err := x.readSealed(a); err != nil || now.envelope.ObjectID != s.envelope.ObjectID {
		return nil, errReplaced
	}
	if a.ContentLength() != min(n, s.total) {
		return nil, internal(fmt.Errorf("the store answered %d bytes for the last %d", a.ContentLength(), n))
	}
	return a.Bytes(int(n))
}

// errReplaced means that the object was overwritten between two requests to the store.
var errReplaced = unavailable(errors.New("the object was replaced while it was read"))

// showChecksum shows the object's checksum: from the envelope, else from the trailer.
func (x *exchange) showChecksum(o *opened) error {
	c := o.secrets.Checksum
	parts := 1
	if o.known != nil {
		parts = o.known.layout.Parts()
		if c == nil { // that of a copy is in its envelope
			c = o.known.checksum
		}
	} else if c == nil && o.length > 0 {
		if o.trailer == nil {
			if !x.g.o.ChecksumOnGet && x.operation == policy.GetObject {
				return nil
			}
			if err := x.loadTrailer(o); err != nil {
				return err
			}
		}
		c = o.trailer.Checksum
	}
	if c == nil {
		return nil
	}
	value := checksumText(c)
	if c.Type == crypto.Composite {
		value += "-" + strconv.Itoa(parts)
	}
	h := &x.ctx.Response.Header
	h.Set(checksumByAlgorithm(c.Algorithm).header, value)
	h.Set("x-amz-checksum-type", checksumType(c.Type))
	return nil
}

// getAttempts is how often a read starts again when the object is overwritten under it.
const getAttempts = 3

// getObject carries out GetObject.
//
//	store ─▶ envelope ─▶ bucket key ─▶ data key ─▶ Open in place, a segment at a time ─▶ client
//	                                    a byte leaves only after its segment's tag has been checked
func getObject(x *exchange) error {
	if x.partAsked() {
		return getPart(x)
	}
	var err error
	for range getAttempts {
		if err = getOnce(x); !errors.Is(err, errReplaced) {
			return err
		}
	}
	return err
}

func getOnce(x *exchange) error {
	r := &store.Request{Operation: "GetObject", Method: "GET", Bucket: x.record.StoreName, Key: x.key}
	x.setReadConditions(r)
	wanted, ranged := parseRange(x.headerValue("range"))
	known := x.g.layouts.get(x.layoutName())
	if ranged && (wanted.suffix && known == nil || x.headerValue("if-range") != "") {
		// Where the end is, or whether the range counts, only the object's metadata tells.
		a, s, err := x.lookAt(x.setReadConditions)
		if err != nil {
			return err
		}
		length, err := x.plainLength(s)
		ranged = ranged && ifRangeHolds(x.headerValue("if-range"), a)
		a.Close()
		if err != nil {
			return err
		}
		if ranged {
			first, last, ok := wanted.resolve(length)
			if !ok {
				return invalidRange(x, length)
			}
			wanted = byteRange{first: first, last: last}
		}
		r.Header = nil
		r.Set("If-Match", s.etag)
	}
	if ranged && known != nil && len(r.Header) == 0 {
		first, last, ok := wanted.resolve(known.layout.Length())
		if ok {
			span, err := known.layout.Span(first, last)
			if err != nil {
				return err
			}
			r.Set("Range", spanRange(span))
			r.Set("If-Match", known.etag)
		} else {
			r.Set("Range", wanted.storeRange())
		}
	} else if ranged {
		r.Set("Range", wanted.storeRange())
	}
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	streaming := false
	defer func() {
		if !streaming {
			a.Close()
		}
	}()
	if f := a.Fault(r.Operation); f != nil {
		switch {
		case f.Status == http.StatusRequestedRangeNotSatisfiable:
			return x.beyondEnd()
		case f.Status == http.StatusPreconditionFailed && x.headerValue("if-match") == "" && x.headerValue("if-unmodified-since") == "":
			x.g.layouts.drop(x.layoutName())
			return errReplaced // the condition was ours
		}
		return x.readFault(f, a)
	}
	s, err := x.readSealed(a)
	if err != nil {
		return err
	}
	if err := x.decideRead(s); err != nil {
		return err
	}
	o, err := x.open(s)
	if err != nil {
		return err
	}
	defer func() {
		if !streaming {
			o.secrets.Wipe()
		}
	}()
	first, last := int64(0), o.length-1
	if ranged {
		var ok bool
		if first, last, ok = wanted.resolve(o.length); !ok {
			return invalidRange(x, o.length)
		}
	}
	if !ranged && checksumWanted(x) {
		if err := x.showChecksum(o); err != nil {
			return err
		}
	}
	x.showObjectHeaders(a)
	x.showEncryption()
	if ranged {
		x.ctx.Response.SetStatusCode(http.StatusPartialContent)
		x.ctx.Response.Header.Set("Content-Range", contentRange(first, last, o.length))
	}
	if o.length == 0 {
		return nil
	}
	if a, err = x.cover(a, o, first, last); err != nil {
		return err
	}
	d, err := x.newDownload(a, o, first, last)
	if err != nil {
		return err
	}
	// The first segment is opened before anything is said: what fails there is answered, not broken off.
	if err := d.advance(); err != nil {
		crypto.PutSlab(d.slab, 0)
		return err
	}
	streaming, x.streaming = true, true
	x.ctx.Response.SetBodyStream(d, int(last-first+1))
	return nil
}

// cover returns an answer that holds the segments of a range: the one there is, or, when an object's parts are not
// multiples of a segment and the first guess was wrong, another one for the same version of the object.
func (x *exchange) cover(a *store.Answer, o *opened, first, last int64) (*store.Answer, error) {
	span, err := o.layout.Span(first, last)
	if err != nil {
		return a, err
	}
	if (crypto.Span{First: o.first, Last: o.last}).Covers(span) {
		return a, nil
	}
	a.Close()
	r := &store.Request{Operation: "GetObject", Method: "GET", Bucket: x.record.StoreName, Key: x.key}
	r.Set("Range", spanRange(span))
	r.Set("If-Match", o.etag)
	again, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return a, err
	}
	if f := again.Fault(r.Operation); f != nil {
		again.Close()
		if f.Status == http.StatusPreconditionFailed || f.Status == http.StatusNotFound {
			return a, errReplaced
		}
		return a, storeError(f, x.bucket, x.key)
	}
	s, err := x.readSealed(again)
	if err == nil && (s.envelope.ObjectID != o.envelope.ObjectID || s.total != o.total) {
		err = errReplaced
	}
	if err != nil {
		again.Close()
		return a, err
	}
	o.first, o.last = s.first, s.last
	return again, nil
}

func spanRange(s crypto.Span) string {
	return "bytes=" + strconv.FormatInt(s.First, 10) + "-" + strconv.FormatInt(s.Last, 10)
}

// ifRangeHolds evaluates If-Range, an ETag or a date, against the object as it is.
func ifRangeHolds(value string, a *store.Answer) bool {
	switch {
	case value == "":
		return true
	case strings.Contains(value, etagPrefix) || strings.HasPrefix(value, `"`):
		return storeETag(value) == `"`+unquote(string(a.Get("Etag")))+`"`
	}
	return value == string(a.Get("Last-Modified"))
}

// beyondEnd answers a range that the store found to begin behind the sealed object's end.
func (x *exchange) beyondEnd() error {
	a, s, err := x.lookAt(unconditional)
	if err != nil {
		return err
	}
	a.Close()
	length, err := x.plainLength(s)
	if err != nil {
		return err
	}
	return invalidRange(x, length)
}

// A download is an object's plaintext on its way to the client. It owns the store's answer, the data key, and the
// exchange until Close.
type download struct {
	x       *exchange
	answer  *store.Answer
	secrets crypto.Secrets
	opener  *crypto.SpanOpener
	slab    *crypto.Slab
	skip    int64  // stored bytes in front of the span
	rest    []byte // opened, not delivered yet
	touched int    // the most plaintext that the slab has held
	err     error
}

// newDownload prepares the plaintext bytes first to last. The answer must hold their segments.
func (x *exchange) newDownload(a *store.Answer, o *opened, first, last int64) (*download, error) {
	span, err := o.layout.Span(first, last)
	if err != nil {
		return nil, err
	}
	got := crypto.Span{First: o.first, Last: o.last}
	if !got.Covers(span) {
		return nil, internal(fmt.Errorf("the store answered bytes %d-%d where %d-%d were needed", o.first, o.last, span.First, span.Last))
	}
	if a.Length != o.last-o.first+1 {
		return nil, internal(fmt.Errorf("the store announced %d bytes for the range %d-%d", a.Length, o.first, o.last))
	}
	if skipped := span.First - o.first; skipped > 0 && a.Status == http.StatusOK {
		return nil, internal(errors.New("the store ignored the range"))
	}
	return &download{x: x, answer: a, secrets: o.secrets, opener: o.secrets.DataKey.OpenSpan(o.layout, first, last),
		slab: crypto.GetSlab(), skip: span.First - o.first}, nil
}

// next opens the next segment into rest; io.EOF after the last.
func (d *download) next() error {
	if d.err != nil {
		return d.err
	}
	d.err = d.advance()
	if d.err != nil && !errors.Is(d.err, io.EOF) {
		// The status is out: all that can be done is that the client doesn't take the body for complete.
		d.rest = nil
		d.x.breakOff(d.err)
	}
	return d.err
}

func (d *download) advance() error {
	memory := d.slab.Body()
	for d.skip > 0 {
		n := min(d.skip, int64(len(memory)))
		if _, err := io.ReadFull(d.answer, memory[:n]); err != nil {
			return fmt.Errorf("read %s/%s from the store: %w", d.x.bucket, d.x.key, err)
		}
		d.skip -= n
	}
	size := d.opener.Next()
	if size == 0 {
		return io.EOF
	}
	if _, err := io.ReadFull(d.answer, memory[:size]); err != nil {
		return fmt.Errorf("read %s/%s from the store: %w", d.x.bucket, d.x.key, err)
	}
	plain, err := d.opener.Open(memory[:size])
	if err != nil {
		d.x.g.damaged("segment")
		return fmt.Errorf("open %s/%s: %w", d.x.bucket, d.x.key, err)
	}
	d.touched = max(d.touched, size-crypto.TagSize)
	d.rest = plain
	return nil
}

// Read delivers plaintext; fasthttp uses WriteTo instead.
func (d *download) Read(p []byte) (int, error) {
	for len(d.rest) == 0 {
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	d.x.plainOut += int64(n)
	return n, nil
}

// SupportsBodyWriteTo tells fasthttp to use WriteTo.
func (d *download) SupportsBodyWriteTo() bool { return true }

// WriteTo writes each segment from where it was opened.
func (d *download) WriteTo(w io.Writer) (written int64, err error) {
	for {
		if len(d.rest) == 0 {
			if err := d.next(); err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				return written, err
			}
		}
		n, err := w.Write(d.rest)
		written += int64(n)
		d.x.plainOut += int64(n)
		d.rest = nil
		if err != nil {
			d.err = err
			return written, err
		}
	}
}

// Close gives everything back and ends the exchange.
func (d *download) Close() error {
	if d.slab == nil {
		return nil
	}
	d.answer.Close()
	d.secrets.Wipe()
	crypto.PutSlab(d.slab, d.touched)
	d.slab = nil
	code, err := "", d.err
	if err != nil && !errors.Is(err, io.EOF) {
		e := answerTo(err)
		code, err = e.code, error(e)
	}
	d.x.finish(code, err)
	return nil
}

// breakOff makes sure that what the client has so far doesn't look complete.
func (x *exchange) breakOff(err error) {
	x.ctx.Response.Header.SetConnectionClose()
	if raw := rawOf(x.ctx.Conn()); raw != nil {
		raw.abort()
	}
	_ = err
}
