package access_test

import (
	"errors"
	"testing"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// A refusal that rests on a cached record is checked against the record as it is now; a grant that rests on one stands.
func TestARefusalIsCheckedAgainstTheRecordAsItIsNow(t *testing.T) {
	t.Parallel()
	deny := denial("s3:GetObject", "arn:aws:s3:::plain/*")
	with := func(document string) *state.Bucket {
		b := *testBuckets()["plain"]
		b.Policy = document
		return &b
	}
	for _, c := range []struct {
		name          string
		cached, fresh *state.Bucket
		code          string
		freshReads    int
	}{
		{"a grant", with(""), with(deny), "", 0},
		{"a refusal that still holds", with(deny), with(deny), "AccessDenied", 1},
		{"a refusal whose policy is gone", with(deny), with(""), "", 1},
		{"a refusal whose bucket is gone", with(deny), nil, "NoSuchBucket", 1},
		{"a bucket that isn't known", nil, with(""), "NoSuchBucket", 0}, // no record is in the cache for long
	} {
		g := newRoom(t, nil)
		g.records["plain"], g.fresh["plain"] = c.cached, c.fresh
		if c.cached == nil {
			delete(g.records, "plain")
		}
		x := g.want(c.name, get("/plain/key"), c.code)
		if g.freshReads != c.freshReads {
			t.Errorf("%s: %d reads past the cache, want %d", c.name, g.freshReads, c.freshReads)
		}
		if c.code == "" && x.Record == nil {
			t.Errorf("%s: the grant has no record", c.name)
		}
	}
}

// What a session and a copy are sealed under is decided by a record that is no older than they are.
func TestSessionsAndCopiesAreDecidedByTheRecordAsItIsNow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		r      request
		bucket string
	}{
		{"a session", request{method: "GET", path: "/never--az1--x-s3", query: "session="}, "never--az1--x-s3"},
		{
			"a copy",
			request{method: "PUT", path: "/plain/key", header: []string{"x-amz-copy-source: plain/other"}},
			"plain",
		},
	} {
		g := newRoom(t, nil)
		now := *g.records[c.bucket]
		now.DefaultKMS, now.DefaultKey, now.BoundKey, now.BucketKey = true, keyOne, keyOne, true
		g.fresh[c.bucket] = &now
		r := c.r
		r.who = "all"
		x := g.want(c.name, &r, "")
		if e := x.Decision.Encryption; e.SSE != policy.SSEKMS || e.KeyARN != keyOne || g.freshReads != 1 {
			t.Errorf("%s: sealed as %+v, after %d reads past the cache", c.name, e, g.freshReads)
		}
		g.fresh[c.bucket] = nil
		g.want(c.name+", of a bucket that is gone",
			&request{method: r.method, path: r.path, query: r.query, header: r.header, who: "all"},
			map[bool]string{true: "", false: "NoSuchBucket"}[c.name == "a session"])
	}
	g := newRoom(t, nil)
	g.want("a session of a bucket with SSE-KMS",
		&request{method: "GET", path: "/sealed--az1--x-s3", query: "session=", who: "all"}, "")
	if g.freshReads != 0 {
		t.Errorf("%d reads past the cache for a bucket whose key stays", g.freshReads)
	}
}

func TestRecordsThatCannotBeReadAreNoDecision(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	g.broken = s3.Unavailable(errors.New("away"))
	g.want("reading", get("/plain/key"), "ServiceUnavailable")
	g.want("the list of buckets, which needs none", get("/"), "")
	if _, err := g.Explain(t.Context(), &access.Question{Operation: "GetObject", Bucket: "plain"}); !errors.Is(err,
		g.broken) {
		t.Errorf("explained: %v", err)
	}
}

// A policy that can't be understood could hold a Deny: all is refused but what is about the policy itself.
func TestAPolicyThatCannotBeUnderstoodRefusesAll(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	b := *g.records["plain"]
	b.Policy = `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject",` +
		`"Resource":"*","Condition":{"StringEquals":{"aws:Future":"x"}}}]}`
	g.records["plain"] = &b
	g.want("reading", get("/plain/key"), "InternalError")
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		g.want(method+" of the policy", &request{method: method, path: "/plain", query: "policy=", who: "all"}, "")
	}
	if _, err := g.PlaceOf(&b, "key", ""); err == nil {
		t.Error("the bucket is a place for permissions")
	}
	x := g.want("another bucket", get("/kms/key"), "")
	if err := x.MayTagAs(&b, nil); err == nil {
		t.Error("tags may be set")
	}
	for operation, ok := range map[string]bool{"GetObject": false, "GetBucketPolicy": true} {
		e, err := g.Explain(t.Context(), &access.Question{Operation: operation, Bucket: "plain", Principal: "all"})
		if (err == nil) != ok || ok && e.Decision != "allow" {
			t.Errorf("%s is explained as %+v, %v", operation, e, err)
		}
	}
}

// A bucket's facts are those of its record, with what the configuration says of general purpose buckets.
func TestFactsAreThoseOfTheRecord(t *testing.T) {
	t.Parallel()
	g := newRoom(t, func(o *access.Options) { o.Policy.DefaultKMS, o.Policy.DefaultKey = true, keyTwo })
	for name, c := range map[string]struct {
		change func(b *state.Bucket)
		want   policy.Encryption
	}{
		"never--az1--x-s3":  {nil, policy.Encryption{SSE: policy.SSES3}},
		"sealed--az1--x-s3": {nil, policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyOne, BucketKey: true}},
		"plain":             {nil, g.policyDefault()},
		"kms":               {nil, policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyOne, BucketKey: true}},
		"bound--az1--x-s3": {
			func(b *state.Bucket) { b.BucketKey = true },
			policy.Encryption{SSE: policy.SSES3, BucketKey: true},
		},
		"denies": {func(b *state.Bucket) { b.Configured = true }, policy.Encryption{SSE: policy.SSES3}},
	} {
		b := *g.records[name]
		if c.change != nil {
			c.change(&b)
		}
		f := g.FactsOf(&b)
		if f.Default.SSE != c.want.SSE || f.Default.KeyARN != c.want.KeyARN || f.Default.BucketKey != c.want.BucketKey {
			t.Errorf("%s: the default is %+v, want %+v", name, f.Default, c.want)
		}
		if f.Kind != policy.KindOf(name) || f.Name != name || f.ARN != b.ARN || f.Account != testAccount ||
			f.Configured != (b.Configured || b.DefaultKMS) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if !g.Hidden("state") || g.Hidden("plain") {
		t.Error("another bucket than the state bucket is hidden")
	}
	if prefixed := newRoom(t, func(o *access.Options) {
		o.BucketPrefix, o.StateBucket = "p-",
			"p-state"
	}); !prefixed.Hidden("state") || prefixed.Hidden("p-state") {
		t.Error("the prefix of names in the store doesn't count")
	}
}

// policyDefault is the default of a general purpose bucket that nobody has configured, where DefaultKMS is set.
func (*room) policyDefault() policy.Encryption {
	o := policy.Options{DefaultKMS: true, DefaultKey: keyTwo}
	return o.GeneralDefault()
}

// A compiled policy is kept by its bucket and its text: another bucket's, or a later one, isn't taken for it.
func TestACompiledPolicyIsItsBucketsAlone(t *testing.T) {
	t.Parallel()
	g := newRoom(t, nil)
	set := func(bucket, document string) {
		b := *g.records[bucket]
		b.Policy = document
		g.records[bucket] = &b
	}
	set("plain", denial("s3:GetObject", "arn:aws:s3:::plain/*"))
	g.want("a bucket that denies", get("/plain/key"), "AccessDenied")
	g.want("once more", get("/plain/key"), "AccessDenied")
	g.want("another bucket", get("/kms/key"), "")
	set("plain", "")
	g.want("without its policy", get("/plain/key"), "")
}
