package keyservice_test

import (
	"strings"
	"testing"
)

// A policy is enforced whole, or refused.
func TestKeyPolicies(t *testing.T) { keyPolicies(t, embedded) }

func keyPolicies(t *testing.T, p place) {
	o := p.options(t)
	url := serve(t, open(t, o))
	id, arn := made(t, url, `{}`)
	put := func(policy, more string) (failure, message string) {
		_, failure, answer := call(t, url, "PutKeyPolicy", `{"KeyId":"`+id+`","Policy":`+quoted(policy)+more+`}`)
		message, _ = answer["message"].(string)
		return failure, message
	}
	generate := func(url, context string) string {
		_, failure, answer := call(t, url, "GenerateDataKey", `{"KeyId":"`+id+
			`","KeySpec":"AES_256","EncryptionContext":`+context+`}`)
		if failure == "AccessDeniedException" &&
			!strings.Contains(answer["message"].(string),
				"is not authorized to perform: kms:GenerateDataKey on resource: "+arn) {
			t.Errorf("%v", answer)
		}
		return failure
	}
	const bucket = `{"aws:s3express:arn":"arn:aws:s3express:us-west-2:123456789012:bucket/b"}`
	const me, other = `{"AWS":"arn:aws:iam::123456789012:user/` + accessKey + `"}`,
		`{"AWS":"arn:aws:iam::123456789012:user/SOMEBODY"}`
	const denied = "AccessDeniedException"
	for _, c := range []struct{ name, principal, action, more, want string }{
		{
			"the account's root stands for its users", `{"AWS":"arn:aws:iam::123456789012:root"}`,
			"kms:GenerateDataKey", "", "",
		},
		{"the account's number too", `{"AWS":"123456789012"}`, "kms:*", "", ""},
		{"everybody", `"*"`, "kms:GenerateDataKey*", "", ""},
		{"everybody in a map", `{"AWS":"*"}`, "*", "", ""},
		{"the caller", me, "KMS:generatedatakey", "", ""},
		{"another user", other, "kms:*", "", denied},
		{"another account", `{"AWS":["210987654321","arn:aws:iam::210987654321:root"]}`, "kms:*", "", denied},
		{
			"a role of the user's name", `{"AWS":"arn:aws:iam::123456789012:role/` + accessKey + `"}`,
			"kms:*", "", denied,
		},
		{"another action", me, "kms:Decrypt", "", denied},
		{"a longer action", me, "kms:GenerateDataKeyWithoutPlaintext", "", denied},
		{"a pattern of one character", me, "kms:GenerateDataKe?", "", ""},
		{
			"its context", me, "kms:*",
			`,"Condition":{"StringEquals":{"kms:EncryptionContext:aws:s3express:arn":"arn:aws:s3express:us-west-2:123456789012:bucket/b"}}`, "",
		},
		{
			"one of several contexts", me, "kms:*",
			`,"Condition":{"StringEquals":{"kms:EncryptionContext:aws:s3express:arn":["x",` +
				`"arn:aws:s3express:us-west-2:123456789012:bucket/b"]}}`, "",
		},
		{
			"a like context", me, "kms:*",
			`,"Condition":{"StringLike":{"kms:EncryptionContext:aws:s3express:arn":"arn:aws:s3express:*:bucket/?"}}`,
			"",
		},
		{
			"StringEquals knows no pattern", me, "kms:*",
			`,"Condition":{"StringEquals":{"kms:EncryptionContext:aws:s3express:arn":"arn:aws:s3express:*"}}`, denied,
		},
		{
			"another context", me, "kms:*",
			`,"Condition":{"StringEquals":{"kms:EncryptionContext:aws:s3express:arn":"arn:aws:s3express:us-west-2:123456789012:bucket/c"}}`, denied,
		},
		{
			"a context that isn't there", me, "kms:*",
			`,"Condition":{"StringLike":{"kms:EncryptionContext:department":"*"}}`, denied,
		},
		{
			"both conditions must hold", me, "kms:*",
			`,"Condition":{"StringEquals":{"kms:CallerAccount":"123456789012"},` +
				`"StringLike":{"kms:EncryptionContext:aws:s3express:arn":"x*"}}`, denied,
		},
		{
			"the caller's account", `"*"`, "kms:*",
			`,"Condition":{"StringEquals":{"kms:CallerAccount":"123456789012"}}`, "",
		},
		{
			"another caller's account", `"*"`, "kms:*",
			`,"Condition":{"StringEquals":{"kms:CallerAccount":"210987654321"}}`, denied,
		},
		{
			"deny wins", `"*"`, "kms:*",
			`},{"Effect":"Deny","Principal":"*","Action":"kms:GenerateDataKey","Resource":"*"`, denied,
		},
		{
			"deny of another action", `"*"`, "kms:*",
			`},{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"`, "",
		},
		{
			"deny that doesn't concern the caller", `"*"`, "kms:*", `},{"Effect":"Deny","Principal":` + other +
				`,"Action":"kms:*","Resource":"*"`, "",
		},
	} {
		if failure, message := put(policyText(c.principal, c.action, c.more), ""); failure != "" {
			t.Fatalf("%s: %s %s", c.name, failure, message)
		}
		if got := generate(url, bucket); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := generate(serve(t, open(t, o)), bucket); got != c.want {
			t.Errorf("%s, after a restart: %q, want %q", c.name, got, c.want)
		}
	}
	last := policyText(me, "kms:*", "")
	if failure, message := put(last, ""); failure != "" {
		t.Fatal(failure, message)
	}
	statement := func(text string) string { return `{"Statement":` + text + `}` }
	for _, bad := range []string{
		`x`, `[]`, `{}`, `{"Statement":[]}`, last + "{}", `{"Version":"2020-01-01",` + last[1:], `{"statement":[]}`,
		`{"Statement":[],"Statement":[]}`,
		statement(`{"Effect":"Allow","Principal":"*","Action":"kms:*"}`),
		statement(`{"Effect":"Allow","Principal":"*","Resource":"*"}`),
		statement(`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`),
		statement(`{"Principal":"*","Action":"kms:*","Resource":"*"}`),
		statement(`{"Effect":"allow","Principal":"*","Action":"kms:*","Resource":"*"}`),
		statement(`{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}`),
		statement(`{"Effect":"Allow","Principal":"*","Action":[],"Resource":"*"}`),
		statement(`{"Effect":"Allow","Principal":"*","NotAction":"kms:Decrypt","Resource":"*"}`),
		statement(`{"Effect":"Allow","NotPrincipal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}`),
		statement(`{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"kms:*","Resource":"*"}`),
		statement(
			`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/*"},"Action":"kms:*",` +
				`"Resource":"*"}`),
		statement(`{"Effect":"Allow","Principal":"123456789012","Action":"kms:*","Resource":"*"}`),
		statement(`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"` + arn + `"}`),
		statement(
			`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*",` +
				`"Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}`),
		statement(
			`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*",` +
				`"Condition":{"StringEquals":{"kms:ViaService":"s3.us-west-2.amazonaws.com"}}}`),
		statement(
			`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*",` +
				`"Condition":{"StringEquals":{"kms:CallerAccount":[]}}}`),
		statement(
			`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*",` +
				`"Condition":{"StringEquals":{"kms:CallerAccount":"1","kms:CallerAccount":"123456789012"}}}`),
		statement(`{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*"}`), // locks its author out
	} {
		if failure, message := put(bad, ""); failure != "MalformedPolicyDocumentException" {
			t.Errorf("%s: %q %s", bad, failure, message)
		}
		if _, failure, _ := call(t, url, "CreateKey", `{"Policy":`+quoted(bad)+`}`); failure !=
			"MalformedPolicyDocumentException" {
			t.Errorf("CreateKey with %s: %q", bad, failure)
		}
	}
	if _, _, answer := call(t, url, "GetKeyPolicy", `{"KeyId":"`+id+`"}`); answer["Policy"] != last ||
		answer["PolicyName"] != "default" {
		t.Errorf("GetKeyPolicy: %v", answer)
	}
	if _, _, answer := call(t, url, "ListKeyPolicies",
		`{"KeyId":"`+id+`"}`); answer["PolicyNames"].([]any)[0] != "default" {
		t.Errorf("ListKeyPolicies: %v", answer)
	}
	for body, want := range map[string]string{
		`{"KeyId":"` + id + `","PolicyName":"other","Policy":"{}"}`:                      "NotFoundException",
		`{"KeyId":"` + id + `"}`:                                                         "ValidationException",
		`{"KeyId":"00000000-0000-4000-8000-000000000000","Policy":` + quoted(last) + `}`: "NotFoundException",
		`{"KeyId":"` + id + `","Policy":"` + strings.Repeat(" ", 33<<10) + `"}`:          "LimitExceededException",
	} {
		if _, failure, _ := call(t, url, "PutKeyPolicy", body); failure != want {
			t.Errorf("PutKeyPolicy %.90s: %q, want %q", body, failure, want)
		}
	}
	// Whoever bypasses the check can lock everybody out.
	if failure, message := put(statement(`{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*"}`),
		`,"BypassPolicyLockoutSafetyCheck":true`); failure != "" {
		t.Fatal(failure, message)
	}
	for _, action := range []string{"GetKeyPolicy", "DescribeKey", "DisableKey", "ScheduleKeyDeletion"} {
		if _, failure, _ := call(t, url, action, `{"KeyId":"`+id+`"}`); failure != denied {
			t.Errorf("%s after the lock-out: %q", action, failure)
		}
	}
	if failure, _ := put(last, ""); failure != denied {
		t.Errorf("PutKeyPolicy after the lock-out: %q", failure)
	}
}

func TestAliasesGoAway(t *testing.T) { aliasesGoAway(t, embedded) }

func aliasesGoAway(t *testing.T, p place) {
	url := serve(t, open(t, p.options(t)))
	id, arn := made(t, url, `{}`)
	if _, failure, _ := call(t, url, "CreateAlias", `{"AliasName":"alias/mine","TargetKeyId":"`+id+
		`"}`); failure != "" {
		t.Fatal(failure)
	}
	if m := describe(t, url, "alias/mine"); m["Arn"] != arn {
		t.Errorf("%v", m)
	}
	for _, want := range []string{"", "NotFoundException"} {
		if _, failure, _ := call(t, url, "DeleteAlias", `{"AliasName":"alias/mine"}`); failure != want {
			t.Errorf("DeleteAlias: %q, want %q", failure, want)
		}
	}
	if _, failure, _ := call(t, url, "DescribeKey", `{"KeyId":"alias/mine"}`); failure != "NotFoundException" {
		t.Errorf("afterwards: %q", failure)
	}
}
