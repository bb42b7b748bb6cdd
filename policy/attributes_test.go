package policy_test

import (
	"testing"

	"sealfront/policy"
)

// The Go SDK sends a header line an attribute, others one line with commas.
func TestObjectAttributesMayComeInSeveralLines(t *testing.T) {
	for name, lines := range map[string][]string{
		"one line":            {"ETag,ObjectSize"},
		"two lines":           {"ETag", "ObjectSize"},
		"a line given twice":  {"ETag", "ObjectSize", "ETag"},
		"a line with a comma": {"ETag, Checksum", "ObjectParts"},
	} {
		r := &policy.Request{
			Method: "GET", Bucket: "general", Key: "key", Header: policy.MapFields{"x-amz-object-attributes": lines},
			Query: policy.MapFields{"attributes": {""}},
		}
		if refused := policy.CheckRequest(policy.GetObjectAttributes, r); refused != nil {
			t.Errorf("%s: %v", name, refused)
		}
	}
	r := &policy.Request{
		Method: "GET", Bucket: "general", Key: "key", Header: policy.MapFields{
			"x-amz-object-attributes": {"ETag", "Colour"},
		},
	}
	if refused := policy.CheckRequest(policy.GetObjectAttributes, r); refused == nil || refused.Row != "4.7" {
		t.Errorf("an unknown attribute in a second line: %v", refused)
	}
}
