package keyservice_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// Material is imported by one replica with what another has given, ends when it should, and can't be exchanged.
func TestKeyMaterialIsImported(t *testing.T) { keyMaterialIsImported(t, embedded) }

func keyMaterialIsImported(t *testing.T, p place) {
	now, m, root := &clock{}, newMemory(), p.root(t)
	o := replica(m, root)
	o.Now = now.now
	a, b, ctx := newDesk(t, o), newDesk(t, o), t.Context()
	made, err := a.CreateKey(ctx, &kms.CreateKeyInput{Origin: types.OriginTypeExternal})
	if err != nil {
		t.Fatal(err)
	}
	id := made.KeyMetadata.KeyId
	bring := func(material []byte, until *time.Time) error {
		t.Helper()
		p, err := a.GetParametersForImport(ctx, &kms.GetParametersForImportInput{
			KeyId: id, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048,
		})
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.ParsePKIXPublicKey(p.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), material, nil)
		if err != nil {
			t.Fatal(err)
		}
		in := &kms.ImportKeyMaterialInput{
			KeyId: id, ImportToken: p.ImportToken, EncryptedKeyMaterial: sealed,
			ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
		}
		if until != nil {
			in.ExpirationModel, in.ValidTo = types.ExpirationModelTypeKeyMaterialExpires, until
		}
		bad := *in
		bad.ImportToken = bytes.Clone(in.ImportToken)
		bad.ImportToken[20] ^= 1
		if _, err := b.ImportKeyMaterial(ctx, &bad); code(t, err) != "InvalidImportTokenException" {
			t.Errorf("a changed token: %v", err)
		}
		_, err = b.ImportKeyMaterial(ctx, in)
		return err
	}
	state := func() (types.KeyState, types.ExpirationModelType) {
		t.Helper()
		d, err := a.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		if err != nil {
			t.Fatal(err)
		}
		return d.KeyMetadata.KeyState, d.KeyMetadata.ExpirationModel
	}
	material := bytes.Repeat([]byte{7}, 32)
	if err := bring(material[:31], nil); code(t, err) != "IncorrectKeyMaterialException" {
		t.Errorf("31 bytes: %v", err)
	}
	until := now.now().Add(time.Hour)
	if err := bring(material, &until); err != nil {
		t.Fatal(err)
	}
	if s, e := state(); s != types.KeyStateEnabled || e != types.ExpirationModelTypeKeyMaterialExpires {
		t.Errorf("imported: %s %s", s, e)
	}
	sealed, err := a.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("plain")})
	if err != nil {
		t.Fatal(err)
	}
	now.advance(time.Hour)
	if err := b.opens(t, sealed.CiphertextBlob); code(t, err) != "KMSInvalidStateException" {
		t.Errorf("after its end: %v", err)
	}
	if s, _ := state(); s != types.KeyStatePendingImport {
		t.Errorf("after its end: %s", s)
	}
	if err := bring(bytes.Repeat([]byte{8}, 32), nil); code(t, err) != "IncorrectKeyMaterialException" {
		t.Errorf("other material: %v", err)
	}
	if err := bring(material, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.opens(t, sealed.CiphertextBlob); err != nil {
		t.Errorf("imported again: %v", err)
	}
	if _, err := b.DeleteImportedKeyMaterial(ctx, &kms.DeleteImportedKeyMaterialInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	if s, _ := state(); s != types.KeyStatePendingImport {
		t.Errorf("deleted: %s", s)
	}
	ours, err := a.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.GetParametersForImport(ctx, &kms.GetParametersForImportInput{
		KeyId: ours.KeyMetadata.KeyId, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256,
		WrappingKeySpec: types.WrappingKeySpecRsa2048,
	}); code(t, err) != "UnsupportedOperationException" {
		t.Errorf("a key with material of its own: %v", err)
	}
}
