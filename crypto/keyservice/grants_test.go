package keyservice_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealfront/crypto/keyservice"
)

func TestGrantsThatPermit(t *testing.T) { grantsThatPermit(t, embedded) }

func grantsThatPermit(t *testing.T, p place) {
	o := p.options(t)
	o.Callers = keyservice.Anyone(func(id string) (string, bool) {
		return secretKey, slices.Contains([]string{accessKey, "worker", "other", "retirer"}, id)
	})
	url, ctx := serve(t, open(t, o)), t.Context()
	admin, worker := client(url, accessKey, secretKey), client(url, "worker", secretKey)
	principal := func(name string) *string { return aws.String("arn:aws:iam::" + account + ":user/" + name) }
	only := func(statements string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + *principal(accessKey) +
			`"},"Action":"kms:*","Resource":"*"}` + statements + `]}`
	}
	made, err := admin.CreateKey(ctx, &kms.CreateKeyInput{Policy: aws.String(only(""))})
	if err != nil {
		t.Fatal(err)
	}
	id := made.KeyMetadata.KeyId
	use := func(c *kms.Client, context map[string]string) string {
		_, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
			KeyId: id, KeySpec: "AES_256", EncryptionContext: context,
		})
		return code(t, err)
	}
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	want("without a grant", use(worker, nil), "AccessDeniedException")
	grants := 0
	give := func(constraints *types.GrantConstraints, operations ...types.GrantOperation) *kms.CreateGrantOutput {
		t.Helper()
		grants++
		out, err := admin.CreateGrant(ctx, &kms.CreateGrantInput{
			KeyId: id, GranteePrincipal: principal("worker"), RetiringPrincipal: principal("retirer"),
			Operations: operations, Constraints: constraints,
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	end := func(g *kms.CreateGrantOutput) {
		t.Helper()
		if _, err := admin.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: id, GrantId: g.GrantId}); err != nil {
			t.Fatal(err)
		}
	}
	two := map[string]string{"a": "b", "c": "d"}

	g := give(nil, "GenerateDataKey")
	want("with a grant", use(worker, two), "")
	want("another operation", codeOfDescribe(t, worker, id), "AccessDeniedException")
	want("another principal", use(client(url, "other", secretKey), nil), "AccessDeniedException")
	if _, err := admin.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{
		KeyId: id, Policy: aws.String(only(`,{"Effect":"Deny","Principal":{"AWS":"` + *principal("worker") +
			`"},"Action":"kms:Generate*","Resource":"*"}`)),
	}); err != nil {
		t.Fatal(err)
	}
	want("where the policy denies", use(worker, two), "AccessDeniedException")
	if _, err := admin.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: id, Policy: aws.String(only(""))}); err != nil {
		t.Fatal(err)
	}
	end(g)
	want("after it was revoked", use(worker, two), "AccessDeniedException")

	g = give(&types.GrantConstraints{EncryptionContextEquals: map[string]string{"a": "b"}}, "GenerateDataKey",
		"DescribeKey")
	want("the very context", use(worker, map[string]string{"a": "b"}), "")
	want("more than the context", use(worker, two), "AccessDeniedException")
	want("no context", use(worker, nil), "AccessDeniedException")
	want("an operation without a context", codeOfDescribe(t, worker, id), "")
	end(g)
	g = give(&types.GrantConstraints{EncryptionContextSubset: map[string]string{"a": "b"}}, "GenerateDataKey")
	want("more than the subset", use(worker, two), "")
	want("another value", use(worker, map[string]string{"a": "c"}), "AccessDeniedException")
	end(g)

	// What is handed on is no more than what was given.
	hand := func(constraints *types.GrantConstraints, operations ...types.GrantOperation) string {
		_, err := worker.CreateGrant(ctx, &kms.CreateGrantInput{
			KeyId: id, GranteePrincipal: principal("other"), Operations: operations, Constraints: constraints,
		})
		return code(t, err)
	}
	want("handing on without CreateGrant", hand(nil, "Decrypt"), "AccessDeniedException")
	subset := &types.GrantConstraints{EncryptionContextSubset: map[string]string{"a": "b"}}
	g = give(subset, "GenerateDataKey", "CreateGrant")
	want("another operation", hand(subset, "Decrypt"), "AccessDeniedException")
	want("without the constraint", hand(nil, "GenerateDataKey"), "AccessDeniedException")
	want("what was given", hand(subset, "GenerateDataKey"), "")
	want("the third in the chain", use(client(url, "other", secretKey), two), "")

	// Who may retire it.
	_, err = worker.RetireGrant(ctx, &kms.RetireGrantInput{GrantToken: g.GrantToken})
	want("retiring by the grantee without RetireGrant", code(t, err), "AccessDeniedException")
	_, err = client(url, "retirer", secretKey).RetireGrant(ctx, &kms.RetireGrantInput{
		KeyId: made.KeyMetadata.Arn, GrantId: g.GrantId,
	})
	want("retiring by the retiring principal", code(t, err), "")
	_, err = admin.RetireGrant(ctx, &kms.RetireGrantInput{GrantToken: g.GrantToken})
	want("retiring what is retired", code(t, err), "NotFoundException")
	g = give(nil, "RetireGrant")
	_, err = worker.RetireGrant(ctx, &kms.RetireGrantInput{GrantToken: g.GrantToken})
	want("retiring by the grantee with RetireGrant", code(t, err), "")
	_, err = worker.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: id, GrantId: g.GrantId})
	want("revoking by the grantee", code(t, err), "AccessDeniedException")

	// A name makes a retry the same grant.
	named := func(name string) string {
		out, err := admin.CreateGrant(ctx, &kms.CreateGrantInput{
			KeyId: id, GranteePrincipal: principal("worker"), Operations: []types.GrantOperation{"Decrypt"},
			Name: aws.String(name),
		})
		if err != nil {
			t.Fatal(err)
		}
		return *out.GrantId
	}
	if one := named("job"); one != named("job") || one == named("another") {
		t.Error("a grant's name doesn't name it")
	}
	for name, c := range map[string]struct{ body, want string }{
		"no principal":  {`"GranteePrincipal":"worker","Operations":["Decrypt"]`, "InvalidArnException"},
		"everybody":     {`"GranteePrincipal":"*","Operations":["Decrypt"]`, "InvalidArnException"},
		"no operations": {`"GranteePrincipal":"` + *principal("worker") + `"`, "ValidationException"},
		"an operation that is none": {
			`"GranteePrincipal":"` + *principal("worker") + `","Operations":["PutKeyPolicy"]`, "ValidationException",
		},
		"two constraints": {
			`"GranteePrincipal":"` + *principal("worker") +
				`","Operations":["Decrypt"],"Constraints":{"EncryptionContextSubset":{"a":"b"},` +
				`"EncryptionContextEquals":{"a":"b"}}`, "ValidationException",
		},
		"a source": {
			`"GranteePrincipal":"` + *principal("worker") +
				`","Operations":["Decrypt"],"Constraints":{"SourceArn":"arn:aws:s3:::b"}`,
			"UnsupportedOperationException",
		},
		"a service": {
			`"GranteeServicePrincipal":"s3.amazonaws.com","Operations":["Decrypt"]`, "UnsupportedOperationException",
		},
		"a trial": {
			`"GranteePrincipal":"` + *principal("worker") + `","Operations":["Decrypt"],"DryRun":true`,
			"DryRunOperationException",
		},
	} {
		if _, failure, answer := call(t, url, "CreateGrant", `{"KeyId":"`+*id+`",`+c.body+`}`); failure != c.want {
			t.Errorf("%s: %v, want %s", name, answer, c.want)
		}
	}
	for body, wanted := range map[string]string{
		`{}`: "ValidationException", `{"GrantToken":"x"}`: "InvalidGrantTokenException", `{"KeyId":"` + *id +
			`"}`: "ValidationException",
		`{"KeyId":"` + *id + `","GrantId":"none"}`: "NotFoundException",
	} {
		if _, failure, answer := call(t, url, "RetireGrant", body); failure != wanted {
			t.Errorf("RetireGrant %s: %v, want %s", body, answer, wanted)
		}
	}
}
