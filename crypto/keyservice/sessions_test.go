package keyservice_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealfront/crypto/keyservice"
)

// What a key policy and a grant say of a role holds for its sessions, and what they say of a session for that one
// alone.
func TestSessionsOfRolesAreCallers(t *testing.T) {
	const role, session = "arn:aws:iam::" + account + ":role/backup", "arn:aws:sts::" + account + ":assumed-role/backup/"
	o := options(t.TempDir())
	o.Sessions = func(_ context.Context, id, token string) (keyservice.Caller, error) {
		switch token {
		case "one", "two":
			return keyservice.Caller{
				Secret: secretKey, ARN: session + token, Role: role,
				May: func(string, string, map[string]string) keyservice.Effect { return keyservice.Unstated },
			}, nil
		case "expired":
			return keyservice.Caller{}, &keyservice.Error{Type: "ExpiredTokenException", Message: "expired"}
		}
		return keyservice.Caller{}, errors.New("the root is away")
	}
	url, ctx := serve(t, open(t, o)), t.Context()
	as := func(token string) *kms.Client {
		return kms.New(kms.Options{
			Region: region, BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("ASIASESSION", secretKey, token),
		})
	}
	admin := client(url, accessKey, secretKey)
	use := func(token string, id *string) string {
		_, err := as(token).GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: id, KeySpec: "AES_256"})
		return code(t, err)
	}
	statement := func(effect, principal string) string {
		return `{"Effect":"` + effect + `","Principal":{"AWS":"` + principal + `"},"Action":"kms:*","Resource":"*"}`
	}
	all := statement("Allow", "arn:aws:iam::"+account+":root")
	for name, c := range map[string]struct{ policy, one, two string }{
		"of the account": {all, "AccessDeniedException", "AccessDeniedException"},
		"of the role":    {all + "," + statement("Allow", role), "", ""},
		"of a session":   {all + "," + statement("Allow", session+"one"), "", "AccessDeniedException"},
		"of the role less one of its": {
			all + "," + statement("Allow", role) + "," + statement("Deny", session+"two"), "", "AccessDeniedException",
		},
	} {
		made, err := admin.CreateKey(ctx, &kms.CreateKeyInput{
			Policy: aws.String(`{"Version":"2012-10-17","Statement":[` + c.policy + `]}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		if one, two := use("one", made.KeyMetadata.KeyId), use("two", made.KeyMetadata.KeyId); one != c.one || two != c.two {
			t.Errorf("a policy %s: %q and %q", name, one, two)
		}
	}
	made, err := admin.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := made.KeyMetadata.KeyId
	if _, err := admin.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: id, GranteePrincipal: aws.String(role), Operations: []types.GrantOperation{"GenerateDataKey"},
	}); err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]string{
		"one": "", "two": "", "expired": "ExpiredTokenException", "x": "KMSInternalException",
	} {
		if got := use(token, id); got != want {
			t.Errorf("a grant to the role, session %s: %q", token, got)
		}
	}
}

// All services over the same records have the same session keys, also those from before a rotation; nobody may use the
// key that they are derived from; and with the root away they end with what is warm.
func TestSessionKeys(t *testing.T) {
	now, m, root := &clock{}, newMemory(), newRoot(t)
	o := replica(m, root)
	o.Now = now.now
	a, b, ctx := open(t, o), open(t, o), t.Context()
	keys, others := a.SessionKeys(), b.SessionKeys()
	if _, ok, err := keys.Find(ctx, [16]byte{1}); ok || err != nil {
		t.Errorf("before there are any: %t, %v", ok, err)
	}
	id, key, err := keys.Current(ctx)
	if err != nil || len(key) != 32 {
		t.Fatal(err)
	}
	same := func(what string, from *keyservice.SessionKeys, id [16]byte, want []byte) {
		t.Helper()
		if got, ok, err := from.Find(ctx, id); err != nil || !ok || !bytes.Equal(got, want) {
			t.Errorf("%s: %t, %v", what, ok, err)
		}
	}
	same("the other service", others, id, key)
	if again, _, err := others.Current(ctx); err != nil || again != id {
		t.Errorf("another key in the other service: %v", err)
	}
	d := newDesk(t, o)
	_, err = d.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String("alias/aws/sts"), Plaintext: []byte("x")})
	if code(t, err) != "AccessDeniedException" {
		t.Errorf("a caller uses it: %v", err)
	}
	now.advance(366 * 24 * time.Hour)
	fresh, freshKey, err := keys.Current(ctx)
	if err != nil || fresh == id {
		t.Fatalf("it wasn't rotated: %v", err)
	}
	same("the earlier one", keys, id, key)
	same("the one that another service has made just now", others, fresh, freshKey)
	if _, ok, err := others.Find(ctx, [16]byte{1}); ok || err != nil {
		t.Errorf("an unknown one: %t, %v", ok, err)
	}
	root.take(errors.New("away"))
	same("warm, with the root away", keys, fresh, freshKey)
	now.advance(time.Hour)
	if _, _, err := keys.Find(ctx, fresh); !errors.Is(err, keyservice.ErrRoot) {
		t.Errorf("with the root away: %v", err)
	}
}
