package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

func invalidRange(x *exchange, length int64) error {
	e := s3.Refuse("InvalidRange", "The requested range is not satisfiable",
		"ActualObjectSize", strconv.FormatInt(length, 10), "RangeRequested", x.grant.Value("range"))
	e.Header = []s3.Element{{Name: "Content-Range", Value: "bytes */" + strconv.FormatInt(length, 10)}}
	return e
}

// getObject carries out GetObject.
//
//	store ─▶ envelope ─▶ bucket key ─▶ data key ─▶ Open in place, a segment at a time ─▶ client
//	                                    a byte leaves only after its segment's tag has been checked
func getObject(x *exchange) error {
	if x.namesPart() {
		return getPart(x)
	}
	var err error
	for range objects.GetAttempts {
		if err = getOnce(x); !errors.Is(err, objects.ErrReplaced) {
			return err
		}
	}
	return err
}

func getOnce(x *exchange) error {
	r := &x.scratch.object.Request
	x.SetRequest(r, "GetObject", "GET")
	x.setReadConditions(r)
	requested, ranged := s3.ParseRange(x.grant.Value("range"))
	if x.hasDateCondition() || ranged && (requested.Suffix && !x.HasLayout() || x.grant.Value("if-range") != "") {
		// The object's length, and whether the range or a date condition applies, are known from its metadata only.
		a, s, err := x.headConditionally()
		if err != nil {
			return err
		}
		length, err := x.PlainLength(s)
		ranged = ranged && !requested.Whole(length) && ifRangeHolds(x.grant.Value("if-range"), a)
		a.Close()
		if err != nil {
			return err
		}
		if ranged {
			first, last, ok := requested.Resolve(length)
			if !ok {
				return invalidRange(x, length)
			}
			requested = s3.Range{First: first, Last: last}
		}
		r.Header = nil
		r.Set("If-Match", s.ETag)
	}
	if ranged {
		if err := x.SetRange(r, requested); err != nil {
			return err
		}
	}
	a, err := x.g.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	transferred := false
	defer func() {
		if !transferred {
			a.Close()
		}
	}()
	if f := a.Fault(r.Operation); f != nil {
		switch {
		case x.WithoutVersions(f):
			return objects.ErrReplaced // the caller starts again
		case f.Status == http.StatusRequestedRangeNotSatisfiable:
			return x.beyondEnd()
		case f.Status == http.StatusPreconditionFailed && x.grant.Value("if-match") == "":
			x.ForgetLayout()
			return objects.ErrReplaced // the condition was ours
		}
		return x.conditionalFault(f, a)
	}
	s, err := x.ReadSealed(a)
	if err != nil {
		return err
	}
	if err := x.decideRead(s); err != nil {
		return err
	}
	o, err := x.Open(x.context, s, x.grant.MayRead)
	if err != nil {
		return err
	}
	defer func() {
		if !transferred {
			o.Secrets.Wipe()
		}
	}()
	first, last := int64(0), o.Length-1
	if ranged = ranged && !requested.Whole(o.Length); ranged {
		var ok bool
		if first, last, ok = requested.Resolve(o.Length); !ok {
			return invalidRange(x, o.Length)
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
		x.ctx.Response.Header.Set("Content-Range", s3.ContentRange(first, last, o.Length))
	}
	if o.Length == 0 {
		return nil
	}
	covering, err := x.CoverRange(x.context, a, o, first, last)
	if err != nil {
		return err
	}
	a = covering
	err = x.stream(a, o, first, last)
	transferred = x.progress == streaming
	return err
}

// ifRangeHolds evaluates If-Range, an ETag or a date, against the object as it is.
func ifRangeHolds(value string, a *store.Answer) bool {
	switch {
	case value == "":
		return true
	case strings.Contains(value, s3.EtagPrefix) || strings.HasPrefix(value, `"`):
		return s3.StoreETag(value) == `"`+s3.Unquote(string(a.Get("Etag")))+`"`
	}
	return value == string(a.Get("Last-Modified"))
}

// beyondEnd answers a range that begins beyond the sealed object's end, as the store found.
func (x *exchange) beyondEnd() error {
	a, s, err := x.HeadIf(x.context, objects.Unconditional)
	if err != nil {
		return err
	}
	a.Close()
	length, err := x.PlainLength(s)
	if err != nil {
		return err
	}
	return invalidRange(x, length)
}
