package policy_test

import (
	"slices"
	"strings"
	"testing"

	"sealfront/policy"
)

const trustIssuer = "https://issuer.example/id/1"

func claimOf(key string) (string, bool) { return policy.TrustClaim(trustIssuer, key) }

func compileTrust(t *testing.T, operator, claim string, values ...string) *policy.Trust {
	t.Helper()
	trust, err := policy.CompileTrust(map[string]map[string][]string{
		operator: {"issuer.example/id/1:" + claim: values},
	}, claimOf)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

func TestTrustHolds(t *testing.T) {
	for name, c := range map[string]struct {
		operator string
		values   []string
		actual   []string
		want     bool
	}{
		"equal":                    {"StringEquals", []string{"a", "b"}, []string{"b"}, true},
		"not equal":                {"StringEquals", []string{"a"}, []string{"b"}, false},
		"a star is a letter":       {"StringEquals", []string{"a*"}, []string{"ab"}, false},
		"like":                     {"StringLike", []string{"a:*:c"}, []string{"a:b:c"}, true},
		"not like":                 {"StringLike", []string{"a:?:c"}, []string{"a:bb:c"}, false},
		"other than":               {"StringNotEquals", []string{"a"}, []string{"b"}, true},
		"not other than":           {"StringNotEquals", []string{"a"}, []string{"a"}, false},
		"unlike":                   {"StringNotLike", []string{"a*"}, []string{"b"}, true},
		"nothing is equal":         {"StringEquals", []string{"a"}, nil, false},
		"nothing is other":         {"StringNotEquals", []string{"a"}, nil, false},
		"several for one":          {"StringEquals", []string{"a"}, []string{"a", "b"}, false},
		"several for one, negated": {"StringNotEquals", []string{"c"}, []string{"a", "b"}, false},
		"any of several":           {"ForAnyValue:StringEquals", []string{"b"}, []string{"a", "b"}, true},
		"none of several":          {"ForAnyValue:StringLike", []string{"c*"}, []string{"a", "b"}, false},
		"any of nothing":           {"ForAnyValue:StringLike", []string{"*"}, nil, false},
	} {
		trust := compileTrust(t, c.operator, "sub", c.values...)
		if trust.Holds(policy.Claims{"sub": c.actual, "Sub": {"a"}}) != c.want {
			t.Errorf("%s: %t", name, !c.want)
		}
		if got := slices.Collect(trust.Claims); len(got) != 1 || got[0] != "sub" {
			t.Errorf("%s: claims %v", name, got)
		}
		for range trust.Claims {
			break
		}
	}
}

func TestTrustSaysWhatAClaimIs(t *testing.T) {
	for name, c := range map[string]struct {
		trust *policy.Trust
		want  bool
	}{
		"the subject":        {compileTrust(t, "StringEquals", "sub", "a"), true},
		"what it is not":     {compileTrust(t, "StringNotEquals", "sub", "a"), false},
		"the audience alone": {compileTrust(t, "StringEquals", "aud", "a"), false},
		"nothing":            {new(policy.Trust), false},
	} {
		if c.trust.Requires("aud") != c.want {
			t.Errorf("%s: %t", name, !c.want)
		}
	}
}

func TestTrustsWithFaultsAreRefused(t *testing.T) {
	key := "issuer.example/id/1:sub"
	for name, c := range map[string]struct {
		conditions map[string]map[string][]string
		want       string
	}{
		"operator":   {map[string]map[string][]string{"NumericEquals": {key: {"1"}}}, "no operator for claims"},
		"for all":    {map[string]map[string][]string{"ForAllValues:StringLike": {key: {"1"}}}, "no operator for claims"},
		"if exists":  {map[string]map[string][]string{"StringEqualsIfExists": {key: {"1"}}}, "no operator for claims"},
		"key":        {map[string]map[string][]string{"StringEquals": {"sub": {"1"}}}, "names no claim"},
		"no value":   {map[string]map[string][]string{"StringEquals": {key: nil}}, "has no value"},
		"a variable": {map[string]map[string][]string{"StringLike": {key: {"${aws:username}"}}}, "policy variable"},
		"a NUL":      {map[string]map[string][]string{"StringLike": {key: {"a\x00"}}}, "NUL"},
	} {
		if trust, err := policy.CompileTrust(c.conditions, claimOf); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v", name, trust, err)
		}
	}
}

func TestTrustClaim(t *testing.T) {
	for key, want := range map[string]string{
		"issuer.example/id/1:sub": "sub", "issuer.example/id/1:a:b": "a:b", "sts:RoleSessionName": policy.FactSessionName,
		"sts:ExternalId": "", "issuer.example/id/1:": "", "issuer.example:sub": "", "sub": "",
		"issuer.example/id/1:\x00x": "",
	} {
		if claim, ok := claimOf(key); ok != (want != "") || ok && claim != want {
			t.Errorf("%s: %q, %t", key, claim, ok)
		}
	}
	if claim, ok := policy.TrustClaim("", "sts:ExternalId"); !ok || claim != policy.FactExternalID {
		t.Errorf("%q, %t", claim, ok)
	}
	if claim, ok := policy.TrustClaim("", ":sub"); ok {
		t.Errorf("a claim of no issuer: %q", claim)
	}
}

func TestSessionPolicies(t *testing.T) {
	good := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*",` +
		`"Resource":"arn:aws:s3:::b/${aws:userid}"}}`
	p, refused := policy.ParseSessionPolicy([]byte(good))
	if refused != nil {
		t.Fatal(refused)
	}
	values := policy.MapValues{"aws:userid": "me"}
	if !p.Allowed("s3:GetObject", "arn:aws:s3:::b/me", values) || p.Allowed("s3:GetObject", "arn:aws:s3:::b/you", values) {
		t.Error("it allows something else")
	}
	for name, text := range map[string]string{
		"too long":          good + strings.Repeat(" ", policy.MaxSessionPolicy),
		"no JSON":           "policy",
		"no statement":      `{"Version":"2012-10-17"}`,
		"a principal":       strings.Replace(good, `"Effect"`, `"Principal":"*","Effect"`, 1),
		"an unknown action": strings.Replace(good, "s3:Get*", "s3:Gat*", 1),
		"no version":        strings.Replace(good, `"Version":"2012-10-17",`, "", 1),
		"NotAction":         strings.Replace(good, `"Action"`, `"NotAction"`, 1),
		"a name twice":      strings.Replace(good, `"Effect"`, `"Effect":"Deny","Effect"`, 1),
	} {
		if p, refused := policy.ParseSessionPolicy([]byte(text)); refused == nil || refused.Code != "MalformedPolicy" {
			t.Errorf("%s: %v, %v", name, p, refused)
		}
	}
}

// What a session's policy doesn't allow is not permitted, whichever policy allows it.
func TestASessionPolicyOnlyNarrows(t *testing.T) {
	compile := func(effect string, actions ...string) *policy.Permitter {
		p, err := policy.Compile([]policy.Statement{{Effect: effect, Action: actions, Resource: []string{"*"}}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const role = "arn:aws:iam::123456789012:role/r"
	for name, c := range map[string]struct {
		own, within *policy.Permitter
		principals  []string
		want        bool
	}{
		"who is named":                    {nil, nil, []string{"arn:aws:iam::123456789012:user/u"}, true},
		"nobody":                          {compile("Allow", "*"), nil, nil, false},
		"the account, without permission": {nil, nil, []string{"arn:aws:iam::123456789012:root"}, false},
		"the account, with it": {
			compile("Allow", "sts:AssumeRole"), nil, []string{"arn:aws:iam::123456789012:root"}, true,
		},
		"who is named, and denied": {compile("Deny", "sts:*"), nil, []string{"arn:aws:iam::123456789012:user/u"}, false},
		"taken away":               {nil, compile("Allow", "s3:*"), []string{"arn:aws:iam::123456789012:user/u"}, false},
		"denied by the session":    {nil, compile("Deny", "*"), []string{"arn:aws:iam::123456789012:user/u"}, false},
		"left":                     {nil, compile("Allow", "sts:*"), []string{"arn:aws:iam::123456789012:user/u"}, true},
	} {
		caller := &policy.Caller{
			Principal: "arn:aws:iam::123456789012:user/u", Account: "123456789012", Policy: c.own, Within: c.within,
		}
		if policy.MayAssume(new(policy.Request), caller, role, c.principals) != c.want {
			t.Errorf("%s: %t", name, !c.want)
		}
	}
}

// A role's sessions see their tags and their role, and its permission to assume others names roles.
func TestARolesSessionAsPoliciesSeeIt(t *testing.T) {
	tagged, err := policy.Compile([]policy.Statement{{
		Effect: "Allow", Action: []string{"s3:GetObject"}, Resource: []string{"arn:aws:s3:::b/${aws:PrincipalTag/Team}/*"},
		Condition: map[string]map[string][]string{
			"ArnEquals": {"aws:PrincipalArn": {"arn:aws:iam::123456789012:role/r"}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	caller := &policy.Caller{
		Principal: "arn:aws:sts::123456789012:assumed-role/r/s", Role: "arn:aws:iam::123456789012:role/r",
		Account: "123456789012", Policy: tagged, Tags: policy.Tags{{Key: "Team", Value: "red"}},
	}
	for key, want := range map[string]bool{"red/a": true, "blue/a": false} {
		target := &policy.Target{Kind: policy.General, BucketARN: "arn:aws:s3:::b", Key: key}
		refused := policy.Authorize(policy.GetObject, &policy.Request{Method: "GET", Bucket: "bbb", Key: key}, caller, target,
			policy.ReadWrite)
		if (refused == nil) != want {
			t.Errorf("%s: %v", key, refused)
		}
	}
	for resource, want := range map[string]string{
		"arn:aws:iam::123456789012:role/*": "", "arn:aws:iam::*:role/r": "",
		"arn:aws:iam::123456789012:user/u": "no account's role",
		"arn:aws:iam:::role/r":             "no account's role",
	} {
		_, err := policy.Compile([]policy.Statement{{
			Effect: "Allow", Action: []string{"sts:AssumeRole"}, Resource: []string{resource},
		}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", resource, err)
		}
	}
}

func TestTagsOfPrincipals(t *testing.T) {
	for text, want := range map[string]bool{"Team": true, "": false, "aws:x": false, "a\x01": false} {
		if policy.IsTagKey(text) != want {
			t.Errorf("key %q: %t", text, !want)
		}
	}
	if !policy.IsTagValue("") || policy.IsTagValue(strings.Repeat("x", 257)) {
		t.Error("values")
	}
}
