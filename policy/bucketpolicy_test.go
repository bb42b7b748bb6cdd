package policy_test

import (
	"strings"
	"testing"

	"sealfront/policy"
)

const goodPolicy = `{"Version":"2012-10-17","Id":"p","Statement":[{"Sid":"one","Effect":"Allow",` +
	`"Principal":{"AWS":"arn:aws:iam::123456789012:user/maker"},
"Action":"s3express:CreateSession","Resource":"` + bucketARN + `",` +
	`"Condition":{"StringEquals":{"s3express:SessionMode":"ReadOnly"},"Bool":{"aws:SecureTransport":true}}}]}`

func TestBucketPoliciesPermitAndDeny(t *testing.T) {
	target := policy.Target{Kind: policy.Directory, BucketARN: bucketARN}
	read := request(policy.GetObject, bucketName, "")
	for _, c := range []struct {
		name     string
		document string
		identity []policy.Statement
		read     bool
		write    bool
	}{
		{"the bucket alone permits reading", goodPolicy, nil, true, false},
		{"for somebody else", strings.Replace(goodPolicy, "user/maker", "user/somebody", 1), nil, false, false},
		{
			"for the whole account, by number",
			strings.Replace(goodPolicy, "arn:aws:iam::123456789012:user/maker", account, 1), nil, true, false,
		},
		{"for the whole account, by its root", strings.Replace(goodPolicy, "user/maker", "root", 1), nil, true, false},
		{
			"for another account", strings.Replace(goodPolicy, "123456789012:user/maker", "210987654321:root", 1), nil,
			false, false,
		},
		{
			"for everybody", strings.Replace(goodPolicy, `{"AWS":"arn:aws:iam::123456789012:user/maker"}`, `"*"`, 1),
			nil, true, false,
		},
		{
			"a denial beats the identity", strings.Replace(goodPolicy, "Allow", "Deny", 1),
			[]policy.Statement{allow("*", "*")},
			true, true,
		},
		{
			"an unconditional denial", strings.Replace(strings.Replace(goodPolicy, "Allow", "Deny", 1),
				`,"Condition":{"StringEquals":{"s3express:SessionMode":"ReadOnly"},`+
					`"Bool":{"aws:SecureTransport":true}}`, "", 1), []policy.Statement{allow("*", "*")}, false, false,
		},
		{"the identity's denial beats the bucket", goodPolicy, []policy.Statement{deny("*", "*")}, false, false},
		{
			"one statement, no list", strings.NewReplacer(`"Statement":[`, `"Statement":`, "}]}", "}}").Replace(
				goodPolicy), nil, true, false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, refusal := policy.ParseBucketPolicy([]byte(c.document), policy.Directory, bucketARN)
			if refusal != nil {
				t.Fatal(refusal, refusal.Elements)
			}
			target := target
			target.BucketPolicy = p
			who := caller(t, c.identity...)
			if got := policy.Authorize(policy.GetObject, read, who, &target, 0) == nil; got != c.read {
				t.Errorf("reading: %v", got)
			}
			if got := policy.Authorize(policy.PutObject, request(policy.PutObject, bucketName, ""), who, &target,
				0) == nil; got != c.write {
				t.Errorf("writing: %v", got)
			}
		})
	}
}

func TestBucketPoliciesWithFaultsAreRefused(t *testing.T) {
	for name, document := range map[string]string{
		"empty":                         "",
		"not JSON":                      "policy",
		"a list":                        "[" + goodPolicy + "]",
		"cut short":                     goodPolicy[:len(goodPolicy)-2],
		"text after the end":            goodPolicy + "x",
		"too long":                      strings.Replace(goodPolicy, `"p"`, `"`+strings.Repeat("p", 20<<10)+`"`, 1),
		"another version":               strings.Replace(goodPolicy, "2012-10-17", "2013-10-17", 1),
		"no statement":                  `{"Version":"2012-10-17","Statement":[]}`,
		"statements missing":            `{"Version":"2012-10-17"}`,
		"an unknown field":              strings.Replace(goodPolicy, `"Id"`, `"Name"`, 1),
		"an unknown field of statement": strings.Replace(goodPolicy, `"Sid"`, `"NotAction"`, 1),
		"no principal": strings.Replace(goodPolicy,
			`"Principal":{"AWS":"arn:aws:iam::123456789012:user/maker"},`, "", 1),
		"a principal of no form": strings.Replace(goodPolicy, "arn:aws:iam::123456789012:user/maker", "maker",
			1),
		"a service as principal": strings.Replace(goodPolicy, `"AWS"`, `"Service"`, 1),
		"a principal by name alone": strings.Replace(goodPolicy, `{"AWS":"arn:aws:iam::123456789012:user/maker"}`,
			`"maker"`, 1),
		"another action": strings.Replace(goodPolicy, "s3express:CreateSession",
			"s3express:DeleteBucket", 1),
		"all actions":           strings.Replace(goodPolicy, "s3express:CreateSession", "s3express:*", 1),
		"another bucket":        strings.Replace(goodPolicy, "bucket/demo--", "bucket/other--", 1),
		"every resource":        strings.Replace(goodPolicy, `"Resource":"`+bucketARN, `"Resource":"*`, 1),
		"objects of the bucket": strings.Replace(goodPolicy, bucketARN, bucketARN+"/*", 1),
		"an unknown condition":  strings.Replace(goodPolicy, "StringEquals", "StringIs", 1),
		"no effect":             strings.Replace(goodPolicy, "Allow", "Maybe", 1),
		"a nested action": strings.Replace(goodPolicy, `"s3express:CreateSession"`,
			`[["s3express:CreateSession"]]`, 1),
		"an effect twice":              strings.Replace(goodPolicy, `"Effect":`, `"Effect":"Deny","Effect":`, 1),
		"an effect in other letters":   strings.Replace(goodPolicy, `"Effect":`, `"effect":`, 1),
		"a principal in other letters": strings.Replace(goodPolicy, `"AWS":`, `"aws":`, 1),
		"a condition key twice": strings.Replace(goodPolicy, `"s3express:SessionMode":`,
			`"S3EXPRESS:sessionmode":"ReadWrite","s3express:SessionMode":`, 1),
		"an operator twice": strings.Replace(goodPolicy, `"StringEquals":`,
			`"StringEquals":{"aws:username":"x"},"StringEquals":`, 1),
		"an operator without keys": strings.Replace(goodPolicy, `"StringEquals":`, `"Bool":{},"StringEquals":`, 1),
		"a null condition": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*",` +
			`"Action":"s3express:CreateSession","Resource":"` + bucketARN + `","Condition":null}}`,
		"lists in lists":         `{"Version":"2012-10-17","Statement":[[[[[[[]]]]]]]}`,
		"text behind the policy": goodPolicy + "{}",
		"a null resource":        strings.Replace(goodPolicy, `"`+bucketARN+`"`, "null", 1),
	} {
		t.Run(name, func(t *testing.T) {
			p, refusal := policy.ParseBucketPolicy([]byte(document), policy.Directory, bucketARN)
			if refusal == nil || refusal.Code != "MalformedPolicy" || p != nil {
				t.Errorf("got %v, %v", p, refusal)
			}
		})
	}
}

// What a request never has a value for isn't asked for: a Deny under it would never deny.
func TestConditionsOnWhatNoRequestHasAreRefused(t *testing.T) {
	for key, known := range map[string]bool{
		"s3express:SessionMode": true, "S3EXPRESS:sessionmode": true, "aws:SourceIp": true, "s3:x-amz-acl": true,
		"s3:if-none-match": true, "s3express:BucketTag/Team": true,
		"aws:SourceIpp": false, "aws:SourceVpce": false, "s3:x-amz-acll": false, "s3:ExistingObjectTag/class": false,
		"s3express:BucketTag/": false, "sourceip": false, "": false,
	} {
		document := strings.Replace(goodPolicy, "s3express:SessionMode", key, 1)
		_, refusal := policy.ParseBucketPolicy([]byte(document), policy.Directory, bucketARN)
		switch {
		case known && refusal != nil:
			t.Errorf("%s: %v", key, refusal)
		case !known && (refusal == nil || !strings.HasPrefix(refusal.Message, "Policy has an invalid condition key") ||
			key != "" && refusal.Elements[0].Value != key):
			t.Errorf("%s: %+v", key, refusal)
		}
		_, err := policy.Compile([]policy.Statement{under(deny("*", "*"), "StringEquals", key, "x")})
		if (err == nil) != known {
			t.Errorf("%s in an identity's policy: %v", key, err)
		}
	}
	_, refusal := policy.ParseBucketPolicy([]byte(strings.Replace(goodPolicy, "StringEquals", "StringIs", 1)),
		policy.Directory, bucketARN)
	if refusal == nil || refusal.Message != "Invalid Condition type : StringIs" {
		t.Errorf("%+v", refusal)
	}
}

func TestPoliciesOfGeneralPurposeBucketsNameActionsOfS3(t *testing.T) {
	const arn = "arn:aws:s3:::plain"
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":["s3:GetObject",` +
		`"s3:PutObject"],"Resource":"` + arn + `/public/*"}}`
	p, refusal := policy.ParseBucketPolicy([]byte(document), policy.General, arn)
	if refusal != nil {
		t.Fatal(refusal)
	}
	target := policy.Target{Kind: policy.General, BucketARN: arn, Key: "public/x", BucketPolicy: p}
	if refusal := policy.Authorize(policy.GetObject, request(policy.GetObject, "plain", ""), caller(t), &target,
		0); refusal != nil {
		t.Error(refusal)
	}
	target.Key = "private/x"
	if refusal := policy.Authorize(policy.GetObject, request(policy.GetObject, "plain", ""), caller(t), &target,
		0); refusal == nil {
		t.Error("another key is permitted")
	}
	if _, refusal := policy.ParseBucketPolicy([]byte(strings.Replace(document, "plain", "plainer", 1)), policy.General,
		arn); refusal == nil {
		t.Error("the resource of another bucket is accepted")
	}
}

// A bucket policy that denies everything doesn't lock out those who may change it, and can't lend a KMS key.
func TestBucketPoliciesHaveNoSayAboutThemselvesOrKeys(t *testing.T) {
	document := `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::plain"}]}`
	p, refusal := policy.ParseBucketPolicy([]byte(document), policy.General, "arn:aws:s3:::plain")
	if refusal != nil {
		t.Fatal(refusal)
	}
	target := policy.Target{Kind: policy.General, BucketARN: "arn:aws:s3:::plain", BucketPolicy: p}
	for op, want := range map[policy.Operation]bool{
		policy.PutBucketPolicy: true, policy.GetBucketPolicy: true, policy.DeleteBucketPolicy: true,
		policy.GetBucketPolicyStatus: false, policy.DeleteBucket: false,
	} {
		if got := policy.Authorize(op, request(op, "plain", ""), caller(t, allow("*", "*")), &target,
			0) == nil; got != want {
			t.Errorf("%v: %v", op, got)
		}
	}
	open := strings.Replace(strings.Replace(document, "Deny", "Allow", 1), `plain"`, `plain/*"`, 1)
	if p, refusal = policy.ParseBucketPolicy([]byte(open), policy.General, "arn:aws:s3:::plain"); refusal != nil {
		t.Fatal(refusal)
	}
	target = policy.Target{
		Kind: policy.General, BucketARN: "arn:aws:s3:::plain", Key: "k", KeyARN: keyK, BucketPolicy: p,
	}
	get := request(policy.GetObject, "plain", "")
	if policy.Authorize(policy.GetObject, get, caller(t), &target, 0) == nil {
		t.Error("a bucket policy stands in for the permission on a KMS key")
	}
	if refusal := policy.Authorize(policy.GetObject, get, caller(t, allow("kms:Decrypt", keyK)), &target,
		0); refusal != nil {
		t.Error(refusal)
	}
	// The key alone, for what a session stores under another key than its own.
	target.Kind = policy.Directory
	for actions, want := range map[string]bool{
		"kms:Decrypt kms:GenerateDataKey": true, "kms:Decrypt": false, "s3express:*": false,
	} {
		if got := policy.AuthorizeKey(policy.GetObject, get, caller(t, allow(actions, "*")),
			&target) == nil; got != want {
			t.Errorf("%s: %v", actions, got)
		}
	}
	target.KeyARN = ""
	if refusal := policy.AuthorizeKey(policy.GetObject, get, caller(t), &target); refusal != nil {
		t.Error(refusal)
	}
}

func TestListsInPoliciesThatBreakOff(t *testing.T) {
	for _, action := range []string{
		`["s3express:CreateSession",]`, `["s3express:CreateSession" "x"]`, `"\x"`, `["\ud800\x"]`,
	} {
		document := strings.Replace(goodPolicy, `"s3express:CreateSession"`, action, 1)
		if _, refusal := policy.ParseBucketPolicy([]byte(document), policy.Directory, bucketARN); refusal == nil ||
			refusal.Code != "MalformedPolicy" {
			t.Errorf("%s: %v", action, refusal)
		}
	}
}
