package gateway

import (
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/conn"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// longestAgent bounds how many bytes of a client's User-Agent a line has.
const longestAgent = 256

// logFields is memory for the fields of a line: the log has written them when it returns.
var logFields = sync.Pool{New: func() any { return new([24]zap.Field) }}

// log writes the request's line. e is nil for a success.
func (x *exchange) log(code, row string, e *s3.Error, took time.Duration) {
	g := x.g
	level := zap.InfoLevel
	if e != nil && s3.Status(e.Code) >= 500 && e.Code != "NotImplemented" && e.Code != "SlowDown" {
		level = zap.ErrorLevel
	}
	unlogged := math.Float64frombits(g.unlogged.Load())
	if e == nil && unlogged > 0 && rand.Float64() < unlogged {
		return
	}
	entry := g.log.Check(level, "request")
	if entry == nil {
		return
	}
	room := logFields.Get().(*[24]zap.Field)
	fields := x.appendLine(room[:0], code, took)
	if e == nil && unlogged > 0 {
		fields = append(fields, zap.Float64("sample", 1-unlogged))
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
	clear(fields)
	logFields.Put(room)
}

// appendLine appends what each line has. Texts may share the request's memory.
func (x *exchange) appendLine(fields []zap.Field, code string, took time.Duration) []zap.Field {
	principal := ""
	if x.grant.Identity != nil {
		principal = x.grant.Identity.Name
	}
	fields = append(fields,
		zap.String("id", x.requestID), zap.String("operation", x.operation()), zap.String("bucket", x.Bucket),
		zap.String("key", x.Key), zap.String("principal", principal), zap.String("remote", x.ctx.RemoteAddr().String()),
		zap.Int("status", x.ctx.Response.StatusCode()), zap.String("code", code),
		zap.Float64("took_ms", float64(took.Microseconds())/1000),
		zap.Int64("bytes_in", x.account.in), zap.Int64("bytes_out", x.account.out),
	)
	if sent := x.sent(); sent >= 0 {
		fields = append(fields, zap.Int64("store_attempts", sent))
	}
	if version := conn.TLSVersion(x.ctx.Conn()); version != "" {
		fields = append(fields, zap.String("tls", version))
	}
	if agent := x.grant.Bytes("user-agent"); len(agent) > 0 {
		fields = append(fields, zap.String("user_agent", s3.View(agent[:min(len(agent), longestAgent)])))
	}
	return fields
}

// sent is how many requests to the store went out for this one so far; -1 when they aren't counted.
func (x *exchange) sent() int64 {
	if sent := store.Sent(x.context); sent >= 0 {
		return sent - x.account.sentBefore
	}
	return -1
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
