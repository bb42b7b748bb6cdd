package policy_test

import (
	"reflect"
	"testing"

	"sealfront/policy"
)

// General purpose buckets: a version has permissions of its own, and so has what a header asks for.
func TestVersionsAndHeadersNeedPermissionsOfTheirOwn(t *testing.T) {
	for _, c := range []struct {
		op      policy.Operation
		version string
		headers policy.MapFields
		needs   []string
	}{
		{policy.GetObject, "", nil, []string{"s3:GetObject"}},
		{policy.GetObject, "v", nil, []string{"s3:GetObjectVersion"}},
		{policy.HeadObject, "null", nil, []string{"s3:GetObjectVersion"}},
		{policy.GetObjectAttributes, "v", nil, []string{"s3:GetObjectVersionAttributes"}},
		{policy.DeleteObject, "", nil, []string{"s3:DeleteObject"}},
		{policy.DeleteObject, "v", nil, []string{"s3:DeleteObjectVersion"}},
		{
			policy.DeleteObject, "v", policy.MapFields{"x-amz-bypass-governance-retention": {"true"}}, []string{
				"s3:DeleteObjectVersion", "s3:BypassGovernanceRetention",
			},
		},
		{policy.GetObjectTagging, "v", nil, []string{"s3:GetObjectVersionTagging"}},
		{
			policy.PutObject, "",
			policy.MapFields{"x-amz-tagging": {"a=b"}},
			[]string{"s3:PutObject", "s3:PutObjectTagging"},
		},
		{
			policy.CreateMultipartUpload, "",
			policy.MapFields{"x-amz-tagging": {"a=b"}},
			[]string{"s3:PutObject", "s3:PutObjectTagging"},
		},
		{
			policy.PutObject, "", policy.MapFields{
				"x-amz-object-lock-mode": {"GOVERNANCE"}, "x-amz-object-lock-legal-hold": {"ON"},
			}, []string{"s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold"},
		},
		{policy.ListObjectVersions, "", nil, []string{"s3:ListBucketVersions"}},
	} {
		target := policy.Target{Kind: policy.General, BucketARN: "arn:aws:s3:::plain", Key: "key", Version: c.version}
		ask := func(actions []string) *policy.Refusal {
			r := request(c.op, "plain", "")
			if c.headers != nil {
				r.Header = c.headers
			}
			var statements []policy.Statement
			for _, action := range actions {
				statements = append(statements, policy.Statement{
					Effect: "Allow", Action: []string{action}, Resource: []string{"*"},
				})
			}
			return policy.Authorize(c.op, r, caller(t, statements...), &target, policy.ReadWrite)
		}
		if refusal := ask(c.needs); refusal != nil {
			t.Errorf("%v of version %q with %v: %v", c.op, c.version, c.needs, refusal)
		}
		for i := range c.needs {
			fewer := append(append([]string(nil), c.needs[:i]...), c.needs[i+1:]...)
			if ask(append(fewer, "s3:RestoreObject")) == nil {
				t.Errorf("%v of version %q is allowed with %v alone", c.op, c.version, fewer)
			}
		}
	}
	source := policy.Target{Kind: policy.General, BucketARN: "arn:aws:s3:::plain", Key: "key", Version: "v"}
	for action, want := range map[string]bool{"s3:GetObject": false, "s3:GetObjectVersion": true} {
		who := caller(t, policy.Statement{
			Effect: "Allow", Action: []string{action}, Resource: []string{"arn:aws:s3:::plain/key"},
		})
		if got := policy.AuthorizeSource(request(policy.CopyObject, "plain", ""), who, &source) == nil; got != want {
			t.Errorf("a copy of a version with %s: %t", action, got)
		}
	}
}

func TestAPolicyMayNameAVersion(t *testing.T) {
	target := policy.Target{Kind: policy.General, BucketARN: "arn:aws:s3:::plain", Key: "key"}
	who := caller(t, policy.Statement{
		Effect: "Allow", Action: []string{"s3:*"}, Resource: []string{"*"},
		Condition: map[string]map[string][]string{"StringEquals": {"s3:VersionId": {"v"}}},
	})
	for version, want := range map[string]bool{"v": true, "w": false} {
		r := request(policy.GetObject, "plain", "")
		target.Version = version
		if got := policy.Authorize(policy.GetObject, r, who, &target, policy.ReadWrite) == nil; got != want {
			t.Errorf("version %s: %t", version, got)
		}
	}
}

func TestBucketTagging(t *testing.T) {
	tags, refusal := policy.ParseBucketTagging(
		[]byte(
			`<Tagging><TagSet><Tag><Key>cost</Key><Value>centre</Value></Tag><Tag><Key>empty</Key></Tag></TagSet>` +
				`</Tagging>`))
	if refusal != nil || !reflect.DeepEqual(tags, policy.Tags{{Key: "cost", Value: "centre"}, {Key: "empty"}}) {
		t.Errorf("%v, %v", tags, refusal)
	}
	for document, want := range map[string]string{
		`<Tagging/>`: "MalformedXML",
		`<Tagging><TagSet><Label/></TagSet></Tagging>`: "MalformedXML",
		`<Tagging><TagSet/><More/></Tagging>`:          "MalformedXML",
		`<Labels/>`:                                    "MalformedXML",
		``:                                             "MalformedXML",
		`<Tagging><TagSet><Tag><Key>aws:cost</Key><Value>v</Value></Tag></TagSet></Tagging>`: "InvalidTag",
	} {
		if _, refusal := policy.ParseBucketTagging([]byte(document)); refusal == nil || refusal.Code != want {
			t.Errorf("%s: %v", document, refusal)
		}
	}
}
