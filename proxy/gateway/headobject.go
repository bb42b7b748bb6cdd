package gateway

import (
	"net/http"

	"sealfront/proxy/s3"
)

// headObject carries out HeadObject: one request to the store, and KMS only for a checksum.
func headObject(x *exchange) error {
	if x.namesPart() {
		return headPart(x)
	}
	a, s, err := x.headConditionally()
	if err != nil {
		return err
	}
	defer a.Close()
	if err := x.decideRead(s); err != nil {
		return err
	}
	length, err := x.PlainLength(s)
	if err != nil {
		return err
	}
	h := &x.ctx.Response.Header
	first, last, partial := int64(0), length-1, false
	if r, ok := s3.ParseRange(x.grant.Value("range")); ok && !r.Whole(length) &&
		ifRangeHolds(x.grant.Value("if-range"), a) {
		if first, last, ok = r.Resolve(length); !ok {
			return invalidRange(x, length)
		}
		partial = true
	}
	if checksumWanted(x) && !partial {
		o, err := x.Open(x.context, s, x.grant.MayRead)
		if err != nil {
			return err
		}
		defer o.Secrets.Wipe()
		if err := x.showChecksum(o); err != nil {
			return err
		}
	}
	x.showObjectHeaders(a)
	x.showEncryption()
	if partial {
		x.ctx.Response.SetStatusCode(http.StatusPartialContent)
		h.Set("Content-Range", s3.ContentRange(first, last, length))
	}
	h.SetContentLength(int(last - first + 1))
	x.ctx.Response.SkipBody = true
	return nil
}
