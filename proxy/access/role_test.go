package access_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/session"
	"sealfront/proxy/sts"
)

const roleAccount = "arn:aws:iam::" + testAccount + ":"

var readSource = request{method: "GET", path: "/kms/source"}

func TestARoleIsAssumedWithAToken(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t)
	r.set(r.reader())
	a := r.assumed(nil)
	if a.ARN != "arn:aws:sts::"+testAccount+":assumed-role/reader/web-1" || !strings.HasPrefix(a.UserID, "AROA") ||
		!strings.HasSuffix(a.UserID, ":web-1") || a.Subject != "me" || a.Audience != "us" ||
		a.Session.Provider != r.issuer.URL || !strings.HasPrefix(a.Credentials.AccessKeyID, "ASIA") {
		t.Errorf("%+v", a)
	}
	if left := a.Credentials.Expires.Sub(r.now); left > time.Hour || left < time.Hour-2*time.Second {
		t.Errorf("expires in %v", left)
	}
	x := r.want("a read", as(a, readSource), "")
	if x.Identity.Name != "assumed-role/reader/web-1" || x.Identity.Unit() != "role/reader" ||
		x.Identity.UserID() != a.UserID || x.Identity.Assumed().Name != "web-1" {
		t.Errorf("%+v", x.Identity)
	}
	r.want("a write", as(a, request{method: "PUT", path: "/kms/source"}), "AccessDenied")
	r.want("a read by a URL", &request{
		method: "GET", path: "/kms/source", presigned: true, who: a.Credentials.AccessKeyID,
		secret: a.Credentials.SecretAccessKey, query: "X-Amz-Security-Token=" + url.QueryEscape(a.Credentials.Token),
	}, "")
	r.want("without the token", &request{
		method: "GET", path: "/kms/source", who: a.Credentials.AccessKeyID, secret: a.Credentials.SecretAccessKey,
	}, "InvalidAccessKeyId")
	r.want("in a directory bucket, as minio-go sends the token", &request{
		method: "GET", path: "/sealed--az1--x-s3/a", session: &a.Credentials,
	}, "")
	other := r.assumed(nil)
	mixed := *other
	mixed.Credentials.Token = a.Credentials.Token
	r.want("another's token", as(&mixed, readSource), "InvalidToken")
	mixed = *a
	mixed.Credentials.SecretAccessKey = other.Credentials.SecretAccessKey
	r.want("another's secret", as(&mixed, readSource), "SignatureDoesNotMatch")
	r.now = a.Credentials.Expires.Add(session.Grace)
	r.want("within the grace", as(a, readSource), "")
	r.now = r.now.Add(time.Second)
	r.want("expired", as(a, readSource), "ExpiredToken")
}

// A form carries the token in a field.
func TestTemporaryCredentialsSignForms(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t, true)
	r.set(r.trusting(newRole(t, "reader", allow("*", "*")), r.conditions("StringEquals", "sub", "me")))
	a := r.assumed(nil)
	form := request{
		method: "POST", path: "/plain", form: true, who: a.Credentials.AccessKeyID, secret: a.Credentials.SecretAccessKey,
		header: []string{"x-amz-security-token: " + a.Credentials.Token},
	}
	x := r.want("with the token", &form, "")
	if x.Identity == nil || x.Identity.Assumed() == nil {
		t.Errorf("%+v", x.Identity)
	}
	form.header = nil
	r.want("without it", &form, "InvalidAccessKeyId")
}

func TestWhoMayAssumeARole(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t)
	role := r.reader()
	r.trusting(role, r.conditions("StringLike", "groups", "admin*"))
	r.trusting(role, r.conditions("StringEquals", "sts:RoleSessionName", "named"))
	r.set(role, newRole(t, "ops", allow("*", "*")))
	stranger := proxytest.NewIssuer(t)
	for name, c := range map[string]struct {
		token  string
		change func(a *sts.Assumption)
		want   string // "": it may
	}{
		"the subject":     {r.issuer.Token("me", "us", nil), nil, ""},
		"another subject": {r.issuer.Token("you", "us", nil), nil, sts.AccessDenied},
		"by another claim": {
			r.issuer.Token("you", "us", map[string]any{"groups": "admins"}), nil, "",
		},
		"a list where one text is asked for": {
			r.issuer.Token("you", "us", map[string]any{"groups": []string{"a", "admins"}}), nil, sts.AccessDenied,
		},
		"by the session's name": {
			r.issuer.Token("you", "us", nil), func(a *sts.Assumption) { a.SessionName = "named" }, "",
		},
		"a claim that looks like the session's name": {
			r.issuer.Token("you", "us", map[string]any{policy.FactSessionName: "named"}), nil, sts.AccessDenied,
		},
		"another audience": {r.issuer.Token("me", "them", nil), nil, sts.InvalidIdentityToken},
		"several audiences": {
			r.issuer.Token("me", "", map[string]any{"aud": []string{"them", "us"}}), nil, "",
		},
		"an expired token": {
			r.issuer.Token("me", "us", map[string]any{"exp": 1}), nil, sts.ExpiredTokenException,
		},
		"another issuer": {stranger.Token("me", "us", nil), nil, sts.InvalidIdentityToken},
		"no token":       {"token", nil, sts.InvalidIdentityToken},
		"another account's role": {
			r.issuer.Token("me", "us", nil),
			func(a *sts.Assumption) { a.RoleARN = "arn:aws:iam::210987654321:role/reader" }, sts.AccessDenied,
		},
		"no role": {
			r.issuer.Token("me", "us", nil), func(a *sts.Assumption) { a.RoleARN = roleAccount + "role/none" },
			sts.AccessDenied,
		},
		"a role that trusts nobody": {
			r.issuer.Token("me", "us", nil), func(a *sts.Assumption) { a.RoleARN = roleAccount + "role/ops" },
			sts.AccessDenied,
		},
		"for too long": {
			r.issuer.Token("me", "us", nil), func(a *sts.Assumption) { a.Duration = time.Hour + time.Second },
			sts.ValidationError,
		},
		"with a policy that is none": {
			r.issuer.Token("me", "us", nil), func(a *sts.Assumption) { a.Policy = "{}" }, sts.MalformedPolicy,
		},
		"with too much": {
			r.issuer.Token("me", "us", map[string]any{"groups": "admins" + strings.Repeat("x", 5000)}),
			nil, sts.PackedPolicyTooLarge,
		},
	} {
		_, err := r.assume(c.token, c.change)
		if got := codeOfCall(err); got != c.want {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.want, err)
		}
		r.now = r.now.Add(time.Second) // a failed login is forgotten
	}
}

func codeOfCall(err *sts.Error) string {
	if err == nil {
		return ""
	}
	return err.Code
}

func TestFailedTokensAreThrottled(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t)
	r.set(r.reader())
	throttled := 0
	for range 40 {
		if _, err := r.assume("token", nil); codeOfCall(err) == sts.Throttling {
			throttled++
		}
	}
	if throttled != 20 {
		t.Errorf("%d of 40 were throttled", throttled)
	}
	if fetches := r.issuer.Fetches.Load(); fetches != 0 {
		t.Errorf("%d fetches for what is no token", fetches)
	}
}

// A session's policy takes away, whoever gives; what it allows beyond the role's is not allowed.
func TestASessionPolicyNarrows(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t)
	r.set(r.reader())
	r.records["open"] = testBuckets()["plain"]
	r.records["open"].Name, r.records["open"].ARN = "open", "arn:aws:s3:::open"
	r.records["open"].Policy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*",` +
		`"Resource":["arn:aws:s3:::open","arn:aws:s3:::open/*"]}}`
	policyOf := func(text string) func(a *sts.Assumption) { return func(a *sts.Assumption) { a.Policy = text } }
	only := func(action, resource string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + action + `","kms:*"],"Resource":"` +
			resource + `"}]}`
	}
	whole, narrow := r.assumed(nil), r.assumed(policyOf(only("s3:GetObject", "arn:aws:s3:::kms/a*")))
	wide := r.assumed(policyOf(only("s3:*", "*")))
	denied := r.assumed(policyOf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
		`{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}]}`))
	for name, c := range map[string]struct {
		who                 *access.Assumed
		method, path, wants string
	}{
		"the role reads":                       {whole, "GET", "/kms/b", ""},
		"what is left":                         {narrow, "GET", "/kms/a", "AccessDenied"}, // its key isn't
		"another object":                       {narrow, "GET", "/kms/b", "AccessDenied"},
		"more than the role may":               {wide, "PUT", "/kms/b", "AccessDenied"},
		"as much as the role may":              {wide, "GET", "/kms/b", ""},
		"denied":                               {denied, "GET", "/kms/b", "AccessDenied"},
		"by the bucket's policy":               {whole, "PUT", "/open/b", ""},
		"by the bucket's policy, taken away":   {narrow, "PUT", "/open/b", "AccessDenied"},
		"by the bucket's policy and the whole": {wide, "PUT", "/open/b", ""},
	} {
		x, err := r.check(as(c.who, request{method: c.method, path: c.path}))
		if err == nil && strings.HasPrefix(c.path, "/kms/") {
			err = x.MayRead(keyOne)
		}
		if got, _ := codeOf(t, err); got != c.wants {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.wants, err)
		}
	}
	creation := as(narrow, request{
		method: "GET", path: "/sealed--az1--x-s3/", query: "session=", service: "s3express",
	})
	r.want("CreateSession, taken away", creation, "AccessDenied")
}

// A bucket's policy can name a role, and one of its sessions.
func TestBucketPoliciesNameRoles(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t)
	r.set(r.reader())
	a := r.assumed(nil)
	for name, c := range map[string]struct{ principal, condition, want string }{
		"everybody":        {`"*"`, "", "AccessDenied"},
		"the role":         {`{"AWS":"` + roleAccount + `role/reader"}`, "", "AccessDenied"},
		"the session":      {`{"AWS":"` + a.ARN + `"}`, "", "AccessDenied"},
		"the account":      {`{"AWS":"` + testAccount + `"}`, "", "AccessDenied"},
		"another role":     {`{"AWS":"` + roleAccount + `role/other"}`, "", ""},
		"another session":  {`{"AWS":"` + a.ARN + `2"}`, "", ""},
		"a user":           {`{"AWS":"` + roleAccount + `user/reader"}`, "", ""},
		"a tag":            {`"*"`, `{"StringEquals":{"aws:PrincipalTag/Team":"red"}}`, "AccessDenied"},
		"another tag":      {`"*"`, `{"StringEquals":{"aws:PrincipalTag/Team":"blue"}}`, ""},
		"the role's ARN":   {`"*"`, `{"ArnEquals":{"aws:PrincipalArn":"` + roleAccount + `role/reader"}}`, "AccessDenied"},
		"the unique id":    {`"*"`, `{"StringLike":{"aws:userid":"AROA*:web-1"}}`, "AccessDenied"},
		"the kind":         {`"*"`, `{"StringEquals":{"aws:PrincipalType":"AssumedRole"}}`, "AccessDenied"},
		"no name":          {`"*"`, `{"Null":{"aws:username":"true"}}`, "AccessDenied"},
		"the issuer":       {`"*"`, `{"StringLike":{"aws:FederatedProvider":"*:oidc-provider/127.0.0.1:*"}}`, "AccessDenied"},
		"the time":         {`"*"`, `{"DateLessThan":{"aws:TokenIssueTime":"2100-01-01T00:00:00Z"}}`, "AccessDenied"},
		"the time, before": {`"*"`, `{"DateLessThan":{"aws:TokenIssueTime":"2020-01-01T00:00:00Z"}}`, ""},
	} {
		condition := ""
		if c.condition != "" {
			condition = `,"Condition":` + c.condition
		}
		b := testBuckets()["plain"]
		b.Policy = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*",` +
			`"Resource":["arn:aws:s3:::plain","arn:aws:s3:::plain/*"],"Principal":` + c.principal + condition + `}}`
		r.records["plain"] = b
		r.want(name, as(a, request{method: "GET", path: "/plain/a"}), c.want)
	}
}

// What ends the sessions of a role: an end that was said, its removal, and a trust that lets them in no more; on top of
// them, too.
func TestSessionsOfARoleEnd(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t)
	role := r.reader()
	r.set(role)
	a := r.assumed(nil)
	made := r.want("CreateSession", as(a, request{
		method: "GET", path: "/sealed--az1--x-s3/", query: "session=", service: "s3express",
	}), "")
	onTop := func() *request {
		return &request{
			method: "GET", path: "/sealed--az1--x-s3/a",
			session: r.newSession(session.Session{
				Principal: made.Identity.Name, Bucket: "sealed--az1--x-s3", Incarnation: "i", KMS: true, KeyARN: keyOne,
				Assumed: made.Identity.Assumed(),
			}),
		}
	}
	check := func(name, want string) {
		t.Helper()
		r.want(name, as(a, readSource), want)
		r.want(name+", on top", onTop(), want)
	}
	check("as it is", "")
	r.ended["reader"] = 1
	check("ended", "ExpiredToken")
	r.ended["reader"] = 0
	r.away = errors.New("away")
	check("nobody knows", "ServiceUnavailable")
	if _, err := r.assume(r.issuer.Token("me", "us", nil), nil); codeOfCall(err) != sts.ServiceUnavailable {
		t.Error(err)
	}
	r.away = nil
	r.set()
	check("removed", "AccessDenied")
	r.set(r.reader())
	check("back", "")
	r.set(r.trusting(newRole(t, "reader", allow("*", "*")), r.conditions("StringEquals", "sub", "you")))
	check("another subject is trusted", "AccessDenied")
	r.set(r.trusting(newRole(t, "reader", allow("*", "*")), r.conditions("StringNotEquals", "groups", "x")))
	check("a claim is asked about that nobody noted", "AccessDenied")
	moved := r.reader()
	moved.Trust[0].Audience = []string{"them"}
	r.set(moved)
	check("another audience is trusted", "AccessDenied")
	r.set(r.trusting(newRole(t, "reader", allow("s3:PutObject", "*")), r.conditions("StringLike", "sub", "m*")))
	r.want("a policy that was changed", as(a, readSource), "AccessDenied")
	r.want("a policy that was changed", as(a, request{method: "PUT", path: "/plain/a"}), "")

	short := r.assumed(func(a *sts.Assumption) { a.Duration = 15 * time.Minute })
	r.now = short.Credentials.Expires.Add(-time.Minute)
	c := r.newSession(session.Session{Principal: "x", Bucket: "b", Assumed: short.Session})
	if !c.Expires.Equal(short.Credentials.Expires) {
		t.Errorf("a session ends at %v, its role's at %v", c.Expires, short.Credentials.Expires)
	}
}

// A role's sessions share its limits, and outlive a reload with them.
func TestARolesSessionsShareItsLimits(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t)
	role := r.reader()
	role.Concurrency = 1
	r.set(role)
	first, second := r.assumed(nil), r.assumed(func(a *sts.Assumption) { a.SessionName = "web-2" })
	x := r.read(as(first, readSource))
	if err := x.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want("the other session", as(second, readSource), "SlowDown")
	again := r.reader()
	again.Concurrency = 1
	r.set(again)
	r.want("after a reload", as(second, readSource), "SlowDown")
	x.Release()
	r.want("when the first has ended", as(second, readSource), "")
}

func TestARoleNeedsItsCertificate(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t)
	role := r.reader()
	role.Certificates = []string{"cn:app"}
	r.set(role)
	r.want("without it", as(r.assumed(nil), readSource), "AccessDenied")
}

func TestExplainKnowsRoles(t *testing.T) {
	t.Parallel()
	r := newRoleRoom(t)
	r.set(r.reader())
	for principal, want := range map[string]string{
		"role/reader": "allow", "assumed-role/reader/web-1": "allow", "nobody": "refuse",
	} {
		got, err := r.Explain(t.Context(), &access.Question{
			Operation: "GetObject", Bucket: "plain", Key: "a", LongTerm: true, Principal: principal,
		})
		if err != nil || got.Decision != want {
			t.Errorf("%s: %+v, %v", principal, got, err)
		}
	}
	for _, principal := range []string{"role/none", "assumed-role/reader", "assumed-role/reader/"} {
		if got, err := r.Explain(t.Context(), &access.Question{
			Operation: "GetObject", Bucket: "plain", Key: "a", LongTerm: true, Principal: principal,
		}); !errors.Is(err, access.ErrQuestion) {
			t.Errorf("%s: %+v, %v", principal, got, err)
		}
	}
}

func TestRolesHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	for name, roles := range map[string][]*access.Role{
		"without a name":   {newRole(t, "")},
		"without a policy": {{Name: "a"}},
		"twice":            {newRole(t, "a"), newRole(t, "a")},
	} {
		if _, err := access.NewIdentities(nil, roles...); err == nil {
			t.Error(name, "was taken")
		}
	}
}
