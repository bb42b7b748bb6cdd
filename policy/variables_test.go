package policy_test

import (
	"strings"
	"testing"

	"sealfront/policy"
)

func TestVariablesStandForValues(t *testing.T) {
	const home = "arn:aws:s3:::b/home/"
	for _, c := range []struct {
		pattern, name, key string
		want               bool
	}{
		{home + "${aws:username}/*", "ann", "ann/x", true},
		{home + "${AWS:UserName}/*", "ann", "ann/x/y", true},
		{home + "${aws:username}/*", "ann", "bob/x", false},
		{home + "${aws:username}/*", "an", "ann/x", false},
		{home + "*/${aws:username}", "ann", "x/ann/ann", true},
		{home + "*/${aws:username}", "ann", "x/ann/an", false},
		{home + "${aws:username}-${aws:username}", "a", "a-a", true},
		// A value is text: whoever may choose one can't widen the pattern.
		{home + "${aws:username}/*", "*", "ann/x", false},
		{home + "${aws:username}/*", "*", "*/x", true},
		{home + "${aws:username}/*", "?", "a/x", false},
		{home + "*${aws:username}*", "*?", "x*?y", true},
		{home + "*${aws:username}*", "*?", "x*yy", false},
		{home + "${aws:username}", "${aws:principalarn}", "${aws:principalarn}", true},
		{home + "${aws:username}", "\x00*", "\x00*", true},
		{home + "${aws:username}", "\x00*", "\x00x", false},
		{home + "${aws:username}", "*", "", false},
		{home + "${*}${?}${$}", "ann", "*?$", true},
		{home + "${*}", "ann", "x", false},
		{home + "${?}", "ann", "x", false},
		// Without a value nothing matches, unless the policy has one.
		{home + "${aws:referer}", "ann", "", false},
		{home + "${aws:referer}", "ann", "${aws:referer}", false},
		{home + "${aws:referer, 'guest'}/*", "ann", "guest/x", true},
		{home + "${aws:referer,'g}st'}", "ann", "g}st", true},
		{home + "${aws:referer, '*' }", "ann", "x", false},
		{home + "${aws:referer, ''}x", "ann", "x", true},
		{home + "${aws:username, 'guest'}", "ann", "ann", true},
		{home + "${aws:username, 'guest'}", "ann", "guest", false},
	} {
		p := compiled(t, policy.Statement{
			Effect: "Allow", Action: []string{"s3:GetObject"}, Resource: []string{c.pattern},
		})
		if got := p.Allowed("s3:GetObject", home+c.key, policy.MapValues{"aws:username": c.name}); got != c.want {
			t.Errorf("%s for %q: %s: %v", c.pattern, c.name, c.key, got)
		}
		if strings.Contains(c.pattern, "username") && !strings.Contains(c.pattern, "guest") &&
			p.Allowed("s3:GetObject", home+c.key, nil) {
			t.Errorf("%s: %s is allowed to nobody in particular", c.pattern, c.key)
		}
	}
	for _, faulty := range []string{
		"${}", "${aws:username", "${,'x'}", "${aws:username, x}", "${aws:username, 'x}", "${aws:username, 'x'",
		"${aws:username, 'x'y}", "${*?}", "${ aws:username}", "${x}",
	} {
		if _, err := policy.Compile([]policy.Statement{
			{Effect: "Allow", Action: []string{"*"}, Resource: []string{"arn:aws:s3:::b/" + faulty}},
		}); err == nil {
			t.Errorf("%s was taken", faulty)
		}
	}
}

func TestVariablesInConditions(t *testing.T) {
	values := policy.MapValues{"s3:prefix": "home/ann/", "aws:username": "ann", "aws:useragent": "a*"}
	for _, c := range []struct {
		operator, key, value string
		allows, denies       bool
	}{
		{"StringEquals", "s3:prefix", "home/${aws:username}/", true, true},
		{"StringEquals", "aws:useragent", "a${*}", true, true},
		{"StringEquals", "s3:prefix", "home/${*}/", false, false},
		{"StringLike", "s3:prefix", "home/${aws:username}/*", true, true},
		{"StringLike", "s3:prefix", "home/${aws:useragent}/", false, false},
		{"StringNotLike", "s3:prefix", "home/${aws:useragent}/", true, true},
		{"StringNotEquals", "s3:prefix", "home/${aws:username}/", false, false},
		{"ArnLike", "s3:prefix", "*/${aws:username}/", true, true},
		{"Null", "s3:prefix", "false", true, true},
		// Nothing is equal to a value that there isn't, or like it, and everything is unlike it.
		{"StringEquals", "s3:prefix", "home/${aws:referer}/", false, false},
		{"StringNotEquals", "s3:prefix", "home/${aws:referer}/", true, true},
		{"StringNotLike", "s3:prefix", "home/${aws:referer}/*", true, true},
		{"StringNotLikeIfExists", "s3:prefix", "home/${aws:referer}/*", true, true},
		{"StringEquals", "s3:prefix", "home/${aws:referer, 'ann'}/", true, true},
	} {
		if got := compiled(t, under(allow("*", "*"), c.operator, c.key, c.value)).Allowed("s3:ListBucket", "x",
			values); got != c.allows {
			t.Errorf("Allow %s %s %s: %v", c.operator, c.key, c.value, got)
		}
		if got := compiled(t, under(deny("*", "*"), c.operator, c.key, c.value)).Verdict("s3:ListBucket", "x",
			values) == policy.Denied; got != c.denies {
			t.Errorf("Deny %s %s %s: %v", c.operator, c.key, c.value, got)
		}
	}
}

// The version of 2008, and none, have no variables: Amazon takes them for plain text there.
func TestVariablesOfBucketPoliciesNeedTheirVersion(t *testing.T) {
	const arn = "arn:aws:s3:::plain"
	for _, statement := range []string{
		`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"` + arn + `/home/${aws:username}/*"}`,
		`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"` + arn +
			`/*","Condition":{"StringEquals":{"s3:prefix":"${aws:username}"}}}`,
	} {
		for version, want := range map[string]string{
			`"Version":"2012-10-17",`: "",
			`"Version":"2008-10-17",`: "Policy variables need the version 2012-10-17",
			"":                        "Policy variables need the version 2012-10-17",
		} {
			p, refusal := policy.ParseBucketPolicy([]byte("{"+version+`"Statement":`+statement+"}"),
				policy.General, arn)
			if (refusal != nil) != (want != "") ||
				refusal != nil && (refusal.Code != "MalformedPolicy" || refusal.Message != want) ||
				(p == nil) != (want != "") {
				t.Errorf("%s %s: %v", version, statement, refusal)
			}
		}
	}
	for _, resource := range []string{"arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::plain${aws:username}"} {
		document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",` +
			`"Resource":"` + resource + `"}}`
		if _, refusal := policy.ParseBucketPolicy([]byte(document), policy.General, arn); refusal == nil ||
			refusal.Message != "Policy has invalid resource" {
			t.Errorf("%s: %v", resource, refusal)
		}
	}
}

// One policy for all: each has the home of its own name.
func TestHomesByABucketPolicy(t *testing.T) {
	const arn = "arn:aws:s3:::plain"
	p, refusal := policy.ParseBucketPolicy(
		[]byte(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",`+
				`"Resource":"`+arn+
				`/home/${aws:username}/*"}}`), policy.General, arn)
	if refusal != nil {
		t.Fatal(refusal)
	}
	who := caller(t)
	who.Values = policy.MapValues{"aws:username": "ann"}
	for key, allowed := range map[string]bool{
		"home/ann/x": true, "home/bob/x": false,
		"home/${aws:username}/x": false,
	} {
		target := policy.Target{Kind: policy.General, BucketARN: arn, Key: key, BucketPolicy: p}
		if refusal := policy.Authorize(policy.GetObject, request(policy.GetObject, "plain", ""), who, &target,
			0); (refusal == nil) != allowed {
			t.Errorf("%s: %v", key, refusal)
		}
	}
}
