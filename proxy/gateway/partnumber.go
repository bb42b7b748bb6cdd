package gateway

import (
	"net/http"
	"strconv"

	"sealfront/crypto"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// partAsked reports whether a read asks for a part by its number.
func (x *exchange) partAsked() bool {
	_, ok := x.grant.Query.Get("partNumber")
	return ok
}

// showPart sets the headers of an answer that holds the part.
func (x *exchange) showPart(o *objects.Opened, w *objects.Part) error {
	h := &x.ctx.Response.Header
	switch {
	case w.Count == 0 && checksumWanted(x):
		if err := x.showChecksum(o); err != nil {
			return err
		}
	case w.Checksum != nil:
		h.Set(s3.ChecksumOf(w.Checksum.Algorithm).Header, s3.ChecksumText(w.Checksum))
		h.Set("x-amz-checksum-type", s3.ChecksumType(crypto.Composite))
	}
	if w.Count > 0 {
		h.Set("x-amz-mp-parts-count", strconv.Itoa(w.Count))
	}
	if w.Last >= w.First { // no Content-Range can say "nothing", so that is a 200
		x.ctx.Response.SetStatusCode(http.StatusPartialContent)
		h.Set("Content-Range", s3.ContentRange(w.First, w.Last, o.Length))
	}
	return nil
}

// headPart carries out HeadObject with partNumber.
func headPart(x *exchange) error {
	return objects.Retry(func() error {
		return x.lookAtPart(func(o *objects.Opened, w *objects.Part) error {
			x.ctx.Response.Header.SetContentLength(int(w.Last - w.First + 1))
			x.ctx.Response.SkipBody = true
			return nil
		})
	})
}

// getPart carries out GetObject with partNumber. Where a part lies only the object's trailer tells, so the object is
// looked at first: two requests to the store with a known layout, three without.
func getPart(x *exchange) error {
	return objects.Retry(func() error {
		return x.lookAtPart(func(o *objects.Opened, w *objects.Part) error {
			if w.Last < w.First {
				return nil
			}
			return x.streamPart(o, w)
		})
	})
}

// lookAtPart finds the part that is asked for, sets the answer's headers, and calls then. The
// secrets are wiped afterwards unless a body streams.
func (x *exchange) lookAtPart(then func(o *objects.Opened, w *objects.Part) error) error {
	keepRequestHeaders(&x.ctx.Response, x.requestID) // an earlier attempt may have set others
	a, s, err := x.lookConditionally()
	if err != nil {
		return err
	}
	defer a.Close()
	if err := x.decideRead(s); err != nil {
		return err
	}
	o, err := x.Open(x.context, s, x.grant.MayRead)
	if err != nil {
		return err
	}
	defer func() {
		if x.progress != streaming {
			o.Secrets.Wipe()
		}
	}()
	number, err := x.partNumber()
	if err != nil {
		return err
	}
	w, err := x.Part(x.context, o, number, checksumWanted(x))
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
func (x *exchange) streamPart(o *objects.Opened, w *objects.Part) error {
	a, err := x.ReadSpan(x.context, o, w.First, w.Last)
	if err != nil {
		return err
	}
	if err := x.stream(a, o, w.First, w.Last); err != nil {
		a.Close()
		return err
	}
	return nil
}
