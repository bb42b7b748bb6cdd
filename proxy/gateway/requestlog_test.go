package gateway

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"sealfront/proxy/access"
	"sealfront/proxy/s3"
)

// logged makes a gateway with a log, and an exchange of it for a request.
func logged(t testing.TB, core zapcore.Core, ctx *fasthttp.RequestCtx) (*Gateway, *exchange) {
	t.Helper()
	ids, err := access.NewIdentities(nil)
	if err != nil {
		t.Fatal(err)
	}
	g := New(Options{Region: "us-west-2", Log: zap.New(core)}, ids)
	head := "GET /bucket--az1--x-s3/key HTTP/1.1\r\nHost: a\r\nUser-Agent: agent/1 " + strings.Repeat("x", 1000) +
		"\r\n\r\n"
	if err := ctx.Request.Header.Read(bufio.NewReader(strings.NewReader(head))); err != nil {
		t.Fatal(err)
	}
	return g, g.begin(ctx)
}

// A line has times and sizes as numbers, and no more of what the client says than there is room for.
func TestALineHasNumbers(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	var ctx fasthttp.RequestCtx
	_, x := logged(t, core, &ctx)
	x.account.in, x.account.out = 5, 7
	x.log("OK", "", nil, 1234567*time.Nanosecond)
	if lines.Len() != 1 {
		t.Fatalf("%d lines", lines.Len())
	}
	line := lines.All()[0].ContextMap()
	for name, want := range map[string]any{
		"took_ms": 1.234, "bytes_in": int64(5), "bytes_out": int64(7), "code": "OK", "status": int64(200),
	} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
	if agent, _ := line["user_agent"].(string); len(agent) != longestAgent || !strings.HasPrefix(agent, "agent/1 x") {
		t.Errorf("agent %q", agent)
	}
	for _, absent := range []string{"took", "tls", "store_attempts", "sample", "row", "trace", "cause"} {
		if v, ok := line[absent]; ok {
			t.Errorf("%s is %v", absent, v)
		}
	}
}

// Of successes a share is logged; what failed always is, at whatever level.
func TestFailuresAreNeverSampled(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	var ctx fasthttp.RequestCtx
	g, x := logged(t, core, &ctx)
	count := func(share float64) int {
		g.SetLogSample(share)
		before := lines.Len()
		for range 1000 {
			x.log("OK", "", nil, time.Millisecond)
		}
		return lines.Len() - before
	}
	if n := count(1); n != 1000 {
		t.Errorf("%d of 1,000 without sampling", n)
	}
	if n := count(.5); n < 350 || n > 650 { // nine standard deviations
		t.Errorf("%d of 1,000 at a half", n)
	}
	if share := lines.All()[lines.Len()-1].ContextMap()["sample"]; share != .5 {
		t.Errorf("a line says that it stands for %v", share)
	}
	if n := count(0); n != 0 {
		t.Errorf("%d of 1,000 at none", n)
	}
	before := lines.Len()
	for _, e := range []*s3.Error{s3.AccessDenied(), s3.SlowDown(), s3.Internal(io.EOF)} {
		x.log(e.Code, e.Row, e, time.Millisecond)
	}
	if n := lines.Len() - before; n != 3 {
		t.Errorf("%d lines of 3 failures", n)
	}
	if level := lines.All()[lines.Len()-1].Level; level != zap.ErrorLevel {
		t.Errorf("a fault is logged at %s", level)
	}
}

// BenchmarkLine is what a line costs, down to its bytes.
func BenchmarkLine(b *testing.B) {
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard),
		zap.InfoLevel)
	var ctx fasthttp.RequestCtx
	_, x := logged(b, core, &ctx)
	b.ReportAllocs()
	for b.Loop() {
		x.log("OK", "", nil, time.Millisecond)
	}
}

// TestALineAllocatesTheAddressOnly holds a line to the text of the client's address.
func TestALineAllocatesTheAddressOnly(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, too")
	}
	if r := testing.Benchmark(BenchmarkLine); r.AllocsPerOp() > 2 {
		t.Errorf("%s", r.MemString())
	}
}
