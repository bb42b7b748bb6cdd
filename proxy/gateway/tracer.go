package gateway

// beginSpan begins the request's span, where requests are traced.
func (x *exchange) beginSpan() {
	if t := x.g.o.Tracer; t != nil {
		x.context, x.account.span = t.Start(x.context, string(x.grant.Bytes("traceparent")), x.requestID, x.grant.Start)
	}
}

func (x *exchange) endSpan(code, row string) {
	if x.account.span == nil {
		return
	}
	e := SpanEnd{
		Operation: x.Operation.String(), Bucket: string([]byte(x.Bucket)), Code: code, Row: row,
		Status: x.ctx.Response.StatusCode(), In: x.account.in, Out: x.account.out,
	}
	if x.grant.Identity != nil {
		e.Principal = x.grant.Identity.Name
	}
	x.account.span.End(e)
}

// traceID is that of the request's trace; "" when it isn't traced.
func (x *exchange) traceID() string {
	if x.account.span == nil {
		return ""
	}
	return x.account.span.TraceID()
}
