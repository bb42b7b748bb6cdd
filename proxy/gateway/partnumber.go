package gateway

import (
	"net/http"
	"strconv"

	"sealfront/crypto"
	"sealfront/proxy/s3"
)

// partAsked reports whether a read asks for a part by its number.
func (x *exchange) partAsked() bool {
	_, ok := x.query.Get("partNumber")
	return ok
}

// showPart sets the headers of an answer that holds the part.
func (x *exchange) showPart(o *opened, w *part) error {
	h := &x.ctx.Response.Header
	switch {
	case w.count == 0 && checksumWanted(x):
		if err := x.showChecksum(o); err != nil {
			return err
		}
	case w.checksum != nil:
		h.Set(s3.ChecksumOf(w.checksum.Algorithm).Header, s3.ChecksumText(w.checksum))
		h.Set("x-amz-checksum-type", s3.ChecksumType(crypto.Composite))
	}
	if w.count > 0 {
		h.Set("x-amz-mp-parts-count", strconv.Itoa(w.count))
	}
	if w.last >= w.first { // no Content-Range can say "nothing", so that is a 200
		x.ctx.Response.SetStatusCode(http.StatusPartialContent)
		h.Set("Content-Range", s3.ContentRange(w.first, w.last, o.length))
	}
	return nil
}

// headPart carries out HeadObject with partNumber.
func headPart(x *exchange) error {
	return again(func() error {
		return x.lookAtPart(func(o *opened, w *part) error {
			x.ctx.Response.Header.SetContentLength(int(w.last - w.first + 1))
			x.ctx.Response.SkipBody = true
			return nil
		})
	})
}

// getPart carries out GetObject with partNumber. Where a part lies only the object's trailer tells, so the object is
// looked at first: two requests to the store with a known layout, three without.
func getPart(x *exchange) error {
	return again(func() error {
		return x.lookAtPart(func(o *opened, w *part) error {
			if w.last < w.first {
				return nil
			}
			return x.streamPart(o, w)
		})
	})
}

// lookAtPart finds the part that is asked for, sets the answer's headers, and calls then. The
// secrets are wiped afterwards unless a body streams.
func (x *exchange) lookAtPart(then func(o *opened, w *part) error) error {
	keepRequestHeaders(&x.ctx.Response, x.requestID) // an earlier attempt may have set others
	a, s, err := x.lookConditionally()
	if err != nil {
		return err
	}
	defer a.Close()
	if err := x.decideRead(s); err != nil {
		return err
	}
	o, err := x.open(s, x.mayRead)
	if err != nil {
		return err
	}
	defer func() {
		if !x.streaming {
			o.secrets.Wipe()
		}
	}()
	number, err := x.partNumber()
	if err != nil {
		return err
	}
	w, err := x.part(o, number, checksumWanted(x))
	if err != nil {
		return err
	}
	if err := x.showPart(o, w); err != nil {
		return err
	}
	x.showObjectHeaders(a)
	x.showEncryption()
	return then(o, w)
}

// streamPart answers with the part's bytes, of the very version of the object that was looked at.
func (x *exchange) streamPart(o *opened, w *part) error {
	a, err := x.readSpan(o, w.first, w.last)
	if err != nil {
		return err
	}
	reader, err := x.newReader(a, o, w.first, w.last)
	if err != nil {
		a.Close()
		return err
	}
	return x.stream(reader, o.secrets)
}
