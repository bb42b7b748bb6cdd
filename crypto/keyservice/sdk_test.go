package keyservice_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealfront/crypto/keyservice"
)

// The life of a key, as the SDK's client sees it.
func TestAgainstTheSDK(t *testing.T) { againstTheSDK(t, embedded) }

func againstTheSDK(t *testing.T, p place) {
	now := &clock{}
	o := p.options(t)
	o.Now = now.now
	c, ctx := client(serve(t, open(t, o)), accessKey, secretKey), t.Context()

	made, err := c.CreateKey(ctx, &kms.CreateKeyInput{Description: aws.String("a key")})
	if err != nil {
		t.Fatal(err)
	}
	m := made.KeyMetadata
	if !strings.HasPrefix(*m.Arn, "arn:aws:kms:us-west-2:123456789012:key/"+*m.KeyId) || len(*m.KeyId) != 36 ||
		*m.AWSAccountId != account ||
		m.KeyState != types.KeyStateEnabled || m.KeyManager != types.KeyManagerTypeCustomer ||
		m.KeySpec != types.KeySpecSymmetricDefault ||
		m.KeyUsage != types.KeyUsageTypeEncryptDecrypt || m.Origin != types.OriginTypeAwsKms || !m.Enabled ||
		*m.MultiRegion || time.Since(*m.CreationDate).Abs() > time.Minute {
		t.Errorf("metadata: %+v", m)
	}
	if _, err := c.CreateAlias(ctx, &kms.CreateAliasInput{
		AliasName:   aws.String("alias/mine"),
		TargetKeyId: m.KeyId,
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{*m.KeyId, *m.Arn, "alias/mine", "arn:aws:kms:us-west-2:123456789012:alias/mine"} {
		d, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &name})
		if err != nil || *d.KeyMetadata.Arn != *m.Arn || *d.KeyMetadata.Description != "a key" {
			t.Errorf("%s: %v", name, err)
		}
	}

	pairs := map[string]string{"a": "1", "b": "2"}
	key, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: aws.String("alias/mine"), KeySpec: types.DataKeySpecAes256, EncryptionContext: pairs,
	})
	if err != nil || len(key.Plaintext) != 32 || *key.KeyId != *m.Arn {
		t.Fatalf("%+v, %v", key, err)
	}
	hidden, err := c.GenerateDataKeyWithoutPlaintext(
		ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: m.Arn, NumberOfBytes: aws.Int32(64)})
	if err != nil {
		t.Fatal(err)
	}
	open := func(blob []byte, name *string, pairs map[string]string) ([]byte, string) {
		out, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, KeyId: name, EncryptionContext: pairs})
		if err != nil {
			return nil, code(t, err)
		}
		return out.Plaintext, ""
	}
	for _, name := range []*string{nil, m.KeyId, m.Arn, aws.String("alias/mine")} {
		if plain, failure := open(key.CiphertextBlob, name, pairs); !bytes.Equal(plain, key.Plaintext) {
			t.Errorf("Decrypt: %s", failure)
		}
	}
	if plain, failure := open(hidden.CiphertextBlob, nil, nil); len(plain) != 64 {
		t.Errorf("a key without plaintext: %d bytes, %s", len(plain), failure)
	}
	sealed, err := c.Encrypt(ctx, &kms.EncryptInput{
		KeyId: m.KeyId, Plaintext: bytes.Repeat([]byte{7}, 4096), EncryptionContext: pairs,
	})
	if err != nil {
		t.Fatal(err)
	}
	if plain, failure := open(sealed.CiphertextBlob, m.KeyId, pairs); len(plain) != 4096 {
		t.Errorf("Encrypt and Decrypt: %s", failure)
	}
	if _, failure := open(sealed.CiphertextBlob, m.KeyId,
		map[string]string{"a": "1"}); failure != "InvalidCiphertextException" {
		t.Errorf("another context: %s", failure)
	}

	step := func(what string, err error, want string) {
		t.Helper()
		if got := code(t, err); got != want {
			t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
		}
	}
	use := func() error {
		_, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: m.Arn, KeySpec: types.DataKeySpecAes256})
		return err
	}
	state := func() types.KeyState {
		d, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: m.Arn})
		if err != nil {
			t.Fatal(err)
		}
		return d.KeyMetadata.KeyState
	}
	_, err = c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: m.KeyId})
	step("disable", err, "")
	step("use of a disabled key", use(), "DisabledException")
	if _, failure := open(key.CiphertextBlob, nil, pairs); failure != "DisabledException" ||
		state() != types.KeyStateDisabled {
		t.Errorf("a disabled key: %s, %s", failure, state())
	}
	_, err = c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: m.KeyId})
	step("enable", err, "")
	step("use", use(), "")
	_, err = c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: m.KeyId})
	step("cancel what isn't scheduled", err, "KMSInvalidStateException")
	_, err = c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{
		KeyId:               m.KeyId,
		PendingWindowInDays: aws.Int32(6),
	})
	step("too short a window", err, "ValidationException")
	when, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{
		KeyId: m.KeyId, PendingWindowInDays: aws.Int32(7),
	})
	step("schedule", err, "")
	if d := time.Until(*when.DeletionDate); d < 6*24*time.Hour || d > 8*24*time.Hour ||
		when.KeyState != types.KeyStatePendingDeletion || *when.KeyId != *m.Arn {
		t.Errorf("scheduled: %+v", when)
	}
	step("use of a key pending deletion", use(), "KMSInvalidStateException")
	_, err = c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: m.KeyId})
	step("enable a key pending deletion", err, "KMSInvalidStateException")
	_, err = c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: m.KeyId})
	step("schedule again", err, "KMSInvalidStateException")
	_, err = c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: m.KeyId})
	step("cancel", err, "")
	if state() != types.KeyStateDisabled {
		t.Errorf("after the deletion was cancelled the key is %s", state())
	}
}

func TestListingsHavePages(t *testing.T) { listingsHavePages(t, embedded) }

func listingsHavePages(t *testing.T, p place) {
	s := open(t, p.options(t))
	c, ctx := client(serve(t, s), accessKey, secretKey), t.Context()
	want := map[string]bool{}
	for range 7 {
		arn, err := s.CreateKey(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		want[arn] = true
		name := "alias/for-" + arn[len(arn)-36:]
		if _, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &name, TargetKeyId: &arn}); err != nil {
			t.Fatal(err)
		}
	}
	got, pages := map[string]bool{}, 0
	for p := kms.NewListKeysPaginator(c, &kms.ListKeysInput{Limit: aws.Int32(3)}); p.HasMorePages(); pages++ {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range out.Keys {
			got[*k.KeyArn] = want[*k.KeyArn]
		}
	}
	if len(got) != len(want) || pages != 3 {
		t.Errorf("%d keys on %d pages", len(got), pages)
	}
	aliases := 0
	for p := kms.NewListAliasesPaginator(c, &kms.ListAliasesInput{Limit: aws.Int32(2)}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		aliases += len(out.Aliases)
	}
	if aliases != 7 {
		t.Errorf("%d aliases", aliases)
	}
	for arn := range want {
		out, err := c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: &arn})
		if err != nil || len(out.Aliases) != 1 || *out.Aliases[0].TargetKeyId != arn[len(arn)-36:] {
			t.Errorf("aliases of one key: %+v, %v", out, err)
		}
	}
	if _, err := c.ListKeys(ctx, &kms.ListKeysInput{Marker: aws.String("%")}); code(
		t, err) != "InvalidMarkerException" {
		t.Errorf("a bad marker: %v", err)
	}
}

func TestRequestsMustBeSigned(t *testing.T) {
	var asked []string
	o := options(t.TempDir())
	o.Fault = func(action string) error { asked = append(asked, action); return nil }
	url := serve(t, open(t, o))
	for name, c := range map[string]struct{ id, secret, want string }{
		"with another secret": {accessKey, "not the secret", "InvalidSignatureException"},
		"by nobody known":     {"AKIANOBODY0000000000", secretKey, "UnrecognizedClientException"},
	} {
		if _, err := client(url, c.id, c.secret).ListKeys(t.Context(), &kms.ListKeysInput{}); code(t, err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(asked) != 0 {
		t.Errorf("carried out all the same: %v", asked)
	}
}

func TestFaultsCanBeInjected(t *testing.T) {
	o := options(t.TempDir())
	o.Fault = func(action string) error {
		if action == "ListKeys" {
			return &keyservice.Error{Type: "ThrottlingException", Message: "Rate exceeded"}
		}
		return nil
	}
	c := client(serve(t, open(t, o)), accessKey, secretKey)
	if _, err := c.ListKeys(t.Context(), &kms.ListKeysInput{}); code(t, err) != "ThrottlingException" {
		t.Errorf("got %v", err)
	}
	if _, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{}); err != nil {
		t.Errorf("got %v", err)
	}
}
