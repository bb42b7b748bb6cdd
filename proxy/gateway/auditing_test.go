package gateway

import (
	"testing"

	"github.com/valyala/fasthttp"

	"sealfront/proxy/access"
	"sealfront/proxy/audit"
)

// fullAuditor has no room while full.
type fullAuditor struct {
	full    bool
	records []audit.Record
}

func (a *fullAuditor) Reserve() bool              { return !a.full }
func (a *fullAuditor) Add(r audit.Record, _ bool) { a.records = append(a.records, r) }

// Where records are required, a request without one is refused before anything else; elsewhere it goes on.
func TestRequestsWithoutARecordAreRefused(t *testing.T) {
	ids, err := access.NewIdentities(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		full, required  bool
		status, records int
	}{{true, true, 503, 0}, {false, true, 403, 1}, {true, false, 403, 1}} {
		a := &fullAuditor{full: c.full}
		shed := ""
		g := New(Options{
			Region: "us-west-2", Audit: a, AuditRequired: c.required,
			Observe: Observer{Shed: func(reason string) { shed = reason }},
		}, ids)
		var ctx fasthttp.RequestCtx
		ctx.Request.SetRequestURI("/bucket--az1--x-s3/key")
		g.Handle(&ctx)
		if ctx.Response.StatusCode() != c.status || len(a.records) != c.records ||
			(shed == ShedAudit) != (c.status == 503) {
			t.Errorf("%+v: %d %s, %d records, shed %q", c, ctx.Response.StatusCode(), ctx.Response.Body(),
				len(a.records), shed)
		}
		if g.Active() != 0 {
			t.Errorf("%d requests are still in flight", g.Active())
		}
	}
}

// A bug that one request comes upon leaves nothing counted as in flight, and a record.
func TestABugLeavesNothingUnderWay(t *testing.T) {
	ids, err := access.NewIdentities(nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &fullAuditor{}
	g := New(Options{Region: "us-west-2", Audit: a}, ids)
	var ctx fasthttp.RequestCtx
	x := g.begin(&ctx)
	g.withRecover(&ctx, func() {
		x.withCleanup(func() {
			if err := x.admit(); err != nil {
				t.Error(err)
			}
			panic("bug")
		})
	})
	if g.Active() != 0 || len(a.records) != 1 || a.records[0].Code != "InternalError" ||
		ctx.Response.StatusCode() != 500 {
		t.Errorf("%d in flight, %+v, %d", g.Active(), a.records, ctx.Response.StatusCode())
	}
}

// A request that isn't traced or audited allocates nothing for it.
func BenchmarkRequest(b *testing.B) {
	ids, err := access.NewIdentities(nil)
	if err != nil {
		b.Fatal(err)
	}
	g := New(Options{Region: "us-west-2"}, ids)
	var ctx fasthttp.RequestCtx
	ctx.Request.SetRequestURI("/bucket--az1--x-s3/key")
	x := g.begin(&ctx)
	b.ReportAllocs()
	for b.Loop() {
		x.beginSpan()
		x.audit("OK", "", 0)
		x.endSpan("OK", "")
	}
}

// TestTracingIsFreeWhenOff holds that.
func TestTracingIsFreeWhenOff(t *testing.T) {
	if r := testing.Benchmark(BenchmarkRequest); r.AllocsPerOp() != 0 {
		t.Errorf("%s", r.MemString())
	}
}
