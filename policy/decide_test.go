package policy_test

import (
	"strings"
	"testing"

	"sealfront/policy"
)

const plainARN = "arn:aws:s3:::plain"

// caseOf is the case of a request about a bucket, signed by a long-term key.
func caseOf(t testing.TB, op policy.Operation, b *policy.Bucket, headers string, who *policy.Caller) *policy.Case {
	t.Helper()
	c := &policy.Case{Operation: op, Bucket: b, Caller: who, Options: &policy.Options{}}
	name := bucketName
	if b != nil {
		name = b.Name
		c.Target = policy.Target{BucketARN: b.ARN, Account: b.Account}
	}
	headers, owner, owned := strings.Cut(headers, "owner=")
	c.Request = request(op, name, headers)
	if owned {
		c.Request.Header.(policy.MapFields)["x-amz-expected-bucket-owner"] = []string{owner}
	}
	c.Target.Kind, c.Target.Key = policy.KindOf(name), c.Request.Key
	return c
}

func row(ruling policy.Ruling, refusal *policy.Refusal) string {
	if refusal != nil {
		return refusal.Row
	}
	return "allow " + ruling.Decision.Row
}

// TestTheOrderOfDecisions takes requests that several rules would refuse: the first one does.
func TestTheOrderOfDecisions(t *testing.T) {
	everything := []policy.Statement{allow("*", "*")}
	for _, c := range []struct {
		name, bucket, headers string
		op                    policy.Operation
		who                   []policy.Statement
		plain                 bool
		require               policy.Require
		want                  string
	}{
		{
			"TLS for all comes first", "kms", "sse=aws:kms key=$OTHER", policy.PutObject, nil, true,
			policy.RequireAll, "T-3",
		},
		{"then the request by itself", "kms", "sse=aws:fsx", policy.PutObject, nil, true, policy.RequireKMS, "H-1"},
		{"then permissions", "kms", "sse=aws:kms key=$OTHER", policy.PutObject, nil, true, policy.RequireKMS, "1.2"},
		{"also before the owner", "kms", "owner=999999999999", policy.PutObject, nil, false, policy.RequireKMS, "1.2"},
		{"also before TLS for SSE-KMS", "kms", "", policy.PutObject, nil, true, policy.RequireKMS, "1.2"},
		{
			"then the owner", "kms", "sse=aws:kms key=$OTHER owner=999999999999", policy.PutObject, everything, true,
			policy.RequireKMS, "1.6",
		},
		{
			"then the key", "kms", "sse=aws:kms key=$OTHER", policy.PutObject, everything, true,
			policy.RequireKMS, "H-16",
		},
		{"then TLS for SSE-KMS", "kms", "", policy.PutObject, everything, true, policy.RequireKMS, "T-1"},
		{"nothing", "kms", "", policy.PutObject, everything, false, policy.RequireKMS, "allow PUT-1"},
		{
			"a session's permission comes before its key", "kms", "sse=aws:kms key=$OTHER", policy.CreateSession, nil,
			false, policy.RequireKMS, "SE-9",
		},
		{
			"a session's key", "kms", "sse=aws:kms key=$OTHER", policy.CreateSession, everything, false,
			policy.RequireKMS, "H-16",
		},
		{"a session", "kms", "", policy.CreateSession, everything, false, policy.RequireKMS, "allow CS-1"},
	} {
		d := caseOf(t, c.op, bucket(c.bucket), c.headers, caller(t, c.who...))
		d.Request.TLS, d.Require = !c.plain, c.require
		if got := row(policy.Decide(d)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	// A request that was checked isn't checked again, and a read of what is known to be sealed needs TLS.
	d := caseOf(t, policy.GetObject, bucket("kms"), "", caller(t, everything...))
	d.Options, d.Request.TLS = &policy.Options{Existing: stored("kms")}, false
	if refusal := d.Check(); refusal != nil {
		t.Error(refusal)
	}
	if got := row(policy.Decide(d)); got != "T-1" {
		t.Errorf("a read over HTTP: %s", got)
	}
}

func TestBucketsThatAreNotThere(t *testing.T) {
	target := policy.Target{Kind: policy.Directory, BucketARN: bucketARN}
	for _, c := range []struct {
		op   policy.Operation
		who  []policy.Statement
		want string
	}{
		{policy.CreateBucket, []policy.Statement{allow("s3express:CreateBucket", bucketARN)}, "allow 2.11"},
		{policy.CreateBucket, nil, "1.2"},
		{policy.GetObject, []policy.Statement{allow("*", "*")}, "1.1"},
		{policy.CreateSession, []policy.Statement{allow("s3express:CreateBucket", bucketARN)}, "allow REG-2"},
		{policy.CreateSession, []policy.Statement{allow("s3express:CreateSession", bucketARN)}, "REG-3"},
	} {
		d := caseOf(t, c.op, nil, "", caller(t, c.who...))
		d.Target = target
		ruling, refusal := policy.Decide(d)
		if got := row(ruling, refusal); got != c.want {
			t.Errorf("%v: %s, want %s", c.op, got, c.want)
		}
		if c.want == "allow REG-2" && (!ruling.Session.Provisional || ruling.Session.Principal != maker) {
			t.Errorf("%+v", ruling.Session)
		}
	}
	d := caseOf(t, policy.CreateSession, nil, "", nil)
	if got := row(policy.Decide(d)); got != "allow REG-2" {
		t.Errorf("with permissions taken for granted: %s", got)
	}
	e := policy.Explain(policy.PutObject, request(policy.PutObject, bucketName, ""),
		&policy.Question{Session: policy.MapFields{}, Target: target})
	if e.Row != "REG-2" || e.Decision != "refuse" {
		t.Errorf("a write in a provisional session: %+v", e)
	}
	g := generalBucket("s3")
	r := request(policy.GetObject, g.Name, "")
	r.Query = policy.MapFields{"versionId": {"v"}}
	who := caller(t, allow("s3:GetObject", "*"))
	if e := policy.Explain(policy.GetObject, r, &policy.Question{Bucket: g, Caller: who}); e.Row != "1.2" {
		t.Errorf("a version has a permission of its own: %+v", e)
	}
}

// What KMS is asked for last, an alias's key, doesn't decide before it is known.
func TestAnAliasIsDecidedWhenItsKeyIsKnown(t *testing.T) {
	const id = "s3:x-amz-server-side-encryption-aws-kms-key-id"
	kms := allow("kms:*", "*")
	for _, c := range []struct {
		name     string
		who      []policy.Statement
		arn      string
		first    string
		resolved string
	}{
		{
			"the right key",
			[]policy.Statement{under(allow("s3:PutObject", "*"), "StringEquals", id, keyK), kms},
			keyK,
			"allow GP-3", "",
		},
		{
			"another key than the policy wants", []policy.Statement{
				under(allow("s3:PutObject", "*"), "StringEquals", id, keyOther), kms,
			}, keyK, "allow GP-3", "1.2",
		},
		{
			"a key that the policy denies", []policy.Statement{
				allow("s3:PutObject", "*"), under(deny("s3:PutObject", "*"), "StringEquals", id, keyK), kms,
			}, keyK, "allow GP-3", "1.2",
		},
		{"a key that may not be used", []policy.Statement{allow("s3:PutObject", "*")}, keyK, "allow GP-3", "1.2"},
		{"a key of another account", []policy.Statement{allow("*", "*")}, keyForeign, "allow GP-3", "GP-6"},
		{"without a permission", []policy.Statement{kms}, keyK, "1.2", ""},
	} {
		d := caseOf(t, policy.PutObject, generalBucket("s3"), "sse=aws:kms key=alias/mine", caller(t, c.who...))
		ruling, refusal := policy.Decide(d)
		if got := row(ruling, refusal); got != c.first {
			t.Errorf("%s: %s, want %s", c.name, got, c.first)
		}
		if refusal != nil {
			continue
		}
		got := ""
		if refusal := d.Resolve(&ruling, c.arn); refusal != nil {
			got = refusal.Row
		}
		if got != c.resolved || got == "" && ruling.Decision.Encryption.KeyARN != keyK {
			t.Errorf("%s: resolved, %q, want %q", c.name, got, c.resolved)
		}
	}
}

// Who may delete nothing in a bucket is refused before the document of DeleteObjects is read; all others key by key.
func TestSomeEntryMustBeAllowed(t *testing.T) {
	version := "s3:VersionId"
	for _, c := range []struct {
		name   string
		who    []policy.Statement
		bucket string
		want   bool
	}{
		{"nothing", nil, "", false},
		{"other actions", []policy.Statement{allow("s3:GetObject", "*")}, "", false},
		{"everything", []policy.Statement{allow("*", "*")}, "", true},
		{"versions alone", []policy.Statement{allow("s3:DeleteObjectVersion", "*")}, "", true},
		{"one key", []policy.Statement{allow("s3:DeleteObject", plainARN+"/a/b")}, "", true},
		{"keys by a pattern", []policy.Statement{allow("s3:DeleteObject", "arn:aws:s3:::pl?in*/own/*")}, "", true},
		{"the bucket itself", []policy.Statement{allow("s3:DeleteObject", plainARN)}, "", false},
		{"keys of another bucket", []policy.Statement{allow("s3:DeleteObject", "arn:aws:s3:::plainer/*")}, "", false},
		{"keys of one's own", []policy.Statement{allow("s3:DeleteObject", plainARN+"/${aws:username}/*")}, "", true},
		{
			"keys of one's own, beginning with what is a star only in the name", []policy.Statement{
				allow("s3:DeleteObject", "arn:aws:s3:::pl${aws:referer}n/*"),
			}, "", true,
		},
		{
			"another bucket, which a star in a name doesn't match", []policy.Statement{
				allow("s3:DeleteObject", "arn:aws:s3:::pl${aws:useragent}n/*"),
			}, "", false,
		},
		{
			"another one's bucket",
			[]policy.Statement{allow("s3:DeleteObject", "arn:aws:s3:::${aws:username}/*")},
			"",
			false,
		},
		{
			"a version that isn't known yet", []policy.Statement{
				under(allow("s3:DeleteObjectVersion", "*"), "StringEquals", version, "v"),
			}, "", true,
		},
		{
			"a key named by a version that isn't known yet", []policy.Statement{
				allow("s3:DeleteObjectVersion", plainARN+"/${s3:VersionId}"),
			}, "", true,
		},
		{
			"a condition that fails", []policy.Statement{
				under(allow("s3:DeleteObject", "*"), "Bool", "aws:SecureTransport", "false"),
			}, "", false,
		},
		{"all denied", []policy.Statement{allow("*", "*"), deny("s3:*", plainARN+"/*")}, "", false},
		{"some denied", []policy.Statement{allow("*", "*"), deny("s3:*", plainARN+"/a/*")}, "", true},
		{"one denied", []policy.Statement{allow("*", "*"), deny("s3:*", plainARN+"/a")}, "", true},
		{
			"a version denied", []policy.Statement{
				allow("*", "*"), under(deny("s3:*", "*"), "StringEquals", version, "v"),
			}, "", true,
		},
		{
			"denied by a version that isn't known", []policy.Statement{
				allow("*", "*"), deny("s3:*", plainARN+"/${s3:VersionId}*"),
			}, "", true,
		},
		{"allowed by the bucket's policy", nil, `"Allow","Principal":"*"`, true},
		{"for another principal", nil, `"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/other"}`, false},
		{"denied by the bucket's policy", []policy.Statement{allow("*", "*")}, `"Deny","Principal":"*"`, false},
	} {
		who := caller(t, c.who...)
		who.Values = policy.MapValues{"aws:username": "maker", "aws:referer": "ai", "aws:useragent": "*"}
		d := caseOf(t, policy.DeleteObjects, generalBucket("s3"), "", who)
		d.Request.Header = policy.MapFields{"content-md5": {"x"}}
		if c.bucket != "" {
			p, refusal := policy.ParseBucketPolicy(
				[]byte(`{"Version":"2012-10-17","Statement":{"Effect":`+c.bucket+`,"Action":"s3:Delete*","Resource":"`+
					plainARN+`/*"}}`), policy.General, plainARN)
			if refusal != nil {
				t.Fatal(refusal)
			}
			d.Target.BucketPolicy = p
		}
		_, refusal := policy.Decide(d)
		if (refusal == nil) != c.want {
			t.Errorf("%s: %v", c.name, refusal)
		}
	}
	entry := policy.Target{Kind: policy.General, BucketARN: plainARN, Key: "a", Version: "v"}
	for action, want := range map[string]bool{"s3:DeleteObject": false, "s3:DeleteObjectVersion": true} {
		if refusal := policy.AuthorizeEntry(request(policy.DeleteObjects, "plain", ""), caller(t, allow(action, "*")),
			&entry); (refusal == nil) != want {
			t.Errorf("a version by %s: %v", action, refusal)
		}
	}
	// A star in a name stands for itself on both sides.
	who := caller(t, allow("s3:DeleteObject", "arn:aws:s3:::pl${aws:useragent}n/*"))
	who.Values = policy.MapValues{"aws:useragent": "*"}
	starred := caseOf(t, policy.DeleteObjects, generalBucket("s3"), "", who)
	starred.Request.Header, starred.Target.BucketARN = policy.MapFields{"content-md5": {"x"}}, "arn:aws:s3:::pl*n"
	if _, refusal := policy.Decide(starred); refusal != nil {
		t.Errorf("a star that stands for itself: %v", refusal)
	}
	var nobody policy.Caller
	d := caseOf(t, policy.DeleteObjects, generalBucket("s3"), "", &nobody)
	d.Request.Header = policy.MapFields{"content-md5": {"x"}}
	if _, refusal := policy.Decide(d); refusal == nil {
		t.Error("a caller without a policy")
	}
}

// Tags that a document sets are unknown before it is read: then an Allow on them may hold, and afterwards does or
// doesn't.
func TestTagsOfARequest(t *testing.T) {
	set := func(operator string, values ...string) policy.Statement {
		return under(allow("s3:PutBucketTagging", "*"), operator, "aws:TagKeys", values...)
	}
	red := policy.Tags{{Key: "Team", Value: "red"}}
	for _, c := range []struct {
		name      string
		statement policy.Statement
		tags      policy.Tags
		want      bool
	}{
		{
			"the right value", under(allow("s3:PutBucketTagging", "*"), "StringEquals", "aws:RequestTag/Team", "red"),
			red, true,
		},
		{
			"another value", under(allow("s3:PutBucketTagging", "*"), "StringEquals", "aws:RequestTag/Team", "red"),
			policy.Tags{{Key: "Team", Value: "blue"}},
			false,
		},
		{
			"two that differ by case", under(allow("s3:PutBucketTagging", "*"), "StringEquals", "aws:RequestTag/Team",
				"red"), policy.Tags{{Key: "Team", Value: "red"}, {Key: "team", Value: "red"}}, false,
		},
		{"none", under(allow("s3:PutBucketTagging", "*"), "StringEquals", "aws:RequestTag/Team", "red"), nil, false},
		{
			"in a resource", allow("s3:PutBucketTagging", "arn:aws:s3:::${aws:RequestTag/Bucket}"),
			policy.Tags{{Key: "Bucket", Value: "plain"}},
			true,
		},
		{
			"in a resource that isn't this one", allow("s3:PutBucketTagging", "arn:aws:s3:::${aws:RequestTag/Bucket}"),
			policy.Tags{{Key: "Bucket", Value: "other"}},
			false,
		},
		{
			"in a value", under(allow("s3:PutBucketTagging", "*"), "StringEquals", "aws:ResourceTag/Team",
				"${aws:RequestTag/Team}"), red, true,
		},
		{"all keys", set("ForAllValues:StringEquals", "Team", "Stage"), red, true},
		{
			"not all keys", set("ForAllValues:StringEquals", "Team", "Stage"), policy.Tags{
				{Key: "Team", Value: "red"}, {Key: "Cost", Value: "1"},
			}, false,
		},
		{"all of none", set("ForAllValues:StringEquals", "Team"), nil, true},
		{
			"some key", set("ForAnyValue:StringLike", "T*"), policy.Tags{
				{Key: "Team", Value: "red"}, {Key: "Cost", Value: "1"},
			}, true,
		},
		{"no key", set("ForAnyValue:StringLike", "T*"), policy.Tags{{Key: "Cost", Value: "1"}}, false},
		{"any of none", set("ForAnyValue:StringLike", "T*"), nil, false},
		{"no key of these", set("ForAllValues:StringNotEquals", "Cost"), red, true},
		{"there are keys", set("Null", "false"), red, true},
		{"there are none", set("Null", "false"), nil, false},
	} {
		d := caseOf(t, policy.PutBucketTagging, generalBucket("s3"), "", caller(t, c.statement))
		d.Target.Tags = red
		if _, refusal := policy.Decide(d); refusal != nil {
			t.Errorf("%s: before the tags are known: %v", c.name, refusal)
		}
		if got := policy.AuthorizeTags(d.Operation, d.Request, d.Caller, &d.Target, c.tags) == nil; got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
	// A Deny waits for them, too.
	for name, statement := range map[string]policy.Statement{
		"a condition": under(deny("s3:*", "*"), "StringEquals", "aws:RequestTag/Team", "red"),
		"a resource":  deny("s3:*", "arn:aws:s3:::${aws:RequestTag/Bucket}"),
	} {
		d := caseOf(t, policy.PutBucketTagging, generalBucket("s3"), "", caller(t, allow("*", "*"), statement))
		if _, refusal := policy.Decide(d); refusal != nil {
			t.Errorf("%s: %v", name, refusal)
		}
		if policy.AuthorizeTags(d.Operation, d.Request, d.Caller, &d.Target, policy.Tags{
			{Key: "Team", Value: "red"}, {Key: "Bucket", Value: "plain"},
		}) == nil {
			t.Errorf("%s: a Deny on a tag doesn't deny", name)
		}
	}
}

// The bucket answers for itself, whatever the request's headers and the caller say.
func TestTheTargetAnswersConditionKeys(t *testing.T) {
	target := policy.Target{
		Kind: policy.Directory, BucketARN: bucketARN, Account: account, Tags: policy.Tags{{Key: "Team", Value: "red"}},
	}
	for key, want := range map[string]string{
		"aws:ResourceAccount": account, "s3express:LocationName": "usw2-az1", "aws:ResourceTag/team": "red",
		"s3express:BucketTag/Team": "red", "s3:BucketTag/Team": "red",
	} {
		who := caller(t, under(allow("*", "*"), "StringEquals", key, want))
		who.Values = policy.MapValues{strings.ToLower(key): "the caller's"}
		if refusal := policy.Authorize(policy.GetBucketPolicy, request(policy.GetBucketPolicy, bucketName, ""), who,
			&target, 0); refusal != nil {
			t.Errorf("%s isn't %q", key, want)
		}
	}
	who := caller(t, under(allow("*", "*"), "Null", "s3express:LocationName", "false"))
	if policy.Authorize(policy.GetBucketTagging, request(policy.GetBucketTagging, "plain", ""), who,
		&policy.Target{Kind: policy.General, BucketARN: plainARN}, 0) == nil {
		t.Error("a general purpose bucket has a zone")
	}
	r := request(policy.PutObject, "plain", "")
	r.Header.(policy.MapFields)["x-amz-object-lock-mode"] = []string{"GOVERNANCE"}
	who = caller(t, under(allow("s3:PutObject", "*"), "StringEquals", "s3:object-lock-mode", "GOVERNANCE"),
		allow("s3:PutObjectRetention", "*"))
	if refusal := policy.Authorize(policy.PutObject, r, who, &policy.Target{
		Kind: policy.General, BucketARN: plainARN, Key: "key",
	}, 0); refusal != nil {
		t.Errorf("s3:object-lock-mode: %v", refusal)
	}
	n := 0
	policy.ConditionKeys(func(string) bool { n++; return false })
	if n != 1 {
		t.Errorf("the walk over condition keys went on to %d", n)
	}
}
