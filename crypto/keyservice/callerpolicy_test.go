package keyservice_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/crypto/keyservice"
)

// Callers have policies of their own: a key policy leaves it to them what the account may, a Deny of theirs wins, and a
// key policy that names a caller is enough.
func TestCallersPolicies(t *testing.T) { callersPolicies(t, embedded) }

func callersPolicies(t *testing.T, p place) {
	policies := map[string][]keyservice.Statement{
		accessKey: {{Effect: "Allow", Action: []string{"kms:*"}, Resource: []string{"*"}}},
		"user": {
			{Effect: "Allow", Action: []string{"kms:decrypt", "kms:GenerateDataKey*"}, Resource: []string{"*"}},
			{Effect: "Deny", Action: []string{"kms:Encrypt"}, Resource: []string{"*"}},
		},
		"named":  {},
		"denied": {{Effect: "Deny", Action: []string{"kms:*"}, Resource: []string{"*"}}},
	}
	o := p.options(t)
	o.Callers = func(id, _ string) (keyservice.Caller, bool) {
		statements, ok := policies[id]
		may, faults := keyservice.CompilePolicy(statements)
		if len(faults) > 0 {
			t.Error(faults)
		}
		return keyservice.Caller{Secret: secretKey, May: may}, ok
	}
	url, ctx := serve(t, open(t, o)), t.Context()
	as := func(name string) *kms.Client { return client(url, name, secretKey) }
	made, err := as(accessKey).CreateKey(ctx, &kms.CreateKeyInput{Policy: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::` + account + `:user/named","arn:aws:iam::` + account +
		`:user/denied"]},"Action":"kms:GenerateDataKey","Resource":"*"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	id := made.KeyMetadata.KeyId
	for name, want := range map[string]bool{accessKey: true, "user": true, "named": true, "denied": false} {
		if _, err := as(name).GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
			KeyId: id, NumberOfBytes: aws.Int32(32),
		}); (code(t, err) == "") != want || err != nil && code(t, err) != "AccessDeniedException" {
			t.Errorf("%s generates: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"encrypt": second(as("user").Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")})),
		"create":  second(as("user").CreateKey(ctx, &kms.CreateKeyInput{})),
		"list":    second(as("user").ListKeys(ctx, &kms.ListKeysInput{})),
		"aliases": second(as("named").ListAliases(ctx, &kms.ListAliasesInput{})),
		"random":  second(as("named").GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(8)})),
		"alias": second(as("user").CreateAlias(ctx, &kms.CreateAliasInput{
			AliasName: aws.String("alias/x"), TargetKeyId: id,
		})),
		"disable": second(as("user").DisableKey(ctx, &kms.DisableKeyInput{KeyId: id})),
	} {
		if code(t, err) != "AccessDeniedException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := as(accessKey).CreateKey(ctx, &kms.CreateKeyInput{}); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestFaultsOfCallersPolicies(t *testing.T) {
	_, faults := keyservice.CompilePolicy([]keyservice.Statement{
		{Effect: "allow", Action: []string{"kms:Sign", "s3:*"}, Resource: []string{"key/x"}}, {Effect: "Deny"},
	})
	if len(faults) != 6 ||
		!slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, "[1].action: ") }) {
		t.Errorf("got %q", faults)
	}
}
