package gateway

import (
	"bytes"
	"testing"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
)

// A bug that one request comes upon is answered, and the server goes on.
func TestABugEndsOneRequestOnly(t *testing.T) {
	g := &Gateway{services: services{log: zap.NewNop()}}
	ctx := &fasthttp.RequestCtx{}
	g.withRecover(ctx, func() { panic("bug") })
	if ctx.Response.StatusCode() != 500 || !ctx.Response.ConnectionClose() ||
		!bytes.Contains(ctx.Response.Body(), []byte("<Code>InternalError</Code>")) {
		t.Errorf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
	if status := g.Expect(&fasthttp.RequestCtx{}); status != 500 { // this Gateway has no options
		t.Errorf("while it is decided whether the body shall come: %d", status)
	}
}
