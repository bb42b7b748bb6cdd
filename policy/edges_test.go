package policy_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"sealfront/policy"
)

func TestTagsOfANewBucket(t *testing.T) {
	name := policy.BucketName{Kind: policy.Directory, Base: "demo", Zone: "usw2-az1"}
	document := func(tags string) []byte {
		return []byte(
			`<CreateBucketConfiguration><!-- tagged --><Location><Name>usw2-az1</Name></Location><Bucket><Type>` +
				`Directory</Type></Bucket><Tags>` + tags + `</Tags></CreateBucketConfiguration><!-- end -->`)
	}
	tag := func(key, value string) string {
		return "<Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag>"
	}
	var many strings.Builder
	for i := range 51 {
		many.WriteString(tag(fmt.Sprint("k", i), "v"))
	}
	for _, c := range []struct {
		name, tags, code string
		want             policy.Tags
	}{
		{
			"two, in their order", tag("team", "blue") + tag("Team", "red"), "", policy.Tags{
				{Key: "team", Value: "blue"}, {Key: "Team", Value: "red"},
			},
		},
		{"a key alone", "<Tag><Key>Team</Key></Tag>", "", policy.Tags{{Key: "Team", Value: ""}}},
		{"more than fifty", many.String(), "BadRequest", nil},
		{"a key twice", tag("a", "1") + tag("a", "2"), "InvalidTag", nil},
		{"two keys in one", "<Tag><Key>a</Key><Key>b</Key></Tag>", "MalformedXML", nil},
		{"an unknown element", "<Tag><Key>a</Key><Price>1</Price></Tag>", "MalformedXML", nil},
		{"a key of Amazon's", tag("AWS:x", "1"), "InvalidTag", nil},
		{"an empty key", tag("", "1"), "InvalidTag", nil},
		{"a key with a sign that tags can't have", tag("a#", "1"), "InvalidTag", nil},
		{"a value with a sign that tags can't have", tag("a", "1?"), "InvalidTag", nil},
		{
			"signs that tags have", tag("+-=._:/@ ä1", "+-=._:/@ ä1"), "",
			policy.Tags{{Key: "+-=._:/@ ä1", Value: "+-=._:/@ ä1"}},
		},
		{"a long key", tag(strings.Repeat("ä", 129), "1"), "InvalidTag", nil},
		{"a long value", tag("a", strings.Repeat("ä", 257)), "InvalidTag", nil},
		{
			"the longest", tag(strings.Repeat("ä", 128), strings.Repeat("ä", 256)), "", policy.Tags{
				{Key: strings.Repeat("ä", 128), Value: strings.Repeat("ä", 256)},
			},
		},
	} {
		t.Run("6.9 "+c.name, func(t *testing.T) {
			got, refusal := policy.ParseCreateBucketConfiguration(document(c.tags), name, "us-west-2")
			if refusal != nil || c.code != "" {
				if refusal == nil || refusal.Code != c.code || policy.Why(refusal.Row) == "" {
					t.Fatalf("got %v, want %s", refusal, c.code)
				}
				return
			}
			if fmt.Sprint(got.Tags) != fmt.Sprint(c.want) {
				t.Errorf("got %v", got.Tags)
			}
		})
	}
}

func TestOperationsByNumberAndKind(t *testing.T) {
	if got := policy.Operation(0).String() + policy.Operation(255).String(); got != "" {
		t.Errorf("operations that don't exist are called %q", got)
	}
	if _, ok := policy.ParseOperation("PutObjekt"); ok {
		t.Error("an operation that doesn't exist has a number")
	}
	if !policy.ListBuckets.Supports(policy.Service) || policy.HeadBucket.Supports(policy.Service) {
		t.Error("what the service has")
	}
	n := 0
	policy.Operations(func(policy.Operation) bool { n++; return n < 3 })
	if n != 3 {
		t.Errorf("the walk went on to %d", n)
	}
	if _, refusal := policy.Classify(&policy.Request{Method: "GET", Key: "key"}); refusal == nil ||
		refusal.Code != "InvalidBucketName" {
		t.Errorf("a key without a bucket: %v", refusal)
	}
	if got := policy.BucketARN("plain", "us-west-2", account); got != "arn:aws:s3:::plain" {
		t.Error(got)
	}
}

func TestFieldsOfARequest(t *testing.T) {
	fields := policy.MapFields{"a": {"1", "2"}}
	if _, ok := fields.Get("b"); ok {
		t.Error("a field that isn't there")
	}
	n := 0
	fields.All(func(string, string) bool { n++; return false })
	if n != 1 {
		t.Errorf("the walk went on to %d", n)
	}
	if _, ok := (&policy.Request{}).Value("x-unknown"); ok {
		t.Error("a header of a request without headers")
	}
	if v, ok := (&policy.Request{Header: policy.MapFields{"x-unknown": {"v"}}}).Value("x-unknown"); !ok || v != "v" {
		t.Error("a header that no rule asks for")
	}
}

// Actions and resources of any length match, with stars wherever.
func TestLongActionsAndTrailingStars(t *testing.T) {
	long := "s3:" + strings.Repeat("Get", 40)
	p := compiled(t, allow("s3:get"+strings.Repeat("*", 40), "arn:aws:s3:::a**"))
	if !p.Allowed(long, "arn:aws:s3:::a", nil) || p.Allowed(long, "arn:aws:s3:::b", nil) {
		t.Error("a long action")
	}
}

func TestConditionsOnDatesAndTransport(t *testing.T) {
	for _, c := range []struct {
		operator, key, value string
		holds                bool
	}{
		{"DateEquals", "aws:currenttime", "2026-11-23", true},
		{"DateEquals", "aws:currenttime", "1795392000", true},
		{"DateNotEquals", "aws:currenttime", "2026-11-23T00:00:00Z", false},
		{"DateLessThanEquals", "aws:currenttime", "2026-11-23T00:00:00Z", true},
		{"DateGreaterThanEquals", "aws:currenttime", "2026-11-24T00:00:00Z", false},
		{"Bool", "aws:SecureTransport", "false", true},
		{"StringEquals", "aws:useragent", "of", false},
		{"StringLike", "s3:if-match", "e?ag", true},
		{"Null", "s3:if-none-match", "true", true},
	} {
		who := caller(t, under(allow("s3express:CreateSession", "*"), c.operator, c.key, c.value))
		who.Values = policy.MapValues{"aws:currenttime": "2026-11-23T00:00:00Z"}
		r := request(policy.GetObject, bucketName, "")
		r.TLS, r.Header = false, policy.MapFields{"if-match": {"etag"}}
		if got := policy.Authorize(policy.GetObject, r, who, &policy.Target{
			Kind: policy.Directory, BucketARN: bucketARN,
		}, 0) == nil; got != c.holds {
			t.Errorf("%s %s %s: %v", c.operator, c.key, c.value, got)
		}
		who.Values = nil
		if c.operator == "StringEquals" && policy.Authorize(policy.GetObject, r, who, &policy.Target{
			Kind: policy.Directory, BucketARN: bucketARN,
		}, 0) == nil {
			t.Error("a key that nobody answers")
		}
	}
}

// Encryption contexts that are almost JSON.
func TestH6ContextsThatBreakOff(t *testing.T) {
	for _, text := range []string{`{"a"`, `{"a":`, `{"a":"b"`, `{"a":"b",`, `{1:"b"}`, `{"a":"b"}}`} {
		r := request(policy.PutObject, bucketName, "sse=aws:kms")
		r.Header.(policy.MapFields)[short["ctx"]] = []string{base64.StdEncoding.EncodeToString([]byte(text))}
		_, refusal := policy.DecideEncryption(policy.PutObject, r, bucket("kms"), session("sK"), &policy.Options{})
		if refusal == nil || refusal.Row != "H-6" {
			t.Errorf("%s: %v", text, refusal)
		}
	}
}

func TestPBE13WithoutAWordFromKMS(t *testing.T) {
	b := bucket("none")
	after, row, refusal := policy.DecideBucketEncryption(b, policy.EncryptionRule{Algorithm: "aws:kms", KeyID: id}, nil,
		&policy.Options{})
	if row != "PBE-13" || refusal == nil || refusal.Code != "KMS.NotFoundException" || after.BoundKey != "" {
		t.Errorf("%s %v", row, refusal)
	}
}

func TestGBE2TheKeyOfARecordWithoutItsSpelling(t *testing.T) {
	if rule := policy.EncryptionConfiguration(bucket("kms"), &policy.Options{}); rule.KeyID != keyK || !rule.BucketKey {
		t.Errorf("%+v", rule)
	}
}

func TestKeysThatGeneralPurposeBucketsMayUse(t *testing.T) {
	plain := &policy.Bucket{
		Name: "plain", Kind: policy.General, Account: account, Region: "us-west-2", ARN: "arn:aws:s3:::plain",
	}
	if !policy.KeyAllowed(plain, policy.SSEKMS, keyForeign, &policy.Options{DefaultKey: keyForeign}) {
		t.Error("GP-6: the key of the configuration itself")
	}
	if arn, ok := policy.KeyARN(&policy.Bucket{Account: account, Region: "us-west-2"}, id); !ok || arn != keyK {
		t.Errorf("a key id in a bucket without an ARN: %s", arn)
	}
	if policy.KeyAllowed(plain, policy.SSEKMS, "arn:aws:kms", &policy.Options{}) {
		t.Error("half an ARN")
	}
	if _, refusal := policy.DecideEncryption(policy.PutObject,
		request(policy.PutObject, bucketName, "sse=aws:kms key=arn:aws:kms"), bucket("kms"), nil,
		&policy.Options{}); refusal == nil || refusal.Code != "InvalidArgument" {
		t.Errorf("half an ARN as the key of a directory bucket: %v", refusal)
	}
	e := policy.Explain(policy.PutObject, request(policy.PutObject, "plain", "sse=aws:kms key=$ALIAS"),
		&policy.Question{Bucket: plain})
	if e.Decision != "allow" || e.Effective.KMSKey != "alias/mine" {
		t.Errorf("%+v", e)
	}
}

// What is refused before a session, a source or an object is looked at is refused in DecideEncryption, too: a gateway
// that forgot CheckRequest would still not let it through.
func TestEncryptionHeadersAreRefusedWhoeverLooksFirst(t *testing.T) {
	for op, row := range map[policy.Operation]string{
		policy.GetObject: "G-1", policy.UploadPart: "UP-2", policy.UploadPartCopy: "UC-3",
	} {
		if _, refusal := policy.DecideEncryption(op, request(op, bucketName, "sse=AES256"), bucket("kms"), nil,
			&policy.Options{}); refusal == nil || refusal.Row != row {
			t.Errorf("%v: %v", op, refusal)
		}
	}
}

func TestTheSourcesOwner(t *testing.T) {
	source := bucket("none")
	for owner, want := range map[string]string{account: "", "210987654321": "AccessDenied"} {
		r := request(policy.CopyObject, bucketName, "")
		r.Header.(policy.MapFields)["x-amz-source-expected-bucket-owner"] = []string{owner}
		got := ""
		if refusal := policy.CheckSource(r, source); refusal != nil {
			got = refusal.Code
		}
		if got != want {
			t.Errorf("%s: %q, want %q", owner, got, want)
		}
	}
}

func TestExplainLooksAtTheBucketsRecord(t *testing.T) {
	r := request(policy.GetObject, bucketName, "")
	r.Header.(policy.MapFields)["x-amz-expected-bucket-owner"] = []string{"210987654321"}
	if e := policy.Explain(policy.GetObject, r, &policy.Question{Bucket: bucket("none")}); e.Row != "1.6" ||
		e.Code != "AccessDenied" {
		t.Errorf("%+v", e)
	}
	made := policy.MapFields{short["sse"]: {"aws:kms"}} // CS-3 in a bucket that never had a key
	if e := policy.Explain(policy.GetObject, request(policy.GetObject, bucketName, ""),
		&policy.Question{Bucket: bucket("none"), Session: made}); e.Decision != "refuse" || e.Row != "CS-3" {
		t.Errorf("%+v", e)
	}
	general := bucket("none")
	general.Kind = policy.General
	if refusal := policy.CheckBucket(policy.PutObject, request(policy.PutObject, "plain", ""),
		general); refusal != nil {
		t.Error(refusal)
	}
}

func TestAHeaderWithALongerNameThanAnyRuleKnowsDecidesNothing(t *testing.T) {
	name := "x-amz-meta-" + strings.Repeat("a", 64)
	r := &policy.Request{Method: "PUT", Bucket: "bucket", Key: "key", Header: policy.MapFields{name: {"value"}}}
	if op, refusal := policy.Classify(r); op != policy.PutObject || refusal != nil {
		t.Errorf("%v, %v", op, refusal)
	}
	if v, ok := r.Value(name); v != "value" || !ok {
		t.Errorf("%q, %v", v, ok)
	}
}
