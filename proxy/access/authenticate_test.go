package access_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/s3"
	"sealfront/proxy/session"
	"sealfront/sigv4"
)

func get(path string) *request { return &request{method: "GET", path: path, who: "all"} }

func TestWhoSignsARequestIsKnownByIt(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	for name, c := range map[string]struct {
		r    *request
		code string
	}{
		"an identity": {get("/plain/key"), ""},
		"an identity, by a presigned URL": {&request{
			method: "GET", path: "/plain/key", who: "all",
			presigned: true,
		}, ""},
		"another secret": {&request{
			method: "GET", path: "/plain/key", who: "all",
			secret: "wrong",
		}, "SignatureDoesNotMatch"},
		"an access key that nobody has": {
			&request{method: "GET", path: "/plain/key", who: "stranger"},
			"InvalidAccessKeyId",
		},
		"nobody": {&request{method: "GET", path: "/plain/key"}, "AccessDenied"},
		"an identity, a quarter of an hour late": {&request{
			method: "GET", path: "/plain/key", who: "all",
			signed: testStart.Add(-16 * time.Minute),
		}, "RequestTimeTooSkewed"},
		"a token of STS's, which nobody has here": {&request{
			method: "GET", path: "/plain/key", who: "all",
			header: []string{"X-Amz-Security-Token: t"},
		}, "InvalidToken"},
		"another service's scope": {&request{
			method: "GET", path: "/plain/key", who: "all",
			service: "s3express",
		}, "AuthorizationHeaderMalformed"},
		"s3express for a directory bucket": {&request{
			method: "GET", path: "/never--az1--x-s3",
			query: "session=", who: "all", service: "s3express",
		}, ""},
		"s3 for a directory bucket": {&request{
			method: "GET", path: "/never--az1--x-s3",
			query: "session=", who: "all",
		}, ""},
		"s3express for the list of buckets": {&request{
			method: "GET", path: "/", who: "all",
			service: "s3express",
		}, ""},
		"a header that is signed twice is hoisted": {&request{
			method: "GET", path: "/plain/key", who: "all",
			presigned: true, query: "x-amz-acl=private&x-amz-acl=private",
		}, ""},
	} {
		x := g.want(name, c.r, c.code)
		if known := x.Identity != nil && x.Identity.Name == "all"; known != (c.code == "" || c.code == "InvalidToken") {
			t.Errorf("%s: the identity is known: %t", name, known)
		}
	}
	strict := newRoom(t, func(o *access.Options) { o.AcceptS3Scope = false })
	strict.want("s3 for a directory bucket, where that isn't accepted",
		&request{method: "GET", path: "/never--az1--x-s3", query: "session=", who: "all"},
		"AuthorizationHeaderMalformed")
	strict.want("s3express, where s3 isn't accepted",
		&request{method: "GET", path: "/never--az1--x-s3", query: "session=", who: "all", service: "s3express"}, "")
}

// A head that can be read in two ways is refused before anything else is looked at.
func TestAnAmbiguousHeadIsRefused(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	r := get("/plain/key")
	r.unsigned = []string{"X: 1\r\n folded"}
	x := g.want("a folded line", r, "InvalidRequest")
	if x.Identity != nil || g.reads != 0 {
		t.Errorf("the identity is %v, and %d records were read", x.Identity, g.reads)
	}
}

// The order of refusals of a session: its token, its end, its access key, its bucket, its signature.
func TestSessionsAreJudgedInOrder(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	const bucket = "never--az1--x-s3"
	issued := session.Session{Principal: "all", Bucket: bucket, Incarnation: "i"}
	as := func(change func(r *request, c *session.Credentials)) *request {
		c := *g.newSession(issued)
		r := &request{method: "GET", path: "/" + bucket + "/key", session: &c}
		if change != nil {
			change(r, &c)
		}
		return r
	}
	for name, c := range map[string]struct {
		change    func(r *request, c *session.Credentials)
		code, row string
	}{
		"a session":       {nil, "", ""},
		"no token at all": {func(_ *request, c *session.Credentials) { c.Token = "no token" }, "InvalidToken", ""},
		"a byte of the token is another": {func(_ *request, c *session.Credentials) {
			c.Token = c.Token[:20] + strings.Map(func(r rune) rune {
				if r == 'A' {
					return 'B'
				}
				return 'A'
			}, c.Token[20:21]) + c.Token[21:]
			c.SecretAccessKey = "wrong"
		}, "InvalidToken", ""},
		"another access key and another bucket": {func(r *request, c *session.Credentials) {
			c.AccessKeyID = g.newSession(issued).AccessKeyID
			r.path = "/bound--az1--x-s3/key"
		}, "InvalidToken", "SE-5"},
		"another bucket and a wrong secret": {func(r *request, c *session.Credentials) {
			r.path, c.SecretAccessKey = "/bound--az1--x-s3/key", "wrong"
		}, "AccessDenied", "SE-4"},
		"a wrong secret": {
			func(_ *request, c *session.Credentials) { c.SecretAccessKey = "wrong" },
			"SignatureDoesNotMatch", "",
		},
	} {
		r := as(c.change)
		x, err := g.check(r)
		code, row := codeOf(t, err)
		if code != c.code || c.row != "" && row != c.row {
			t.Errorf("%s: %s %s (%v), want %s %s", name, code, row, err, c.code, c.row)
		}
		if known := x.Session != nil; known != (c.code == "") {
			t.Errorf("%s: there is a session: %t", name, known)
		}
	}
	// Once its token has been opened, too, a session ends, before its signature is judged.
	r := as(nil)
	g.want("at once", r, "")
	g.now = testStart.Add(session.Lifetime + session.Grace)
	g.want("within the grace", &request{method: "GET", path: r.path, session: r.session}, "")
	g.now = g.now.Add(time.Second)
	wrong := *r.session
	wrong.SecretAccessKey = "wrong"
	g.want("past the grace", &request{method: "GET", path: r.path, session: &wrong}, "ExpiredToken")
	fresh := newRoom(t, nil)
	fresh.now = g.now
	fresh.want("past the grace, at a replica that hasn't seen it",
		&request{method: "GET", path: r.path, session: r.session}, "ExpiredToken")
}

// A session is its principal's, and of the bucket that there was.
func TestASessionEndsWithItsIdentityAndItsBucket(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	const bucket = "never--az1--x-s3"
	issue := func(s session.Session) *request {
		s.Bucket = bucket
		return &request{method: "GET", path: "/" + bucket + "/key", session: g.newSession(s)}
	}
	g.want("a bucket that was made again", issue(session.Session{Principal: "all", Incarnation: "earlier"}),
		"ExpiredToken")
	g.want("a provisional session", issue(session.Session{Principal: "all"}), "NoSuchBucket")
	g.want("an identity that is gone", issue(session.Session{Principal: "gone", Incarnation: "i"}),
		"InvalidAccessKeyId")
	r := issue(session.Session{Principal: "all", Incarnation: "i"})
	g.want("as long as its identity is there", r, "")
	g.SetIdentities(newIdentities(t, newIdentity(t, "other", allow("*", "*"))))
	g.want("once its identity is gone", &request{method: "GET", path: r.path, session: r.session}, "InvalidAccessKeyId")
}

func TestASessionHasItsModeAndItsEncryption(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	const bucket = "sealed--az1--x-s3"
	for name, s := range map[string]session.Session{
		"read and write": {}, "read only": {ReadOnly: true}, "under a KMS key": {KMS: true, KeyARN: keyOne},
	} {
		s.Principal, s.Bucket, s.Incarnation = "all", bucket, "i"
		x := g.want(name, &request{method: "GET", path: "/" + bucket + "/key", session: g.newSession(s)}, "")
		want := policy.Encryption{SSE: policy.SSES3}
		if s.KMS {
			want = policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyOne, BucketKey: true}
		}
		if x.ReadOnly != s.ReadOnly || (x.Session.Mode == policy.ReadOnly) != s.ReadOnly ||
			!reflect.DeepEqual(x.Session.Encryption, want) {
			t.Errorf("%s: read only %t, %+v", name, x.ReadOnly, x.Session)
		}
		code := ""
		if s.ReadOnly {
			code = "AccessDenied"
		}
		g.want(name+", writing", &request{method: "DELETE", path: "/" + bucket + "/key", session: g.newSession(s)},
			code)
	}
}

// A store of session keys that is away is no fault of the client's.
func TestSessionKeysThatAreAwayAreNoRefusal(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	r := &request{
		method: "GET", path: "/never--az1--x-s3/key",
		session: g.newSession(session.Session{Principal: "all", Bucket: "never--az1--x-s3", Incarnation: "i"}),
	}
	g.keys.broken = errors.New("away")
	x, err := g.check(r)
	if e := s3.ErrorIn(err); e == nil || e.Code != "ServiceUnavailable" || !errors.Is(err, g.keys.broken) ||
		x.Identity != nil {
		t.Errorf("%v", err)
	}
	g.keys.broken = nil
	g.want("once they are there", &request{method: r.method, path: r.path, session: r.session}, "")
	g.keys.broken = errors.New("away again")
	g.want("a token that has been opened", &request{method: r.method, path: r.path, session: r.session}, "")
}

// failures lets a room count failed logins: three of them, of which one is forgotten each ten seconds.
func failures(o *access.Options) { o.FailedLogins = access.FailedLogins{Rate: 0.1, Burst: 3} }

func TestFailedLoginsSlowDownTheirAddressAndAccessKey(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]request{
		"a wrong secret":        {secret: "wrong", who: "all"},
		"an unknown access key": {who: "stranger"},
		"a token that is garbage": {session: &session.Credentials{
			AccessKeyID: "A", SecretAccessKey: "s",
			Token: "garbage",
		}},
	} {
		g := newRoom(t, failures)
		attempt := func(from string, r request) *request {
			r.method, r.path, r.from = "GET", "/never--az1--x-s3/key", peerAt(from)
			return &r
		}
		for i := range 3 {
			x, err := g.check(attempt("192.0.2.1", wrong))
			if code, _ := codeOf(t, err); code == "SlowDown" || code == "" || x.Identity != nil {
				t.Errorf("%s, attempt %d: %v", name, i, err)
			}
		}
		g.want(name+", once more", attempt("192.0.2.1", wrong), "SlowDown")
		if len(g.shed) != 1 || g.shed[0] != access.ShedLogins {
			t.Errorf("%s: %v were counted", name, g.shed)
		}
		right := request{who: "all"}
		code := ""
		if wrong.who == "all" {
			code = "SlowDown" // not even the right secret
		}
		right.query = "session="
		again := attempt("192.0.2.1", right)
		again.path = "/never--az1--x-s3"
		g.want(name+", the right secret from there", again, code)
		elsewhere := attempt("192.0.2.2", right)
		elsewhere.path = again.path
		g.want(name+", the right secret from elsewhere", elsewhere, "")
		g.now = g.now.Add(10 * time.Second)
		x, err := g.check(attempt("192.0.2.1", wrong))
		if got, _ := codeOf(t, err); got == "SlowDown" || got == "" || x.Identity != nil {
			t.Errorf("%s, after a while: %v", name, err)
		}
	}
}

// An IPv6 client has as many addresses as it likes: a network counts as one.
func TestANetworkOfIPv6CountsAsOneAddress(t *testing.T) {
	t.Parallel()
	g := newRoom(t, failures)
	attempt := func(from, secret string) *request {
		return &request{method: "GET", path: "/plain/key", who: "all", secret: secret, from: peerAt(from)}
	}
	for _, from := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::3"} {
		g.want(from, attempt(from, "wrong"), "SignatureDoesNotMatch")
	}
	g.want("a fourth address of the network", attempt("2001:db8::ffff:4", ""), "SlowDown")
	g.want("another network", attempt("2001:db8:0:1::1", ""), "")
}

// What was counted stays counted, as a share of the limit, and a token that a replica issued itself costs nobody a
// login.
func TestLimitsOfFailedLoginsAreReplacedAsTheyAre(t *testing.T) {
	t.Parallel()
	g := newRoom(t, failures)
	attempt := func(secret string) *request {
		return &request{method: "GET", path: "/plain/key", who: "all", secret: secret}
	}
	for range 3 {
		g.want("a wrong secret", attempt("wrong"), "SignatureDoesNotMatch")
	}
	g.SetFailedLogins(access.FailedLogins{Rate: 0.1, Burst: 3})
	g.want("the same limits", attempt(""), "SlowDown")
	g.SetFailedLogins(access.FailedLogins{Rate: 0.1, Burst: 300})
	g.want("higher limits", attempt(""), "SlowDown")
	g.now = g.now.Add(10 * time.Second)
	g.want("higher limits, after a while", attempt(""), "")
	g.SetFailedLogins(access.FailedLogins{})
	for range 4 {
		g.want("no limits", attempt("wrong"), "SignatureDoesNotMatch")
	}
	g.want("no limits", attempt(""), "")
}

// A token under a session key that this replica knows costs no look into the store, so it is opened whoever failed
// before; under any other key it is not.
func TestTokensOfKnownSessionKeysAreOpenedWhoeverFails(t *testing.T) {
	t.Parallel()
	const bucket = "never--az1--x-s3"
	for name, known := range map[string]bool{"a session key that has been seen": true, "one that hasn't": false} {
		g := newRoom(t, failures)
		c := g.newSession(session.Session{Principal: "all", Bucket: bucket, Incarnation: "i"})
		if known {
			g.Issued(c.Token)
		}
		g.Issued("no token")
		for range 3 {
			g.want("a stranger", &request{method: "GET", path: "/plain/key", who: "stranger"}, "InvalidAccessKeyId")
		}
		code := map[bool]string{true: "", false: "SlowDown"}[known]
		g.want(name, &request{method: "GET", path: "/" + bucket + "/key", session: c}, code)
	}
}

// A request that is signed with Signature Version 2 is refused as its bucket's default wants it, at most so many times.
func TestSignatureVersion2IsRefusedByTheBucketsDefault(t *testing.T) {
	t.Parallel()
	v2 := func(path string) *request {
		return &request{method: "GET", path: path, unsigned: []string{"authorization: AWS AKIA:signature"}}
	}
	g := newRoom(t, failures)
	plainly, _ := g.check(v2("/plain/key"))
	if plainly.Identity != nil || g.reads != 0 {
		t.Errorf("a general purpose bucket: %d records were read", g.reads)
	}
	_, ofDefault := g.check(v2("/sealed--az1--x-s3/key"))
	_, ofOther := g.check(v2("/never--az1--x-s3/key"))
	refused, ok := errors.AsType[*policy.Refusal](ofDefault)
	if !ok || refused.Row != "T-2" {
		t.Errorf("a bucket with SSE-KMS: %v", ofDefault)
	}
	if code, _ := codeOf(t, ofOther); code != "InvalidRequest" {
		t.Errorf("a bucket with SSE-S3: %v", ofOther)
	}
	reads := g.reads
	if reads != 2 {
		t.Errorf("%d records were read", reads)
	}
	g.want("a bucket that is absent", v2("/absent--az1--x-s3/key"), "InvalidRequest")
	_, err := g.check(v2("/sealed--az1--x-s3/key"))
	if e, ok := errors.AsType[*sigv4.Error](err); !ok || e.Code != "InvalidRequest" || g.reads != reads+1 {
		t.Errorf("after too many: %v with %d records read", err, g.reads-reads)
	}
	fresh := newRoom(t, nil)
	_, err = fresh.check(&request{
		method: "GET", path: "/sealed--az1--x-s3/key",
		query: "AWSAccessKeyId=A&Signature=s&Expires=1",
	})
	if refused, ok := errors.AsType[*policy.Refusal](err); !ok || refused.Row != "T-2" {
		t.Errorf("in the query: %v", err)
	}
	fresh.broken = errors.New("away")
	_, err = fresh.check(v2("/sealed--az1--x-s3/key"))
	if e, ok := errors.AsType[*sigv4.Error](err); !ok || e.Code != "InvalidRequest" {
		t.Errorf("with records that are away: %v", err)
	}
}
