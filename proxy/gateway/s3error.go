package gateway

import (
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/valyala/fasthttp"

	"sealfront/proxy/s3"
)

// writeError answers with e. HEAD and 304 have no body. The documents of S3 Control have one more element around them,
// without which SDKs don't find the code.
func writeError(resp *fasthttp.Response, e *s3.Error, requestID, hostID string, head, control bool) {
	code := s3.Status(e.Code)
	resp.SetStatusCode(code)
	if e.Allow != "" {
		resp.Header.Set("Allow", e.Allow)
	}
	for _, h := range e.Header {
		resp.Header.Set(h.Name, h.Value)
	}
	if head || code == http.StatusNotModified {
		resp.SkipBody = true
		return
	}
	var b strings.Builder
	b.WriteString(xml.Header)
	if control {
		b.WriteString(`<ErrorResponse xmlns="` + controlNamespace + `">`)
	}
	b.WriteString("<Error>")
	field := func(name, value string) {
		b.WriteString("<" + name + ">")
		_ = xml.EscapeText(&b, []byte(value)) // a character that XML can't have is dropped: the code must stay readable
		b.WriteString("</" + name + ">")
	}
	field("Code", e.Code)
	field("Message", e.Message)
	for _, x := range e.Elements {
		field(x.Name, x.Value)
	}
	if control {
		b.WriteString("</Error>")
	}
	field("RequestId", requestID)
	field("HostId", hostID)
	if control {
		b.WriteString("</ErrorResponse>")
	} else {
		b.WriteString("</Error>")
	}
	resp.Header.SetContentType("application/xml")
	resp.SetBodyString(b.String())
}

const controlNamespace = "http://awss3control.amazonaws.com/doc/2018-08-20/"

// controlError translates an error of S3 into one of S3 Control.
func controlError(e *s3.Error) *s3.Error {
	if e.Code != "NoSuchBucket" {
		return e
	}
	other := s3.Refuse("NoSuchResource", "The specified resource doesn't exist.").Because(e.Cause)
	other.Row = e.Row
	return other
}
