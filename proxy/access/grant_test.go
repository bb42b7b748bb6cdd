package access_test

import (
	"testing"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/session"
)

// granted is a request that was granted, and whose grant is asked afterwards.
func (g *room) granted(r *request) *access.Grant {
	g.t.Helper()
	x := g.want("the request itself", r, "")
	return x
}

// place is an object or a bucket of the room's.
func (g *room) place(bucket, key string) *access.Place {
	g.t.Helper()
	p, err := g.PlaceOf(g.records[bucket], key, "")
	if err != nil {
		g.t.Fatal(err)
	}
	return &p
}

// wantCode checks the code of what a grant is asked.
func (g *room) wantCode(name string, err error, code string) {
	g.t.Helper()
	if got, _ := codeOf(g.t, err); got != code {
		g.t.Errorf("%s: %q (%v), want %q", name, got, err, code)
	}
}

// Reading what a KMS key seals needs the key's permission, unless the session was made with that key.
func TestReadingNeedsThePermissionOnTheKey(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	for who, code := range map[string]string{"all": "", "keyless": "AccessDenied"} {
		x := g.granted(&request{method: "GET", path: "/kms/key", who: who})
		g.wantCode(who+" with a long-term key", x.MayRead(keyOne), code)
		g.wantCode(who+", what no KMS key seals", x.MayRead(""), "")
	}
	const bucket = "sealed--az1--x-s3"
	for _, c := range []struct {
		name string
		s    session.Session
		key  string
		code string
	}{
		{"in a session under the key", session.Session{Principal: "keyless", KMS: true, KeyARN: keyOne}, keyOne, ""},
		{
			"in a session under another key",
			session.Session{Principal: "keyless", KMS: true, KeyARN: keyTwo},
			keyOne,
			"AccessDenied",
		},
		{"in a session of SSE-S3", session.Session{Principal: "keyless"}, keyOne, "AccessDenied"},
		{"in a session of SSE-S3, by who has the permission", session.Session{Principal: "all"}, keyOne, ""},
	} {
		c.s.Bucket, c.s.Incarnation = bucket, "i"
		x := g.read(&request{method: "GET", path: "/" + bucket + "/key", session: g.newSession(c.s)})
		if err := x.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		g.wantCode(c.name, x.MayRead(c.key), c.code)
	}
}

func TestAGrantIsAskedForOtherPlaces(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	source := allow("s3:GetObject", "arn:aws:s3:::plain/allowed")
	decrypt := allow("kms:*", keyOne)
	g.SetIdentities(newIdentities(t,
		newIdentity(t, "all", allow("*", "*")),
		newIdentity(t, "copier", allow("s3:PutObject", "arn:aws:s3:::kms/*"), source, decrypt, allow("kms:*", keyOne)),
	))
	r := &request{method: "PUT", path: "/kms/copy", who: "copier", header: []string{"x-amz-copy-source: plain/allowed"}}
	x := g.granted(r)
	g.wantCode("a source that it may read", x.MayReadSource(g.place("plain", "allowed"), ""), "")
	g.wantCode("another source", x.MayReadSource(g.place("plain", "other"), ""), "AccessDenied")
	g.wantCode("the source's key", x.MayReadSource(g.place("plain", "allowed"), keyOne), "")
	g.wantCode("another key of the source", x.MayReadSource(g.place("plain", "allowed"), keyTwo), "AccessDenied")
	g.wantCode("writing elsewhere in the bucket", x.Permit(policy.PutObject, g.place("kms", "other"), keyOne), "")
	g.wantCode("writing in another bucket", x.Permit(policy.PutObject, g.place("plain", "other"), ""), "AccessDenied")
	g.wantCode("writing under another key", x.Permit(policy.PutObject, g.place("kms", "other"), keyTwo), "AccessDenied")
	if caller := x.Caller(); caller.Principal != "arn:aws:iam::"+testAccount+":user/copier" ||
		caller.Account != testAccount {
		t.Errorf("the caller is %+v", caller)
	}
	if target := x.Target(keyTwo); target.KeyARN != keyTwo || target.Key != "copy" ||
		target.BucketARN != g.records["kms"].ARN || len(target.Tags) != 1 {
		t.Errorf("the target is %+v", target)
	}
}

func TestAnEntryOfDeleteObjectsNeedsItsPermission(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	g.SetIdentities(newIdentities(t,
		newIdentity(t, "deleter", allow("s3:DeleteObject", "arn:aws:s3:::plain/mine/*"),
			allow("s3:DeleteObject", "arn:aws:s3:::plain"))))
	x := g.read(&request{
		method: "POST", path: "/plain", query: "delete=", who: "deleter",
		header: []string{"content-md5: 1B2M2Y8AsgTpgAmY7PhCfg=="},
	})
	if err := x.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.wantCode("its own", x.MayDelete(g.place("plain", "mine/key")), "")
	g.wantCode("another one's", x.MayDelete(g.place("plain", "other/key")), "AccessDenied")
	version := g.place("plain", "mine/key")
	version.Version = "v"
	g.wantCode("a version, which is another permission", x.MayDelete(version), "AccessDenied")
}

func TestTheKeyOfADefaultNeedsItsPermission(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	for who, want := range map[string]bool{"all": true, "keyless": false} {
		x := g.granted(&request{method: "PUT", path: "/plain", query: "encryption=", who: who})
		if got := x.MayUse(keyOne); got != want {
			t.Errorf("%s may use the key: %t", who, got)
		}
	}
}

// Tags that a document names are decided by the record that the request was decided by, and by a newer one.
func TestTagsOfADocumentNeedTheirPermission(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	red := allow("s3:*", "*")
	red.Condition = map[string]map[string][]string{"StringEquals": {
		"aws:RequestTag/Team":  {"red"},
		"aws:ResourceTag/Team": {"red"},
	}}
	g.SetIdentities(newIdentities(t, newIdentity(t, "tagger", red, allow("s3:TagResource", "arn:aws:s3:::none"))))
	x := g.read(&request{
		method: "POST", path: "/v20180820/tags/arn:aws:s3:::plain", who: "tagger",
		header: []string{"x-amz-account-id: " + testAccount},
	})
	_ = x.Check(t.Context()) // without its document it has no tags: whether it is permitted is asked for with them
	if x.Operation != policy.TagResource || x.Record == nil {
		t.Fatalf("%v", x.Operation)
	}
	tags := func(value string) policy.Tags { return policy.Tags{{Key: "Team", Value: value}} }
	g.wantCode("the team's own tag", x.MayTag(tags("red")), "")
	g.wantCode("another team's", x.MayTag(tags("blue")), "AccessDenied")
	newer := *g.records["plain"]
	g.wantCode("by the same record", x.MayTagAs(&newer, tags("red")), "")
	newer.Tags = nil
	g.wantCode("by a record without the tag", x.MayTagAs(&newer, tags("red")), "AccessDenied")
	newer.Tags, newer.Policy = g.records["plain"].Tags,
		denial("s3:*", "arn:aws:s3:::plain")
	g.wantCode("by a record with a policy that denies", x.MayTagAs(&newer, tags("red")), "AccessDenied")
}

// What an existing object is sealed with decides over which connection it may pass, and what the answer shows.
func TestExistingObjectsAreDecidedAsTheyAreSealed(t *testing.T) {
	t.Parallel()
	g := newRoom(t, func(o *access.Options) { o.RequireTLS = policy.RequireKMS })
	for _, plain := range []bool{false, true} {
		x := g.granted(&request{method: "GET", path: "/kms/key", who: "all", plain: plain})
		g.wantCode("sealed by SSE-S3", x.Secure(policy.SSES3), "")
		code := ""
		if plain {
			code = "InvalidRequest"
		}
		if got, _ := codeOf(t, x.Secure(policy.SSEKMS)); (got != "") != (code != "") {
			t.Errorf("sealed by SSE-KMS, over HTTP %t: %q", plain, got)
		}
	}
	x := g.granted(&request{method: "GET", path: "/kms/key", who: "all"})
	var options policy.Options
	existing := policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyTwo}
	if err := x.DecideExisting(&existing, &options); err != nil || options.Existing != &existing {
		t.Errorf("%v, by %+v", err, options.Existing)
	}
	if e := x.Decision.Encryption; e.SSE != policy.SSEKMS || e.KeyARN != keyTwo {
		t.Errorf("an existing object is shown as %+v", e)
	}
	asked := g.granted(&request{method: "HEAD", path: "/kms/key", who: "all"})
	asked.SetRecord(g.records["plain"])
	if asked.Record != g.records["plain"] || asked.Facts.Name != "plain" || asked.Facts.Default.SSE != policy.SSES3 {
		t.Errorf("another record: %+v", asked.Facts)
	}
}

// A grant is used again: nothing of the request before is left.
func TestAGrantBeginsAnew(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	x := g.granted(&request{
		method: "GET", path: "/kms/key", query: "versionId=v", who: "all",
		header: []string{"X-Amz-Expected-Bucket-Owner: " + testAccount},
	})
	if x.Value("x-amz-expected-bucket-owner") != testAccount ||
		string(x.Bytes("x-amz-expected-bucket-owner")) != testAccount {
		t.Error("the request's header isn't found")
	}
	if _, ok := x.Field("empty"); ok || x.Value("empty") != "" || x.Bytes("empty") != nil {
		t.Error("a header that isn't there is found")
	}
	x.Release()
	x.Forget()
	if x.Peer != nil || x.Header.Fields != nil {
		t.Error("what was lent isn't forgotten")
	}
	x.Read(peerAt("192.0.2.1"), []byte("GET"), []byte("/plain"), []byte("Host: a\r\nEmpty:\r\n\r\n"), testStart)
	g.Begin(x)
	if x.Identity != nil || x.Record != nil || x.Key != "" || x.Version != "" || x.Operation != 0 || x.Session != nil ||
		x.Bucket != "" {
		t.Errorf("an earlier request is left in %+v", x)
	}
	if value, ok := x.Field("EMPTY"); !ok || len(value) != 0 {
		t.Errorf("an empty header is %q, %t", value, ok)
	}
	g.wantCode("nobody", x.Check(t.Context()), "AccessDenied")
}
