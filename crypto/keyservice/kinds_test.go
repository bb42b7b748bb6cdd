package keyservice_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// describe returns what DescribeKey says of a key.
func describe(t *testing.T, url, key string) map[string]any {
	t.Helper()
	_, failure, answer := call(t, url, "DescribeKey", `{"KeyId":"`+key+`"}`)
	if failure != "" {
		t.Fatalf("DescribeKey %s: %v", key, answer)
	}
	return answer["KeyMetadata"].(map[string]any)
}

// Every kind of key that KMS makes exists, is described as KMS describes it, and only symmetric ones make data keys;
// all that stays after a restart.
func TestKindsOfKeys(t *testing.T) { kindsOfKeys(t, embedded) }

func kindsOfKeys(t *testing.T, p place) {
	o := p.options(t)
	url := serve(t, open(t, o))
	type kind struct{ name, input, algorithms, use string }
	kinds := []kind{
		{"symmetric", `{}`, `"EncryptionAlgorithms":["SYMMETRIC_DEFAULT"]`, ""},
		{"multi-Region", `{"MultiRegion":true}`, `"MultiRegionKeyType":"PRIMARY"`, ""},
		{
			"RSA for encryption", `{"KeySpec":"RSA_3072","KeyUsage":"ENCRYPT_DECRYPT"}`,
			`"EncryptionAlgorithms":["RSAES_OAEP_SHA_1","RSAES_OAEP_SHA_256"]`, "InvalidKeyUsageException",
		},
		{
			"RSA for signatures", `{"KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY"}`, `"RSASSA_PSS_SHA_512"`,
			"InvalidKeyUsageException",
		},
		{
			"P-256", `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}`, `"SigningAlgorithms":["ECDSA_SHA_256"]`,
			"InvalidKeyUsageException",
		},
		{
			"P-384", `{"KeySpec":"ECC_NIST_P384","KeyUsage":"SIGN_VERIFY"}`, `"SigningAlgorithms":["ECDSA_SHA_384"]`,
			"InvalidKeyUsageException",
		},
		{
			"P-521", `{"KeySpec":"ECC_NIST_P521","KeyUsage":"SIGN_VERIFY"}`, `"SigningAlgorithms":["ECDSA_SHA_512"]`,
			"InvalidKeyUsageException",
		},
		{
			"secp256k1", `{"KeySpec":"ECC_SECG_P256K1","KeyUsage":"SIGN_VERIFY"}`,
			`"SigningAlgorithms":["ECDSA_SHA_256"]`, "InvalidKeyUsageException",
		},
		{
			"key agreement", `{"KeySpec":"ECC_NIST_P256","KeyUsage":"KEY_AGREEMENT"}`,
			`"KeyAgreementAlgorithms":["ECDH"]`, "InvalidKeyUsageException",
		},
		{
			"HMAC", `{"KeySpec":"HMAC_384","KeyUsage":"GENERATE_VERIFY_MAC"}`, `"MacAlgorithms":["HMAC_SHA_384"]`,
			"InvalidKeyUsageException",
		},
		{"pending import", `{"Origin":"EXTERNAL"}`, `"KeyState":"PendingImport"`, "KMSInvalidStateException"},
		{
			"of another account", `{"Tags":[{"TagKey":"sealfront:account","TagValue":"210987654321"}]}`, "",
			"AccessDeniedException",
		},
	}
	arns := make([]string, len(kinds))
	if o.Dir == "" { // keys of other accounts are the folder's alone
		kinds = kinds[:len(kinds)-1]
	}
	check := func(t *testing.T, url string) {
		for i, k := range kinds {
			if k.algorithms != "" {
				text, err := json.Marshal(describe(t, url, arns[i]))
				if err != nil || !strings.Contains(string(text), k.algorithms) {
					t.Errorf("%s: %s is without %s", k.name, text, k.algorithms)
				}
			}
			if _, failure, answer := call(t, url, "GenerateDataKey", `{"KeyId":"`+arns[i]+
				`","KeySpec":"AES_256"}`); failure != k.use {
				t.Errorf("%s: GenerateDataKey: %q %v, want %q", k.name, failure, answer, k.use)
			}
		}
	}
	for i, k := range kinds {
		_, arns[i] = made(t, url, k.input)
	}
	check(t, url)
	check(t, serve(t, open(t, o)))
	if _, failure, answer := call(t, url, "Decrypt", `{"KeyId":"`+arns[9]+
		`","CiphertextBlob":"AAAA"}`); failure != "InvalidKeyUsageException" {
		t.Errorf("Decrypt with an HMAC key: %v", answer)
	}
}

func TestAKeyPendingImportStaysSo(t *testing.T) { aKeyPendingImportStaysSo(t, embedded) }

func aKeyPendingImportStaysSo(t *testing.T, p place) {
	url := serve(t, open(t, p.options(t)))
	id, arn := made(t, url, `{"Origin":"EXTERNAL"}`)
	for _, action := range []string{"EnableKey", "DisableKey"} {
		if _, failure, answer := call(t, url, action, `{"KeyId":"`+id+`"}`); failure != "KMSInvalidStateException" ||
			answer["message"] != arn+" is pending import." {
			t.Errorf("%s: %v", action, answer)
		}
	}
	for _, step := range []struct{ action, state string }{
		{"ScheduleKeyDeletion", "PendingDeletion"}, {"CancelKeyDeletion", "PendingImport"},
	} {
		if _, failure, answer := call(t, url, step.action, `{"KeyId":"`+id+`"}`); failure != "" {
			t.Fatal(answer)
		}
		if m := describe(t, url, id); m["KeyState"] != step.state || m["Origin"] != "EXTERNAL" ||
			m["Enabled"] != false {
			t.Errorf("after %s: %v", step.action, m)
		}
	}
}

// alias/aws/s3 comes to be when it is described; nobody but S3 could use it, and nobody changes it.
func TestTheKeyThatAWSManages(t *testing.T) { theKeyThatAWSManages(t, embedded) }

func theKeyThatAWSManages(t *testing.T, p place) {
	o := p.options(t)
	url := serve(t, open(t, o))
	if _, failure, _ := call(t, url, "GenerateDataKey",
		`{"KeyId":"alias/aws/s3","KeySpec":"AES_256"}`); failure != "NotFoundException" {
		t.Errorf("before it is described: %s", failure)
	}
	m := describe(t, url, "alias/aws/s3")
	arn := m["Arn"].(string)
	if m["KeyManager"] != "AWS" || m["KeyState"] != "Enabled" || m["KeySpec"] != "SYMMETRIC_DEFAULT" {
		t.Errorf("%v", m)
	}
	again := serve(t, open(t, o))
	for _, name := range []string{"alias/aws/s3", "arn:aws:kms:us-west-2:123456789012:alias/aws/s3", arn} {
		if other := describe(t, again, name); other["Arn"] != arn || other["KeyManager"] != "AWS" {
			t.Errorf("%s after a restart: %v", name, other)
		}
	}
	for action, rest := range map[string]string{
		"GenerateDataKey": `,"KeySpec":"AES_256"`, "Encrypt": `,"Plaintext":"AAAA"`, "DisableKey": "",
		"ScheduleKeyDeletion": "",
		"PutKeyPolicy":        `,"Policy":` + quoted(policyText(`"*"`, "kms:*", "")),
	} {
		if _, failure, answer := call(t, url, action, `{"KeyId":"`+arn+`"`+rest+
			`}`); failure != "AccessDeniedException" {
			t.Errorf("%s: %v", action, answer)
		}
	}
	if _, failure, answer := call(t, url, "DescribeKey", `{"KeyId":"aws/s3"}`); failure != "NotFoundException" ||
		answer["message"] != "Invalid keyId 'aws/s3'" {
		t.Errorf("aws/s3: %v", answer)
	}
}

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// policyText is a policy that leaves administration with the account and adds a statement.
func policyText(principal, action, more string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[`+
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":["kms:Put*","kms:Get*",`+
		`"kms:Disable*","kms:Enable*"],"Resource":"*"},`+
		`{"Effect":"Allow","Principal":%s,"Action":%q,"Resource":"*"%s}]}`, principal, action, more)
}

// Keys of another account are named by their ARN, and used as their policy says.
func TestKeysOfOtherAccounts(t *testing.T) {
	url := serve(t, open(t, options(t.TempDir())))
	const tags = `"Tags":[{"TagKey":"sealfront:account","TagValue":"210987654321"}]`
	id, arn := made(t, url, `{`+tags+`}`)
	if arn != "arn:aws:kms:us-west-2:210987654321:key/"+id {
		t.Fatal(arn)
	}
	if _, failure, _ := call(t, url, "DescribeKey", `{"KeyId":"`+id+`"}`); failure != "NotFoundException" {
		t.Errorf("by its id: %q", failure)
	}
	if _, failure, _ := call(t, url, "CreateAlias", `{"AliasName":"alias/theirs","TargetKeyId":"`+arn+
		`"}`); failure != "NotFoundException" {
		t.Errorf("an alias: %q", failure)
	}
	if _, _, answer := call(t, url, "ListKeys", `{}`); len(answer["Keys"].([]any)) != 0 {
		t.Errorf("listed: %v", answer)
	}
	data := func(want string) (blob string) {
		t.Helper()
		_, failure, answer := call(t, url, "GenerateDataKey", `{"KeyId":"`+arn+`","KeySpec":"AES_256"}`)
		if failure != want {
			t.Fatalf("%v, want %q", answer, want)
		}
		blob, _ = answer["CiphertextBlob"].(string)
		return blob
	}
	put := func(policy string) {
		t.Helper()
		if _, failure, answer := call(t, url, "PutKeyPolicy", `{"KeyId":"`+arn+`","PolicyName":"default","Policy":`+
			quoted(policy)+`}`); failure != "" {
			t.Fatal(answer)
		}
	}
	data("AccessDeniedException")
	put(policyText(`{"AWS":["123456789012"]}`, "kms:GenerateDataKey", ""))
	blob := data("")
	if _, failure, _ := call(t, url, "Decrypt", `{"CiphertextBlob":"`+blob+`"}`); failure != "AccessDeniedException" {
		t.Errorf("Decrypt, which the policy doesn't allow: %q", failure)
	}
	put(policyText(`"*"`, "kms:*", ""))
	if _, failure, answer := call(t, url, "Decrypt", `{"CiphertextBlob":"`+blob+`"}`); failure != "" ||
		answer["KeyId"] != arn {
		t.Errorf("Decrypt: %v", answer)
	}
	if _, failure, _ := call(t, url, "DisableKey", `{"KeyId":"`+arn+`"}`); failure != "" {
		t.Errorf("DisableKey: %q", failure)
	}
	data("DisabledException")
	for _, tag := range []string{
		`"sealfront:account","TagValue":"1"`, `"sealfront:region","TagValue":"eu-west-1"`, `"aws:x","TagValue":"y"`,
	} {
		if _, failure, _ := call(t, url, "CreateKey", `{"Tags":[{"TagKey":`+tag+`}]}`); failure != "TagException" {
			t.Errorf("tag %s: %q", tag, failure)
		}
	}
}
