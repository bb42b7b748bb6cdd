package keyservice_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealfront/crypto/keyservice"
)

func TestReEncrypt(t *testing.T) { reEncrypts(t, embedded) }

// A blob is sealed anew under another key, or under another context of the same, to whom both keys allow it.
func reEncrypts(t *testing.T, p place) {
	o := p.options(t)
	o.Callers = func(id, _ string) (keyservice.Caller, bool) {
		c := keyservice.Caller{Secret: secretKey}
		if id == "half" {
			var faults []string
			c.May, faults = keyservice.CompilePolicy([]keyservice.Statement{{
				Effect: "Allow", Action: []string{"kms:ReEncryptFrom"}, Resource: []string{"*"},
			}})
			if len(faults) > 0 {
				t.Error(faults)
			}
		}
		return c, id == accessKey || id == "half"
	}
	url, ctx := serve(t, open(t, o)), t.Context()
	c := client(url, accessKey, secretKey)
	key := func() string {
		t.Helper()
		made, err := c.CreateKey(ctx, &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		return *made.KeyMetadata.Arn
	}
	from, to := key(), key()
	before, after := map[string]string{"a": "b"}, map[string]string{"c": "d"}
	sealed, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &from, Plaintext: []byte("plain"), EncryptionContext: before})
	if err != nil {
		t.Fatal(err)
	}
	in := func() *kms.ReEncryptInput {
		return &kms.ReEncryptInput{
			CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: before, DestinationKeyId: &to,
			DestinationEncryptionContext: after,
		}
	}
	moved, err := c.ReEncrypt(ctx, in())
	if err != nil || *moved.KeyId != to || *moved.SourceKeyId != from ||
		moved.DestinationEncryptionAlgorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
		t.Fatalf("%+v, %v", moved, err)
	}
	opened, err := c.Decrypt(ctx, &kms.DecryptInput{
		CiphertextBlob: moved.CiphertextBlob, KeyId: &to, EncryptionContext: after,
	})
	if err != nil || string(opened.Plaintext) != "plain" {
		t.Errorf("%+v, %v", opened, err)
	}
	same := in()
	same.DestinationKeyId = &from
	if moved, err := c.ReEncrypt(ctx, same); err != nil || *moved.KeyId != from {
		t.Errorf("under the same key: %v", err)
	}
	for what, s := range map[string]struct {
		change func(*kms.ReEncryptInput)
		by     string
		want   string
	}{
		"another context": {
			func(in *kms.ReEncryptInput) { in.SourceEncryptionContext = after }, accessKey, "InvalidCiphertextException",
		},
		"another source": {func(in *kms.ReEncryptInput) { in.SourceKeyId = &to }, accessKey, "IncorrectKeyException"},
		"no destination": {
			func(in *kms.ReEncryptInput) { in.DestinationKeyId = aws.String("alias/none") }, accessKey, "NotFoundException",
		},
		"tried": {
			func(in *kms.ReEncryptInput) { in.DryRun = aws.Bool(true) }, accessKey, "DryRunOperationException",
		},
		"with half the permission": {func(*kms.ReEncryptInput) {}, "half", "AccessDeniedException"},
	} {
		changed := in()
		s.change(changed)
		if _, err := client(url, s.by, secretKey).ReEncrypt(ctx, changed); code(t, err) != s.want {
			t.Errorf("%s: %v, want %s", what, err, s.want)
		}
	}
	if _, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &to}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReEncrypt(ctx, in()); code(t, err) != "DisabledException" {
		t.Errorf("to a disabled key: %v", err)
	}
}
