package policy_test

import (
	"slices"
	"strings"
	"testing"

	"sealfront/policy"
)

func TestCallsOfS3ControlAreKnownByTheirPath(t *testing.T) {
	for _, c := range []struct {
		path, kind, bucket string // kind "": no call of S3 Control
	}{
		{"v20180820", "-", ""},
		{"v20180820/", "-", ""},
		{"v20180820//", "-", ""},
		{"v20180820x/tags/a", "", ""},
		{"bucket/v20180820/tags/a", "", ""},
		{"", "", ""},
		{"v20180820/configuration/publicAccessBlock", "configuration", ""},
		{"v20180820/tags", "tags", ""},
		{"v20180820/tags/arn:aws:s3:::plain", "tags", "plain"},
		{"v20180820/tags/arn:aws-cn:s3:::plain", "tags", "plain"},
		{"v20180820/tags/arn:aws:s3:::plain/key", "tags", ""},
		{"v20180820/tags/arn:aws:s3:::" + bucketName, "tags", ""},
		{"v20180820/tags/arn:aws:s3:us-west-2::plain", "tags", ""},
		{"v20180820/tags/arn:aws:s3::" + account + ":plain", "tags", ""},
		{"v20180820/tags/" + bucketARN, "tags", bucketName},
		{"v20180820/tags/" + bucketARN + "/key", "tags", ""},
		{"v20180820/tags/arn:aws:s3express:us-west-2:" + account + ":bucket/plain", "tags", ""},
		{"v20180820/tags/arn:aws:s3express:us-west-2:" + account + ":" + bucketName, "tags", ""},
		{"v20180820/tags/arn:aws:kms:us-west-2:" + account + ":key/k", "tags", ""},
		{"v20180820/tags/arn:aws:s3", "tags", ""},
		{"v20180820/tags/urn:aws:s3:::plain", "tags", ""},
	} {
		got, ok := policy.ParseControl(c.path)
		if ok != (c.kind != "") || got.Kind != c.kind || got.Bucket() != c.bucket {
			t.Errorf("%q: %+v of the bucket %q, %t", c.path, got, got.Bucket(), ok)
		}
	}
}

// controlled makes the call with this method and path below the version.
func controlled(t *testing.T, method, path, query, accountID string) *policy.Request {
	t.Helper()
	r := received(t, method, "", query, "")
	if accountID != "" {
		r.Header = policy.MapFields{"x-amz-account-id": {accountID}}
	}
	r.Control, _ = policy.ParseControl("v20180820/" + path)
	r.Bucket = r.Control.Bucket()
	return r
}

func TestClassifyS3Control(t *testing.T) {
	const tags = "tags/arn:aws:s3:::plain"
	for _, c := range []struct{ method, path, account, want string }{
		{"GET", tags, account, "ListTagsForResource"},
		{"POST", tags, account, "TagResource"},
		{"DELETE", tags, account, "UntagResource"},
		{"GET", "tags/" + bucketARN, account, "ListTagsForResource"},
		{"PUT", tags, account, "MethodNotAllowed Allow: GET, POST, DELETE"},
		{"HEAD", tags, account, "MethodNotAllowed Allow: GET, POST, DELETE"},
		{"GET", "configuration/publicAccessBlock", account, "MethodNotAllowed"},
		{"GET", "", "", "MethodNotAllowed"},
		{"GET", "tags/arn:aws:s3:us-west-2:" + account + ":accesspoint/a", account, "MethodNotAllowed"},
		{"GET", "tags/arn:aws:s3::", account, "InvalidArgument"},
		{"GET", "tags/arn:aws:s3:::", account, "InvalidArgument"},
		{"GET", "tags/arn:aws:s3:::Plain", account, "NoSuchBucket"},
		{"GET", "tags/arn:aws:s3:::" + bucketName, account, "NoSuchBucket"},
		{"GET", "tags/arn:aws:s3:::plain/key", account, "NoSuchBucket"},
		{"GET", "tags/" + bucketARN + "x", account, "NoSuchBucket"},
		{"GET", tags, "", "InvalidRequest"},
		{"GET", tags, "12345678901x", "InvalidRequest"},
	} {
		if got := classified(controlled(t, c.method, c.path, "", c.account)); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.path, got, c.want)
		}
	}
}

// Each kind of bucket has its service's permission, and the account is the bucket's or the caller's.
func TestPermissionsOfS3Control(t *testing.T) {
	for _, op := range []policy.Operation{policy.ListTagsForResource, policy.TagResource, policy.UntagResource} {
		for service, b := range map[string]*policy.Bucket{"s3": generalBucket("s3"), "s3express": bucket("none")} {
			for _, c := range []struct {
				name, action, accountID, want string
			}{
				{"its own", service + ":" + op.String(), account, ""},
				{"without an account, as Explain asks", service + ":" + op.String(), "", ""},
				{"of another account", service + ":" + op.String(), "210987654321", "AccessDenied"},
				{"S3's own", service + ":PutBucketTagging", account, "AccessDenied"},
			} {
				if service == "s3express" && strings.HasSuffix(c.action, "PutBucketTagging") {
					continue // no action
				}
				d := caseOf(t, op, b, "", caller(t, allow(c.action, "*")))
				if c.accountID != "" {
					d.Request.Header = policy.MapFields{"x-amz-account-id": {c.accountID}}
				}
				_, refusal := policy.Decide(d)
				if got := codeOf(refusal); got != c.want {
					t.Errorf("%v on a %v bucket, %s: %q, want %q", op, b.Kind, c.name, got, c.want)
				}
			}
		}
	}
}

// The keys of the tags that are removed are known from the request's parameters, and have no values.
func TestTagsThatAreRemoved(t *testing.T) {
	only := under(allow("s3:UntagResource", "*"), "ForAllValues:StringEquals", "aws:TagKeys", "Stage", "Cost")
	valued := under(allow("s3:UntagResource", "*"), "Null", "aws:RequestTag/Stage", "false")
	for _, c := range []struct {
		name, query, want string
		statement         policy.Statement
	}{
		{"what may be removed", "tagKeys=Stage&tagKeys=Cost", "", only},
		{"none", "", "", only},
		{"another one beside it", "tagKeys=Stage&tagKeys=Team", "AccessDenied", only},
		{"no value", "tagKeys=Stage", "AccessDenied", valued},
		{"6.9 one of AWS's own", "tagKeys=AWS:a", "InvalidTag", only},
		{"6.9 an empty key", "tagKeys=", "InvalidTag", only},
		{"6.9 a sign that tags can't have", "tagKeys=a%3F", "InvalidTag", only},
		{"6.9 more than fifty", strings.Repeat("tagKeys=a&", 51), "BadRequest", only},
	} {
		d := caseOf(t, policy.UntagResource, generalBucket("s3"), "", caller(t, c.statement))
		d.Request.Query = received(t, "DELETE", "", c.query, "").Query
		_, refusal := policy.Decide(d)
		if got := codeOf(refusal); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	r := controlled(t, "DELETE", "tags/"+bucketARN, "tagKeys=b&tagKeys=none", account)
	tags := policy.Tags{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}, {Key: "c", Value: "3"}}
	if got := r.Untag(tags); !slices.Equal(got, policy.Tags{tags[0], tags[2]}) {
		t.Errorf("what is left: %v", got)
	}
	if got := (&policy.Request{}).RemovedTags(); got != nil {
		t.Errorf("a request without parameters removes %v", got)
	}
}

func TestTagsThatAreAdded(t *testing.T) {
	tags := policy.Tags{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}
	got, refusal := tags.With(policy.Tags{{Key: "c", Value: "3"}, {Key: "a", Value: "4"}})
	if want := (policy.Tags{{Key: "a", Value: "4"}, {Key: "b", Value: "2"}, {Key: "c", Value: "3"}}); refusal != nil ||
		!slices.Equal(got, want) {
		t.Errorf("%v, %v", got, refusal)
	}
	if tags[0].Value != "1" {
		t.Error("the tags there were have changed")
	}
	var many policy.Tags
	for i := range 49 {
		many = append(many, policy.Tag{Key: strings.Repeat("k", i+1)})
	}
	if _, refusal := many.With(tags); codeOf(refusal) != "BadRequest" {
		t.Errorf("6.9 the fifty-first: %v", refusal)
	}
}

func TestTheDocumentOfTagResource(t *testing.T) {
	one := func(key, value string) string { return "<Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag>" }
	for _, c := range []struct {
		name, inner, code, says string
		want                    policy.Tags
	}{
		{
			"two, in their order", "<Tags>" + one("b", "1") + one("a", "") + "</Tags>", "", "", policy.Tags{
				{Key: "b", Value: "1"}, {Key: "a", Value: ""},
			},
		},
		{"none", "<Tags></Tags>", "", "", nil},
		{"no list", "", "MalformedXML", "", nil},
		{"another element", "<Tags/><More/>", "MalformedXML", "", nil},
		{"another element in the list", "<Tags><More/></Tags>", "MalformedXML", "", nil},
		{"a tag without a value", "<Tags><Tag><Key>a</Key></Tag></Tags>", "MalformedXML", "", nil},
		{"a tag without a key", "<Tags><Tag><Value>a</Value></Tag></Tags>", "MalformedXML", "", nil},
		{"one of AWS's own", "<Tags>" + one("aws:a", "") + "</Tags>", "InvalidTag", "can't start with", nil},
		{"one twice", "<Tags>" + one("a", "1") + one("a", "2") + "</Tags>", "InvalidTag", "duplicate", nil},
		{"an empty key", "<Tags>" + one("", "1") + "</Tags>", "InvalidTag", "isn't valid", nil},
		{"a sign that tags can't have", "<Tags>" + one("a", "?") + "</Tags>", "InvalidTag", "isn't valid", nil},
		{"more than fifty", "<Tags>" + strings.Repeat(one("a", ""), 51) + "</Tags>", "BadRequest", "50", nil},
	} {
		got, refusal := policy.ParseTagResource([]byte("<TagResourceRequest>" + c.inner + "</TagResourceRequest>"))
		if codeOf(refusal) != c.code || refusal != nil && !strings.Contains(refusal.Message, c.says) ||
			!slices.Equal(got, c.want) {
			t.Errorf("6.9 %s: %v, %v", c.name, got, refusal)
		}
	}
}

func codeOf(refusal *policy.Refusal) string {
	if refusal == nil {
		return ""
	}
	return refusal.Code
}
