package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func idOf(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// otherAccount makes keyservice put a key into another account.
var otherAccount = []types.Tag{{TagKey: aws.String("sealfront:account"), TagValue: aws.String("210987654321")}}

// keyPolicy lets its own account administer the key, and everybody of the configured account do actions.
func keyPolicy(actions, condition string) *string {
	return aws.String(`{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::210987654321:root","123456789012"]},"Action":["kms:PutKeyPolicy","kms:DescribeKey"],"Resource":"*"},` +
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":[` + actions +
		`],"Resource":"*"` + condition + `}]}`)
}

// Section 2.4: which KMS keys a directory bucket takes, and section 5.4: what comes of the others. Nothing changes when
// a key is refused.
func TestKeysThatADirectoryBucketTakes(t *testing.T) {
	t.Parallel()
	k := proxytest.NewFaultyKMS(t)
	p := k.Start(t, t.TempDir(), "")
	const both = `"kms:GenerateDataKey","kms:Decrypt"`
	boundTo := func(bucket string) string {
		return `,"Condition":{"StringEquals":{"kms:EncryptionContext:aws:s3express:arn":"arn:aws:s3express:us-west-2:123456789012:bucket/` + bucket + `--local-az1--x-s3"}}`
	}
	own, disabled, deleted := k.MakeKey(t), k.MakeKey(t), k.MakeKey(t)
	if _, err := k.CreateAlias(t.Context(),
		&kms.CreateAliasInput{AliasName: aws.String("alias/mine"), TargetKeyId: &own}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &disabled}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &deleted}); err != nil {
		t.Fatal(err)
	}
	managed, err := k.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/s3")})
	if err != nil {
		t.Fatal(err)
	}
	const notFound, usage, state = "KMS.NotFoundException", "KMS.InvalidKeyUsageException",
		"KMS.KMSInvalidStateException"
	cases := []struct {
		name, key, code string // no code: taken
	}{
		{"PBE-2 by ARN", k.MakeKey(t), ""},
		{"PBE-2 by id", idOf(k.MakeKey(t)), ""},
		{"KS-1 a multi-Region key", k.MakeKeyAs(t, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)}), ""},
		{"PBE-7 aws/s3", "aws/s3", notFound},
		{"PBE-7 alias/aws/s3", "alias/aws/s3", notFound},
		{"PBE-7 the key of alias/aws/s3", *managed.KeyMetadata.Arn, "InvalidArgument"},
		{"PBE-8 an alias", "alias/mine", "InvalidArgument"},
		{"PBE-8 an alias ARN", "arn:aws:kms:us-west-2:123456789012:alias/mine", "InvalidArgument"},
		{
			"PBE-9 another account's key by id",
			idOf(k.MakeKeyAs(t, &kms.CreateKeyInput{Tags: otherAccount, Policy: keyPolicy(both, "")})), notFound,
		},
		{
			"PBE-10 another account's key, permitted",
			k.MakeKeyAs(t, &kms.CreateKeyInput{Tags: otherAccount, Policy: keyPolicy(both, "")}), "",
		},
		{
			"PBE-11 another account's key, not permitted", k.MakeKeyAs(t, &kms.CreateKeyInput{Tags: otherAccount}),
			"AccessDenied",
		},
		{
			"PBE-11 another account's key, permitted by half",
			k.MakeKeyAs(t, &kms.CreateKeyInput{Tags: otherAccount, Policy: keyPolicy(`"kms:GenerateDataKey"`, "")}),
			"AccessDenied",
		},
		{"PBE-12 a key of another Region", strings.Replace(own, "us-west-2", "eu-west-1", 1), notFound},
		{"PBE-13 no key", "arn:aws:kms:us-west-2:123456789012:key/00000000-0000-4000-8000-000000000000", notFound},
		{"PBE-13 no id", "00000000-0000-4000-8000-000000000000", notFound},
		{"PBE-14 RSA for encryption", k.MakeKeyAs(t,
			&kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeEncryptDecrypt}), usage},
		{"PBE-14 RSA for signatures", k.MakeKeyAs(t,
			&kms.CreateKeyInput{KeySpec: types.KeySpecRsa4096, KeyUsage: types.KeyUsageTypeSignVerify}), usage},
		{"PBE-14 an elliptic curve", k.MakeKeyAs(t,
			&kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeKeyAgreement}), usage},
		{"PBE-14 HMAC", k.MakeKeyAs(t,
			&kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac}), usage},
		{"PBE-15 a disabled key", disabled, "KMS.DisabledException"},
		{"PBE-16 a key pending deletion", deleted, state},
		{"PBE-16 a key pending import", k.MakeKeyAs(t, &kms.CreateKeyInput{Origin: types.OriginTypeExternal}), state},
		{
			"5.2 a key for this bucket's context",
			k.MakeKeyAs(t, &kms.CreateKeyInput{Policy: keyPolicy(both, boundTo("keys-23"))}), "",
		},
		{
			"5.2 a key for another bucket's context",
			k.MakeKeyAs(t, &kms.CreateKeyInput{Policy: keyPolicy(both, boundTo("keys-0"))}), "AccessDenied",
		},
	}
	for i, c := range cases {
		bucket := fmt.Sprintf("keys-%d--local-az1--x-s3", i+1)
		t.Run(c.name, func(t *testing.T) {
			b := &proxytest.KMSBucket{P: p.ForTest(t), Name: bucket, Key: c.key}
			b.Must(&proxytest.Request{
				Method: "PUT", Path: "/" + bucket, Service: "s3express",
				Body: proxytest.DirectoryBucketDocument,
			})
			a := b.P.Do(b.Encryption())
			now := b.Must(&proxytest.Request{
				Method: "GET", Path: "/" + bucket, Query: "encryption=",
				Service: "s3express",
			}).Text
			if c.code != "" {
				want := 400
				if c.code == "AccessDenied" {
					want = 403
				}
				if a.StatusCode != want || a.Code() != c.code || proxytest.Element(now, "SSEAlgorithm") != "AES256" {
					t.Errorf("%d %s, and the bucket has %s; want %d %s and no change", a.StatusCode, a.Text, now, want,
						c.code)
				}
				return
			}
			if a.StatusCode != 200 || proxytest.Element(now, "KMSMasterKeyID") != c.key {
				t.Fatalf("%d %s, and the bucket has %s", a.StatusCode, a.Text, now)
			}
			if a := b.Must(&proxytest.Request{
				Method: "PUT", Path: b.Path("object"),
				Body: "body",
			}); idOf(a.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")) != idOf(c.key) {
				t.Errorf("PUT under %q", a.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
			}
			b.P.DropKeys("")
			if a := b.Must(&proxytest.Request{Method: "GET", Path: b.Path("object")}); a.Text != "body" {
				t.Errorf("GET gave %q", a.Text)
			}
		})
	}
}

// KE-5: whose key policy no longer lets the proxy in is shut out, with what was sealed before.
func TestAKeyPolicyThatChanges(t *testing.T) {
	t.Parallel()
	k := proxytest.NewFaultyKMS(t)
	p := k.Start(t, t.TempDir(), "")
	key := k.MakeKeyAs(t, &kms.CreateKeyInput{Tags: otherAccount, Policy: keyPolicy(`"kms:*"`, "")})
	b := proxytest.NewKMSBucket(p, "policy--local-az1--x-s3", key)
	b.Must(&proxytest.Request{Method: "PUT", Path: b.Path("object"), Body: "body"})
	allow := func(actions string) {
		t.Helper()
		if _, err := k.PutKeyPolicy(t.Context(),
			&kms.PutKeyPolicyInput{KeyId: &key, Policy: keyPolicy(actions, "")}); err != nil {
			t.Fatal(err)
		}
		p.DropKeys("")
	}
	for _, c := range []struct {
		actions  string
		put, get int
	}{
		{`"kms:Encrypt"`, 403, 403},
		{`"kms:GenerateDataKey"`, 200, 403},
		{`"kms:Decrypt"`, 403, 200},
		{`"kms:GenerateDataKey","kms:Decrypt"`, 200, 200},
	} {
		allow(c.actions)
		put, get := p.Do(&proxytest.Request{Method: "PUT", Path: b.Path("other"), Body: "body"}),
			p.Do(&proxytest.Request{Method: "GET", Path: b.Path("object")})
		if put.StatusCode != c.put || get.StatusCode != c.get {
			t.Errorf("%s: PUT %d, GET %d, want %d and %d", c.actions, put.StatusCode, get.StatusCode, c.put, c.get)
		}
		for _, a := range []*proxytest.Answer{put, get} {
			if a.StatusCode == 403 && (a.Code() != "AccessDenied" ||
				proxytest.Element(a.Text, "Message") != "Access Denied" || p.RowOf(a) != "KE-5") {
				t.Errorf("%s: %s", c.actions, a.Text)
			}
		}
	}
}
