package gateway

import (
	"net/http"
)

// headObject carries out HeadObject: one request to the store, and KMS only for a checksum.
func headObject(x *exchange) error {
	if x.partAsked() {
		return headPart(x)
	}
	a, s, err := x.lookConditionally()
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
	if r, ok := parseRange(x.headerValue("range")); ok && !r.whole(length) && ifRangeHolds(x.headerValue("if-range"), a) {
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
