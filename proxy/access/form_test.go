package access_test

import (
	"errors"
	"testing"
	"time"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/s3"
	"sealfront/sigv4"
)

func TestFormsAreDecidedInTwoSteps(t *testing.T) {
	t.Parallel()
	g := newRoom(t, func(o *access.Options) { o.PostObject = true })
	form := func(who string, header ...string) *request {
		return &request{method: "POST", path: "/plain", who: who, form: true, header: header}
	}
	x := g.read(form("all"))
	if err := x.Check(t.Context()); err != nil || x.Operation != policy.PostObject || x.Identity != nil ||
		x.Record != nil {
		t.Errorf("before its fields: %v, %v, %v", err, x.Operation, x.Identity)
	}
	x = g.want("by who may", form("all", sse), "")
	if x.Identity == nil || x.Record == nil || x.Decision.Encryption.SSE != policy.SSES3 {
		t.Errorf("granted to %v, about %v, sealed as %+v", x.Identity, x.Record, x.Decision.Encryption)
	}
	wrong := form("all")
	wrong.secret = "wrong"
	absent := form("all")
	absent.path = "/absent"
	for name, c := range map[string]struct {
		r    *request
		code string
	}{
		"by who may not":                  {form("reader"), "AccessDenied"},
		"by a wrong secret":               {wrong, "SignatureDoesNotMatch"},
		"by nobody that is known":         {form("stranger"), "InvalidAccessKeyId"},
		"into a bucket that is absent":    {absent, "NoSuchBucket"},
		"a name that the store garbles":   {form("all", "key: garbled"), "InvalidURI"},
		"a lock without its end":          {form("all", "x-amz-object-lock-mode: GOVERNANCE"), "InvalidArgument"},
		"a key without its permission":    {form("keyless", kms, keyID+keyOne), "AccessDenied"},
		"encryption that doesn't exist":   {form("all", "x-amz-server-side-encryption: rot13"), "InvalidArgument"},
		"an alias that KMS knows":         {form("all", kms, keyID+"alias/one"), ""},
		"another owner than the bucket's": {form("all", "x-amz-expected-bucket-owner: 999999999999"), "AccessDenied"},
	} {
		g.want(name, c.r, c.code)
	}
}

func TestFormsThatSayTooLittleAreRefused(t *testing.T) {
	t.Parallel()
	g := newRoom(t, func(o *access.Options) { o.PostObject = true })
	fault := errors.New("fault")
	for name, c := range map[string]struct {
		change func(r *request, f *access.Form)
		code   string
	}{
		"without a signature": {func(_ *request, f *access.Form) { f.Fields = f.Fields[:1] }, "AccessDenied"},
		"with another policy's signature": {func(_ *request, f *access.Form) {
			for i := range f.Fields {
				if string(f.Fields[i].Name) == "policy" {
					f.Fields[i].Value = append([]byte(" "), f.Fields[i].Value...)
				}
			}
		}, "SignatureDoesNotMatch"},
		"with a field that its policy doesn't have": {func(_ *request, f *access.Form) {
			f.Fields = append(f.Fields, sigv4.Field{Name: []byte("x-amz-meta-more"), Value: []byte("v")})
		}, "AccessDenied"},
		"with a file's name that its policy doesn't allow": {func(_ *request, f *access.Form) {
			f.Name = func() { f.Fields[0].Value = []byte("named by the file") }
		}, "AccessDenied"},
		"with fields that can't be headers": {func(_ *request, f *access.Form) {
			f.Header = func() ([]sigv4.Field, string, error) { return nil, "", s3.Internal(fault) }
		}, "InternalError"},
		"later than its policy allows": {
			func(*request, *access.Form) { g.now = g.now.Add(2 * time.Hour) },
			"AccessDenied",
		},
		"as it was signed": {func(*request, *access.Form) {}, ""},
	} {
		g.now = testStart
		r := &request{method: "POST", path: "/plain", who: "all", form: true}
		r.signed = g.now
		f := r.fields()
		c.change(r, f)
		x := g.read(r)
		g.wantCode(name+", before its fields", x.Check(t.Context()), "")
		document, err := x.CheckForm(t.Context(), f)
		g.wantCode(name, err, c.code)
		if (document != nil) != (c.code == "") {
			t.Errorf("%s: there is a policy: %t", name, document != nil)
		}
	}
	// A policy that can't be read is refused, though it is signed.
	r := &request{method: "POST", path: "/plain", who: "all", form: true, signed: testStart}
	f := r.fields()
	for i := range f.Fields {
		switch string(f.Fields[i].Name) {
		case "policy":
			f.Fields[i].Value = []byte("bm8gSlNPTg==")
		case "x-amz-signature":
			f.Fields[i].Value = []byte(r.signer().SignForm([]byte("bm8gSlNPTg=="), r.credentials(), testStart))
		}
	}
	g.now = testStart
	x := g.read(r)
	g.wantCode("before its fields", x.Check(t.Context()), "")
	if document, err := x.CheckForm(t.Context(), f); err == nil || document != nil || x.Record != nil {
		t.Errorf("a policy that is no JSON is taken: %v", err)
	}
}

// Where forms are taken, a POST to a bucket without a signature may be one; anything else is told what a form needs.
func TestAPostThatIsNoFormIsToldSo(t *testing.T) {
	t.Parallel()
	g := newRoom(t, func(o *access.Options) { o.PostObject, o.RequireTLS = true, policy.RequireAll })
	post := func(path, query string, change func(r *request)) *request {
		r := &request{method: "POST", path: path, query: query}
		if change != nil {
			change(r)
		}
		return r
	}
	g.want("a POST of another kind", post("/plain", "", nil), "PreconditionFailed")
	g.want("a POST to an object, by nobody", post("/plain/key", "", nil), "AccessDenied")
	g.want("a POST with a query, by nobody", post("/plain", "delete=", nil), "AccessDenied")
	g.want("a form over HTTP, where TLS is required",
		post("/plain", "", func(r *request) { r.form, r.who, r.plain = true, "all", true }), "InvalidRequest")
	g.want("a POST that is signed as a request", post("/plain", "", func(r *request) { r.who = "all" }),
		"PreconditionFailed")
}
