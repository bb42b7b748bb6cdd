package policy_test

import (
	"strings"
	"testing"

	"sealfront/policy"
)

func compiled(t testing.TB, statements ...policy.Statement) *policy.Permitter {
	t.Helper()
	p, err := policy.Compile(statements)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func allow(action, resource string) policy.Statement {
	return policy.Statement{Effect: "Allow", Action: strings.Fields(action), Resource: strings.Fields(resource)}
}

func deny(action, resource string) policy.Statement {
	s := allow(action, resource)
	s.Effect = "Deny"
	return s
}

func under(s policy.Statement, operator, key string, values ...string) policy.Statement {
	s.Condition = map[string]map[string][]string{operator: {key: values}}
	return s
}

func TestActionsAndResourcesMatchWithWildcards(t *testing.T) {
	for _, c := range []struct {
		pattern, resource string
		action, on        string
		want              bool
	}{
		{"*", "*", "s3express:CreateSession", bucketARN, true},
		{"s3express:*", "*", "s3express:CreateSession", bucketARN, true},
		{"s3:*", "*", "s3express:CreateSession", bucketARN, false},
		{"S3EXPRESS:createsession", "*", "s3express:CreateSession", bucketARN, true},
		{"s3express:Create*", bucketARN, "s3express:CreateSession", bucketARN, true},
		{"s3express:Create*", bucketARN, "s3express:DeleteBucket", bucketARN, false},
		{"s3express:*", bucketARN + "x", "s3express:CreateSession", bucketARN, false},
		{"s3express:*", "arn:aws:s3express:*:*:bucket/demo--*", "s3express:CreateSession", bucketARN, true},
		{"s3express:*", "arn:aws:s3express:*:*:bucket/DEMO--*", "s3express:CreateSession", bucketARN, false},
		{"s3:Get?bject", "arn:aws:s3:::b/*", "s3:GetObject", "arn:aws:s3:::b/a/b", true},
		{"s3:GetObject", "arn:aws:s3:::b/*", "s3:GetObject", "arn:aws:s3:::b", false},
		{"s3:GetObject", "arn:aws:s3:::b/a?c", "s3:GetObject", "arn:aws:s3:::b/ac", false},
		{"s3:GetObject", "arn:aws:s3:::b/**c*", "s3:GetObject", "arn:aws:s3:::b/abcabd", true},
		{"kms:Decrypt", keyK, "kms:Decrypt", keyK, true},
		{"kms:Decrypt", keyK, "kms:Decrypt", keyOther, false},
		{"kms:Decrypt", keyK, "kms:GenerateDataKey", keyK, false},
	} {
		if got := compiled(t, allow(c.pattern, c.resource)).Allowed(c.action, c.on, nil); got != c.want {
			t.Errorf("%s on %s against %s on %s: %v", c.pattern, c.resource, c.action, c.on, got)
		}
	}
	var none *policy.Permitter
	if none.Allowed("s3:GetObject", "*", nil) || compiled(t).Allowed("s3:GetObject", "*", nil) {
		t.Error("no policy allows something")
	}
}

func TestDenyWins(t *testing.T) {
	for name, statements := range map[string][]policy.Statement{
		"before": {deny("s3:DeleteObject", "*"), allow("*", "*")},
		"after":  {allow("*", "*"), deny("s3:DeleteObject", "*")},
		"narrow": {allow("s3:DeleteObject", "arn:aws:s3:::b/k"), deny("s3:*", "arn:aws:s3:::b/*")},
	} {
		p := compiled(t, statements...)
		if p.Verdict("s3:DeleteObject", "arn:aws:s3:::b/k", nil) != policy.Denied {
			t.Errorf("%s: the Deny lost", name)
		}
	}
	p := compiled(t, allow("*", "*"), under(deny("*", "*"), "Bool", "aws:SecureTransport", "false"))
	if !p.Allowed("s3:GetObject", "x", policy.MapValues{"aws:securetransport": "true"}) {
		t.Error("a Deny whose condition doesn't hold took effect")
	}
	if p.Allowed("s3:GetObject", "x", policy.MapValues{"aws:securetransport": "false"}) {
		t.Error("a Deny whose condition holds had no effect")
	}
}

func TestConditions(t *testing.T) {
	values := policy.MapValues{
		"s3express:sessionmode": "ReadOnly", "aws:sourceip": "10.1.2.3", "s3:max-keys": "10", "s3:prefix": "home/me/",
		"aws:securetransport": "true", "aws:currenttime": "2026-11-23T07:00:00Z", "aws:principalarn": maker,
	}
	for _, c := range []struct {
		operator, key string
		values        []string
		want          bool
	}{
		{"StringEquals", "s3express:SessionMode", []string{"ReadOnly"}, true},
		{"StringEquals", "s3express:SessionMode", []string{"ReadWrite", "ReadOnly"}, true},
		{"StringEquals", "s3express:SessionMode", []string{"readonly"}, false},
		{"StringEqualsIgnoreCase", "s3express:SessionMode", []string{"readonly"}, true},
		{"StringNotEquals", "s3express:SessionMode", []string{"ReadWrite"}, true},
		{"StringNotEquals", "s3express:SessionMode", []string{"ReadWrite", "ReadOnly"}, false},
		{"StringNotEqualsIgnoreCase", "s3express:SessionMode", []string{"READONLY"}, false},
		{"StringLike", "s3:prefix", []string{"home/*"}, true},
		{"StringNotLike", "s3:prefix", []string{"home/*"}, false},
		{"StringEquals", "aws:referer", []string{"x"}, false},
		{"StringNotEquals", "aws:referer", []string{"x"}, true},
		{"StringEqualsIfExists", "aws:referer", []string{"x"}, true},
		{"StringEqualsIfExists", "s3:prefix", []string{"x"}, false},
		{"Null", "aws:referer", []string{"true"}, true},
		{"Null", "aws:referer", []string{"false"}, false},
		{"Null", "s3:prefix", []string{"false"}, true},
		{"Bool", "aws:SecureTransport", []string{"true"}, true},
		{"Bool", "aws:SecureTransport", []string{"false"}, false},
		{"ArnLike", "aws:PrincipalArn", []string{"arn:aws:iam::*:user/*"}, true},
		{"ArnNotEquals", "aws:PrincipalArn", []string{maker}, false},
		{"NumericLessThanEquals", "s3:max-keys", []string{"10"}, true},
		{"NumericLessThan", "s3:max-keys", []string{"10"}, false},
		{"NumericNotEquals", "s3:max-keys", []string{"11"}, true},
		{"NumericNotEqualsIfExists", "s3:max-keys", []string{"11"}, true},
		{"NumericGreaterThan", "s3:max-keys", []string{"9.5"}, true},
		{"NumericGreaterThanEquals", "s3:prefix", []string{"0"}, false},
		{"DateLessThan", "aws:CurrentTime", []string{"2027-01-01T00:00:00Z"}, true},
		{"DateNotEquals", "aws:CurrentTime", []string{"2027-01-01"}, true},
		{"ArnNotLike", "aws:PrincipalArn", []string{"arn:aws:iam::*:user/*"}, false},
		{"DateGreaterThan", "aws:CurrentTime", []string{"2027-01-01"}, false},
		{"IpAddress", "aws:SourceIp", []string{"192.0.2.0/24", "10.0.0.0/8"}, true},
		{"IpAddress", "aws:SourceIp", []string{"10.1.2.4"}, false},
		{"NotIpAddress", "aws:SourceIp", []string{"10.0.0.0/8"}, false},
	} {
		p := compiled(t, under(allow("*", "*"), c.operator, c.key, c.values...))
		if got := p.Allowed("s3:GetObject", "x", values); got != c.want {
			t.Errorf("%s %s %v: %v", c.operator, c.key, c.values, got)
		}
	}
	all := allow("*", "*")
	all.Condition = map[string]map[string][]string{
		"StringEquals": {"s3express:SessionMode": {"ReadOnly"}, "aws:referer": {"x"}},
	}
	if compiled(t, all).Allowed("s3:GetObject", "x", values) {
		t.Error("all conditions of a statement must hold")
	}
}

func TestPoliciesWithFaultsAreRefused(t *testing.T) {
	for _, c := range []struct {
		want      string
		statement policy.Statement
	}{
		{
			`policy[0].effect: "allow" is neither Allow nor Deny`,
			policy.Statement{Effect: "allow", Action: []string{"*"}, Resource: []string{"*"}},
		},
		{
			`policy[0].action: "s3:DeleteObjet" is no action, and matches none: did you mean s3:DeleteObject?`,
			allow("s3:DeleteObjet", "*"),
		},
		{
			`policy[0].action: "s3:ListBuckit*" is no action, and matches none: did you mean s3:ListBucket*?`,
			allow("s3:ListBuckit*", "*"),
		},
		{`policy[0].action: "ec2:*" is no action, and matches none`, allow("ec2:*", "*")},
		{
			`policy[0].action: "kms:Decrypted" is no action, and matches none: did you mean kms:Decrypt?`,
			allow("kms:Decrypted", "*"),
		},
		{
			`policy[0].resource: "arn:aws:s3::x/*" is no ARN, which has the form ` +
				`arn:partition:service:region:account:resource: did you mean arn:aws:s3:::x/*?`,
			allow("*", "arn:aws:s3::x/*"),
		},
		{
			`policy[0].resource: "arn:aws:s3:us-west-2::x" names a Region or an account, which ARNs of general ` +
				`purpose buckets and their objects don't have: did you mean arn:aws:s3:::x?`,
			allow("*", "arn:aws:s3:us-west-2::x"),
		},
		{
			`policy[0].resource: "arn:aws:s3expres:us-west-2:1:bucket/b" is of no service whose resources requests ` +
				`are about here: did you mean s3express?`,
			allow("*", "arn:aws:s3expres:us-west-2:1:bucket/b"),
		},
		{
			`policy[0].resource: "arn:x" is no ARN, which has the form arn:partition:service:region:account:resource`,
			allow("*", "arn:x"),
		},
		{`policy[0].resource: "arn:aws:kms:::key/k" has no Region or no account`, allow("*", "arn:aws:kms:::key/k")},
		{
			`policy[0].resource: "arn:aws:s3express:r:1:object/b" names no bucket and no key`,
			allow("*", "arn:aws:s3express:r:1:object/b"),
		},
		{
			`policy[0].condition: Bool has no condition key`,
			policy.Statement{
				Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"},
				Condition: map[string]map[string][]string{"Bool": {}},
			},
		},
		{"policy[0].action: is missing", policy.Statement{Effect: "Allow", Resource: []string{"*"}}},
		{`policy[0].action: "GetObject" is not of the form service:Action`, allow("GetObject", "*")},
		{"policy[0].resource: is missing", policy.Statement{Effect: "Allow", Action: []string{"*"}}},
		{`policy[0].resource: "bucket" is neither an ARN nor *`, allow("*", "bucket")},
		{
			`policy[0].resource: "arn:aws:s3:::${aws:user}" has a policy variable that requests have no value for here`,
			allow("*", "arn:aws:s3:::${aws:user}"),
		},
		{
			`policy[0].resource: "arn:aws:s3:::${aws:username" has a policy variable that is not of the form ${key} ` +
				`or ${key, 'default'}`,
			allow("*", "arn:aws:s3:::${aws:username"),
		},
		{
			`policy[0].resource: "arn:aws:${aws:username}:::b" has a policy variable before an ARN's resource`,
			allow("*", "arn:aws:${aws:username}:::b"),
		},
		{`policy[0].resource: "arn:\x00" holds a NUL`, allow("*", "arn:\x00")},
		{
			`policy[0].condition: unknown condition operator "StringMatches"`,
			under(allow("*", "*"), "StringMatches", "aws:username", "x"),
		},
		{
			`policy[0].condition: unknown condition operator "StringNotNotEquals": did you mean StringNotEquals?`,
			under(allow("*", "*"), "StringNotNotEquals", "aws:username", "x"),
		},
		{
			`policy[0].condition: unknown condition operator "NumericNotLessThan": did you mean NumericLessThan?`,
			under(allow("*", "*"), "NumericNotLessThan", "s3:max-keys", "1"),
		},
		{
			`policy[0].condition: unknown condition operator "IpNotAddress": did you mean IpAddress?`,
			under(allow("*", "*"), "IpNotAddress", "aws:sourceip", "10.0.0.0/8"),
		},
		{
			`policy[0].condition: unknown condition operator "NullIfExists"`,
			under(allow("*", "*"), "NullIfExists", "aws:username", "true"),
		},
		{
			`policy[0].condition: ForAllValues:StringLike: ForAllValues and ForAnyValue are for keys with several ` +
				`values, aws:TagKeys, and those need one of them`,
			under(allow("*", "*"), "ForAllValues:StringLike", "aws:username", "x"),
		},
		{
			`policy[0].condition: "a" is no condition key that requests have here`,
			under(allow("*", "*"), "StringLike", "a", "x"),
		},
		{
			`policy[0].condition: condition aws:username has no value`,
			under(allow("*", "*"), "StringLike", "aws:username"),
		},
		{
			`policy[0].condition: "300.1.2.3" is no value for IpAddress`,
			under(allow("*", "*"), "IpAddress", "aws:SourceIp", "300.1.2.3"),
		},
		{
			`policy[0].condition: "ten" is no value for NumericEquals`,
			under(allow("*", "*"), "NumericEquals", "s3:max-keys", "ten"),
		},
		{
			`policy[0].condition: "yes" is no value for Bool`,
			under(allow("*", "*"), "Bool", "aws:SecureTransport", "yes"),
		},
		{
			`policy[0].condition: the value of Null must be true or false`,
			under(allow("*", "*"), "Null", "aws:username", "maybe"),
		},
		{
			`policy[0].condition: "${aws:user}" has a policy variable that requests have no value for here`,
			under(allow("*", "*"), "StringLike", "aws:username", "${aws:user}"),
		},
		{
			`policy[0].condition: "${s3:max-keys}": policy variables are for the operators of strings and ARNs`,
			under(allow("*", "*"), "NumericEquals", "s3:max-keys", "${s3:max-keys}"),
		},
	} {
		p, err := policy.Compile([]policy.Statement{c.statement})
		if err == nil || err.Error() != c.want || p != nil {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	_, err := policy.Compile([]policy.Statement{{}, allow("x", "y")})
	if err == nil || len(strings.Split(err.Error(), "\n")) != 5 {
		t.Errorf("all faults are reported at once: %v", err)
	}
}
