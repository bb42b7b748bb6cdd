package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sealfront/policy"
)

func TestExplainNamesTheRowAndWhy(t *testing.T) {
	for _, c := range []struct {
		name    string
		op      policy.Operation
		headers string
		session policy.Fields
		tls     bool
		want    string // decision, row, code
	}{
		{"a plain write in a session", policy.PutObject, "", policy.MapFields{}, true, "allow PUT-1"},
		{
			"a write that contradicts its session", policy.PutObject, "sse=AES256",
			policy.MapFields{},
			true,
			"refuse PUT-2 InvalidRequest",
		},
		{"the same with a long-term key", policy.PutObject, "sse=AES256", nil, true, "allow PUT-2"},
		{
			"a session that can't be made", policy.PutObject, "",
			policy.MapFields{short["sse"]: {"aws:fsx"}},
			true,
			"refuse H-1 InvalidArgument",
		},
		{
			"a session that overrides", policy.PutObject, "",
			policy.MapFields{short["sse"]: {"AES256"}},
			true,
			"allow PUT-1",
		},
		{
			"a ReadOnly session", policy.PutObject, "",
			policy.MapFields{"x-amz-create-session-mode": {"ReadOnly"}},
			true, "refuse SE-8 AccessDenied",
		},
		{
			"a read with encryption headers", policy.GetObject, "sse=aws:kms",
			policy.MapFields{},
			true,
			"refuse G-1 InvalidArgument",
		},
		{"over HTTP", policy.PutObject, "", policy.MapFields{}, false, "refuse T-1 InvalidArgument"},
		{"an operation that doesn't exist", policy.PutObjectAcl, "", nil, true, "refuse 1.6 NotImplemented"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(c.op, bucketName, c.headers)
			r.TLS = c.tls
			e := policy.Explain(c.op, r, &policy.Question{Bucket: bucket("kms"), Session: c.session})
			if got := strings.TrimSpace(e.Decision + " " + e.Row + " " + e.Code); got != c.want || e.Why == "" {
				t.Errorf("got %q because %q, want %q", got, e.Why, c.want)
			}
			if c.session != nil && e.Row != "H-1" && e.Session == nil {
				t.Error("nothing is said of the session")
			}
			if (e.Decision == "allow") != (e.Effective != nil && e.Response[short["sse"]] != "") {
				t.Errorf("%+v", e)
			}
			text, err := json.Marshal(e)
			if err != nil || !strings.Contains(string(text), `"row":"`+e.Row+`"`) {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
}

func TestExplainAsksForPermissions(t *testing.T) {
	sessions := allow("s3express:CreateSession", "*")
	for _, c := range []struct {
		name    string
		op      policy.Operation
		session policy.Fields
		who     []policy.Statement
		want    string
	}{
		{
			"a session and its key", policy.PutObject,
			policy.MapFields{},
			[]policy.Statement{sessions, allow("kms:*", "*")},
			"allow PUT-1",
		},
		{
			"a session without its key", policy.PutObject,
			policy.MapFields{},
			[]policy.Statement{sessions},
			"refuse SE-9",
		},
		{
			"a session that needs no key", policy.PutObject,
			policy.MapFields{short["sse"]: {"AES256"}},
			[]policy.Statement{sessions},
			"allow PUT-1",
		},
		{"a long-term key", policy.PutObject, nil, []policy.Statement{sessions, allow("kms:*", "*")}, "allow PUT-1"},
		{"a long-term key, nothing allowed", policy.PutObject, nil, nil, "refuse 1.2"},
		{
			"a regional operation in a session", policy.GetBucketEncryption,
			policy.MapFields{},
			[]policy.Statement{sessions, allow("kms:*", "*")},
			"refuse 1.2",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := policy.Explain(c.op, request(c.op, bucketName, ""), &policy.Question{
				Bucket: bucket("kms"), Session: c.session, Caller: caller(t, c.who...),
			})
			if got := e.Decision + " " + e.Row; got != c.want || e.Principal == "" {
				t.Errorf("%+v, want %s", e, c.want)
			}
		})
	}
}
