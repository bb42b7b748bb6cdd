package keyservice_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func TestImportedKeysRotateToNewMaterial(t *testing.T) { importedKeysRotate(t, embedded) }

// A key of imported material rotates to what was imported for it, opens what it has sealed before, and isn't used while
// any of its materials is missing.
func importedKeysRotate(t *testing.T, p place) {
	now, m, root := &clock{}, newMemory(), p.root(t)
	o := replica(m, root)
	o.Now = now.now
	a, b, ctx := newDesk(t, o), newDesk(t, o), t.Context()
	made, err := a.CreateKey(ctx, &kms.CreateKeyInput{Origin: types.OriginTypeExternal})
	if err != nil {
		t.Fatal(err)
	}
	id := made.KeyMetadata.KeyId
	parameters, err := a.GetParametersForImport(ctx, &kms.GetParametersForImportInput{
		KeyId: id, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048,
	})
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(parameters.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	bring := func(n byte, kind types.ImportType, until *time.Time) (material, failure string) {
		t.Helper()
		sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), bytes.Repeat([]byte{n}, 32), nil)
		if err != nil {
			t.Fatal(err)
		}
		in := &kms.ImportKeyMaterialInput{
			KeyId: id, ImportToken: parameters.ImportToken, EncryptedKeyMaterial: sealed, ImportType: kind,
			ExpirationModel:        types.ExpirationModelTypeKeyMaterialDoesNotExpire,
			KeyMaterialDescription: aws.String(fmt.Sprint("material ", n)),
		}
		if until != nil {
			in.ExpirationModel, in.ValidTo = types.ExpirationModelTypeKeyMaterialExpires, until
		}
		out, err := b.ImportKeyMaterial(ctx, in)
		if err != nil {
			return "", code(t, err)
		}
		return *out.KeyMaterialId, ""
	}
	const fresh, existing = types.ImportTypeNewKeyMaterial, types.ImportTypeExistingKeyMaterial
	rotate := func() string {
		_, err := a.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: id})
		return code(t, err)
	}
	state := func() types.KeyState {
		t.Helper()
		d, err := b.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		if err != nil {
			t.Fatal(err)
		}
		return d.KeyMetadata.KeyState
	}
	later := func() { now.advance(10 * time.Second) } // until changes by another replica hold
	seal := func() []byte {
		t.Helper()
		later()
		out, err := a.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("plain")})
		if err != nil {
			t.Fatal(err)
		}
		return out.CiphertextBlob
	}
	materials := func(want ...string) {
		t.Helper()
		out, err := b.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{
			KeyId: id, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial,
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range out.Rotations {
			got = append(got, fmt.Sprintf("%s %s %s %s", *r.KeyMaterialDescription, r.KeyMaterialState, r.ImportState,
				r.RotationType))
		}
		if !slices.Equal(got, want) {
			t.Errorf("materials %q, want %q", got, want)
		}
	}
	if got := rotate(); got != "KMSInvalidStateException" {
		t.Errorf("before an import: %q", got)
	}
	first, failure := bring(1, fresh, nil) // the first may be called either
	if failure != "" {
		t.Fatal(failure)
	}
	one := seal()
	if got := rotate(); got != "KMSInvalidStateException" {
		t.Errorf("without new material: %q", got)
	}
	if _, failure := bring(2, existing, nil); failure != "IncorrectKeyMaterialException" {
		t.Errorf("another material that isn't called new: %q", failure)
	}
	if _, failure := bring(1, fresh, nil); failure != "IncorrectKeyMaterialException" {
		t.Errorf("the same, called new: %q", failure)
	}
	until := now.now().Add(time.Hour)
	second, failure := bring(2, fresh, &until)
	if failure != "" {
		t.Fatal(failure)
	}
	if _, failure := bring(3, fresh, nil); failure != "KMSInvalidStateException" {
		t.Errorf("a second one that waits: %q", failure)
	}
	materials("material 1 CURRENT IMPORTED ", "material 2 PENDING_ROTATION IMPORTED ")
	later()
	if err := b.opens(t, one); err != nil {
		t.Error(err)
	}
	if got := rotate(); got != "" {
		t.Fatal(got)
	}
	two := seal()
	for _, blob := range [][]byte{one, two} {
		if err := newDesk(t, o).opens(t, blob); err != nil {
			t.Error(err)
		}
	}
	materials("material 1 NON_CURRENT IMPORTED ", "material 2 CURRENT IMPORTED ON_DEMAND")
	if d, err := a.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id}); err != nil ||
		*d.KeyMetadata.CurrentKeyMaterialId != second || d.KeyMetadata.ValidTo == nil {
		t.Errorf("%+v, %v", d, err)
	}
	// Without the first material the key can't be used, and with it again it can.
	if _, err := a.DeleteImportedKeyMaterial(ctx, &kms.DeleteImportedKeyMaterialInput{
		KeyId: id, KeyMaterialId: &first,
	}); err != nil {
		t.Fatal(err)
	}
	materials("material 1 NON_CURRENT PENDING_IMPORT ", "material 2 CURRENT IMPORTED ON_DEMAND")
	later()
	if err := a.opens(t, two); state() != types.KeyStatePendingImport || code(t, err) != "KMSInvalidStateException" {
		t.Errorf("without its first material: %s, %v", state(), err)
	}
	if _, failure := bring(1, existing, nil); failure != "" || state() != types.KeyStateEnabled {
		t.Errorf("with it again: %q, %s", failure, state())
	}
	later()
	if err := a.opens(t, one); err != nil {
		t.Error(err)
	}
	// The second ends by its time.
	now.advance(2 * time.Hour)
	if err := a.opens(t, one); code(t, err) != "KMSInvalidStateException" {
		t.Errorf("after the end of its second material: %v", err)
	}
	materials("material 1 NON_CURRENT IMPORTED ", "material 2 CURRENT PENDING_IMPORT ON_DEMAND")
}
