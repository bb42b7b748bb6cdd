package gateway

import (
	"errors"
	"strings"

	"go.uber.org/zap"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

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
	g.count(x.Operation.String(), code, row, took)
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
	level := zap.InfoLevel
	if e != nil && s3.Status(e.Code) >= 500 && e.Code != "NotImplemented" && e.Code != "SlowDown" {
		level = zap.ErrorLevel
	}
	if entry := g.log.Check(level, "request"); entry != nil {
		principal := ""
		if x.grant.Identity != nil {
			principal = x.grant.Identity.Name
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
	x.grant.Forget()
	x.body.end()
	x.scratch.forget()
	x.Object, x.account, x.ctx, x.context = objects.Object{}, account{}, nil, nil
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

// errLeft is a client that asked whether its body is wanted, and left.
var errLeft = errors.New("the client left before it sent its body")

// Close ends an exchange that ExpectHandler began and no handler took up: the HTTP server closes what it was given to keep.
func (x *exchange) Close() error {
	if x.progress != done {
		e := s3.IncompleteBody(errLeft)
		x.finish(e.Code, e)
	}
	return nil
}

// orderly runs f. Where f ends by a bug, its request is no longer counted as under way, and has its record: the exchange
// itself isn't used again.
func (x *exchange) orderly(f func()) {
	ended := false
	defer func() {
		if !ended {
			x.audit("InternalError", "", x.g.o.Now().Sub(x.grant.Start))
			x.leave()
		}
	}()
	f()
	ended = true
}
