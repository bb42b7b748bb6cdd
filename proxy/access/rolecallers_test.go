package access_test

import (
	"strings"
	"testing"
	"time"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/session"
	"sealfront/proxy/sts"
	"sealfront/sigv4"
)

// signedCall is a call of STS that a principal signs; nil a is the identity name's.
func (r *roleRoom) signedCall(name string, a *access.Assumed, body string) (*access.Grant, *sts.Error) {
	r.t.Helper()
	c := &sigv4.Credentials{AccessKeyID: name, SecretAccessKey: "secret"}
	q := request{
		method: "POST", path: "/", service: "sts", header: []string{"Content-Type: application/x-www-form-urlencoded"},
	}
	if a != nil {
		q = *as(a, q)
		c = &sigv4.Credentials{AccessKeyID: q.who, SecretAccessKey: q.secret}
	}
	q.who, q.secret = c.AccessKeyID, c.SecretAccessKey
	q.hash = proxytest.HexSum(body)
	x := r.read(&q)
	return x, x.AuthenticateCall(r.t.Context(), []byte(body))
}

func TestPrincipalsAssumeRoles(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t)
	named := newRole(t, "named", allow("*", "*"))
	empty, err := policy.CompileTrust(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	named.Trust = []access.Trust{{
		Principals: []string{roleAccount + "user/nobody", roleAccount + "role/reader"}, Conditions: empty,
	}}
	account := newRole(t, "account", allow("*", "*"))
	account.Trust = []access.Trust{{Principals: []string{roleAccount + "root"}, Conditions: empty}}
	external := newRole(t, "external", allow("*", "*"))
	external.Trust = []access.Trust{{
		Principals: []string{roleAccount + "user/nobody"}, Conditions: r.conditions("StringEquals", "sts:ExternalId", "1234"),
	}}
	loop := newRole(t, "loop", allow("*", "*"))
	loop.Trust = []access.Trust{{
		Principals: []string{roleAccount + "role/named", roleAccount + "role/loop"}, Conditions: empty,
	}}
	roles := []*access.Role{r.reader(), named, account, external, loop}
	r.set(roles...)
	assume := func(who string, by *access.Assumed, role string, change func(a *sts.Assumption)) (*access.Assumed, *sts.Error) {
		t.Helper()
		x, err := r.signedCall(who, by, "")
		if err != nil {
			return nil, err
		}
		defer x.Release()
		a := &sts.Assumption{RoleARN: roleAccount + "role/" + role, SessionName: "s1"}
		if change != nil {
			change(a)
		}
		return x.Assume(t.Context(), a)
	}
	reader := r.assumed(nil)
	narrow := r.assumed(func(a *sts.Assumption) {
		a.Policy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	})
	withID := func(a *sts.Assumption) { a.ExternalID = "1234" }
	for name, c := range map[string]struct {
		who    string
		by     *access.Assumed
		role   string
		change func(a *sts.Assumption)
		want   string
	}{
		"who is named":                         {"nobody", nil, "named", nil, ""},
		"who isn't":                            {"all", nil, "named", nil, sts.AccessDenied},
		"by the account, with the permission":  {"all", nil, "account", nil, ""},
		"by the account, without it":           {"nobody", nil, "account", nil, sts.AccessDenied},
		"a role's session":                     {"", reader, "named", nil, ""},
		"a session whose policy takes it away": {"", narrow, "named", nil, sts.AccessDenied},
		"a role that isn't named":              {"", reader, "external", withID, sts.AccessDenied},
		"with the external id":                 {"nobody", nil, "external", withID, ""},
		"without it":                           {"nobody", nil, "external", nil, sts.AccessDenied},
		"a role that trusts tokens":            {"all", nil, "reader", nil, sts.AccessDenied},
		"no role":                              {"all", nil, "none", nil, sts.AccessDenied},
		"an unknown access key":                {"none", nil, "named", nil, sts.InvalidClientTokenID},
	} {
		_, err := assume(c.who, c.by, c.role, c.change)
		if got := codeOfCall(err); got != c.want {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.want, err)
		}
	}

	// Through others, as often as may be, and never for longer than they.
	chain, err2 := assume("", reader, "named", nil)
	for i := 0; err2 == nil; i++ {
		if chain.Credentials.Expires.After(reader.Credentials.Expires) {
			t.Error("it lives longer than what it was begun with")
		}
		r.want("a read", as(chain, readSource), "")
		chain, err2 = assume("", chain, "loop", nil)
		if i > 10 {
			t.Fatal("endless")
		}
	}
	if err2.Code != sts.ValidationError {
		t.Error(err2)
	}
	byNobody, _ := assume("nobody", nil, "named", nil)
	byReader, _ := assume("", reader, "named", nil)
	r.want("as it is", as(byNobody, readSource), "")
	r.ended["reader"] = 1
	r.want("the session that it was begun with is over", as(byReader, readSource), "ExpiredToken")
	r.want("another's is", as(byNobody, readSource), "")
	r.ended["reader"] = 0
	r.set(named)
	r.want("its role is gone", as(byReader, readSource), "AccessDenied")
	untrusting := newRole(t, "named", allow("*", "*"))
	untrusting.Trust = []access.Trust{{Principals: []string{roleAccount + "user/all"}, Conditions: empty}}
	r.set(untrusting)
	r.want("it isn't named any more", as(byNobody, readSource), "AccessDenied")
	ids, err := access.NewIdentities([]*access.Identity{newIdentity(t, "all", allow("*", "*"))}, named)
	if err != nil {
		t.Fatal(err)
	}
	r.SetIdentities(ids)
	r.want("it is removed", as(byNobody, readSource), "AccessDenied")
}

func TestCallersAreAuthenticated(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t)
	r.set(r.reader())
	a := r.assumed(nil)
	x, err := r.signedCall("all", nil, "Action=GetCallerIdentity")
	if err != nil {
		t.Fatal(err)
	}
	got := x.CallerIdentity()
	if got.ARN != roleAccount+"user/all" || got.Account != testAccount || !strings.HasPrefix(got.UserID, "AIDA") {
		t.Errorf("%+v", got)
	}
	if x, err = r.signedCall("", a, "Action=GetCallerIdentity"); err != nil {
		t.Fatal(err)
	}
	if got = x.CallerIdentity(); got.ARN != a.ARN || got.UserID != a.UserID {
		t.Errorf("%+v", got)
	}
	form := []string{"Content-Type: application/x-www-form-urlencoded"}
	good := request{method: "POST", path: "/", service: "sts", who: "all", header: form, hash: proxytest.HexSum("b")}
	for name, c := range map[string]struct {
		change func(q *request)
		want   string
	}{
		"as it is":            {func(*request) {}, ""},
		"for S3":              {func(q *request) { q.service = "s3" }, sts.IncompleteSignature},
		"nobody's":            {func(q *request) { q.who = "" }, sts.MissingAuthentication},
		"another secret":      {func(q *request) { q.secret = "x" }, sts.SignatureDoesNotMatch},
		"another body":        {func(q *request) { q.hash = proxytest.HexSum("c") }, sts.IncompleteSignature},
		"no hash of the body": {func(q *request) { q.hash = sigv4.UnsignedPayload }, sts.AccessDenied},
		"long ago":            {func(q *request) { q.signed = r.now.Add(-time.Hour) }, sts.SignatureDoesNotMatch},
		"a token that isn't": {func(q *request) {
			q.who, q.header = "ASIA", append([]string{"X-Amz-Security-Token: x"}, form...)
		}, sts.InvalidClientTokenID},
		"a session of CreateSession": {func(q *request) {
			q.session = r.newSession(session.Session{Principal: "all", Bucket: "b"})
		}, sts.InvalidClientTokenID},
		"an expired token": {func(q *request) {
			*q = *as(a, *q)
			q.signed = a.Credentials.Expires.Add(time.Minute)
		}, sts.ExpiredToken},
	} {
		q := good
		q.header = append([]string(nil), form...)
		before := r.now
		if c.change(&q); name == "an expired token" {
			r.now = q.signed
		}
		x := r.read(&q)
		if got := codeOfCall(x.AuthenticateCall(t.Context(), []byte("b"))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		x.Release()
		r.now = before
	}
}

// What is a call of STS, and what a request to S3.
func TestCallsAreKnownByTheirForm(t *testing.T) {
	t.Parallel()
	r := newRoom(t, func(o *access.Options) { o.Domains = []string{"example.com"} })
	form := "Content-Type: application/x-www-form-urlencoded; charset=utf-8"
	query := "Action=GetCallerIdentity&Version=2011-06-15"
	for name, c := range map[string]struct {
		q    request
		want bool
	}{
		"a form":                 {request{method: "POST", path: "/", header: []string{form}}, true},
		"a query":                {request{method: "GET", path: "/", query: query}, true},
		"a query that is posted": {request{method: "POST", path: "/", query: query}, true},
		"a form to its host": {
			request{method: "POST", path: "/", header: []string{"Host: sts.example.com", form}}, true,
		},
		"a form to a bucket's host": {
			request{method: "POST", path: "/", header: []string{"Host: b.example.com", form}}, false,
		},
		"a form to a bucket":           {request{method: "POST", path: "/bucket", header: []string{form}}, false},
		"ListBuckets":                  {request{method: "GET", path: "/"}, false},
		"ListBuckets with a parameter": {request{method: "GET", path: "/", query: "Action=x"}, false},
		"PUT":                          {request{method: "PUT", path: "/", header: []string{form}}, false},
		"a document": {
			request{method: "POST", path: "/", header: []string{"Content-Type: text/xml"}}, false,
		},
	} {
		if x := r.read(&c.q); x.ToSTS() != c.want {
			t.Errorf("%s: %t", name, !c.want)
		}
	}
	for name, c := range map[string]struct {
		from  string
		plain bool
		want  string
	}{
		"over TLS":                   {"192.0.2.1", false, ""},
		"in the clear":               {"192.0.2.1", true, sts.AccessDenied},
		"in the clear, on a machine": {"127.0.0.1", true, ""},
	} {
		x := r.read(&request{method: "POST", path: "/", header: []string{form}, from: peerAt(c.from), plain: c.plain})
		if got := codeOfCall(x.CheckCall()); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
