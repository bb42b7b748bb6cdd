package keyservice

import (
	"crypto/rsa"
	"crypto/subtle"
	"time"
	"unicode/utf8"
)

type importInput struct {
	KeyId, ExpirationModel, ImportType    string
	KeyMaterialId, KeyMaterialDescription string
	ImportToken, EncryptedKeyMaterial     []byte
	ValidTo                               *float64 // seconds since 1970
}

type importOutput struct{ KeyId, KeyMaterialId string }

// importKeyMaterial gives a key the material that it waits for, or new material for its next rotation. What it has had
// before must be there for it to be used: what was sealed under it would open no more.
func (c *call) importKeyMaterial(in *importInput) (*importOutput, error) {
	until, failure := in.until(c.o.Now())
	if failure != nil {
		return nil, failure
	}
	k, err := c.findByID("ImportKeyMaterial", in.KeyId)
	if err != nil {
		return nil, err
	}
	if failure := k.importable(); failure != nil {
		return nil, failure
	}
	algorithm, private, err := c.openImportToken(k.ID, in.ImportToken)
	if err != nil {
		return nil, err
	}
	material, err := rsa.DecryptOAEP(wrappings[algorithm](), nil, private, in.EncryptedKeyMaterial, nil)
	if err != nil {
		return nil, fail("InvalidCiphertextException", "The key material could not be decrypted with the import token's key.")
	}
	defer clear(material)
	if len(material) != materialSize {
		return nil,
			fail("IncorrectKeyMaterialException", "The key material has %d bytes, not %d.", len(material), materialSize)
	}
	id := k.materialID(material)
	if in.KeyMaterialId != "" && subtle.ConstantTimeCompare([]byte(in.KeyMaterialId), []byte(id)) != 1 {
		return nil, fail("IncorrectKeyMaterialException", "The key material is not %s.", in.KeyMaterialId)
	}
	k, err = c.changeKey("ImportKeyMaterial", in.KeyId, func(k *key) *Error {
		if failure := k.importable(); failure != nil {
			return failure
		}
		return k.take(material, imported{id, until, in.KeyMaterialDescription}, in.ImportType == newMaterial)
	})
	if err != nil {
		return nil, err
	}
	return &importOutput{k.ARN, id}, nil
}

// newMaterial is KMS's word for material that a key never had.
const newMaterial = "NEW_KEY_MATERIAL"

// until is when the material ends; zero: never.
func (in *importInput) until(now time.Time) (time.Time, *Error) {
	switch {
	case in.ImportType != "" && in.ImportType != "EXISTING_KEY_MATERIAL" && in.ImportType != newMaterial:
		return time.Time{},
			validation("1 validation error detected: Value '%s' at 'importType' failed to satisfy constraint: "+
				"Member must satisfy enum value set", in.ImportType)
	case utf8.RuneCountInString(in.KeyMaterialDescription) > 256:
		return time.Time{}, validation("KeyMaterialDescription is longer than 256 characters.")
	case in.ExpirationModel == materialStays && in.ValidTo == nil:
		return time.Time{}, nil
	case in.ExpirationModel != "" && in.ExpirationModel != materialExpires || in.ValidTo == nil:
		return time.Time{}, validation("ValidTo must be set with %s, and only then.", materialExpires)
	}
	until := time.UnixMilli(int64(*in.ValidTo * 1000)).UTC()
	if !until.After(now) || until.After(now.AddDate(0, 0, 365)) {
		return time.Time{}, validation("ValidTo must be in the next 365 days.")
	}
	return until, nil
}

type deleteMaterialInput struct{ KeyId, KeyMaterialId string }

// deleteImportedKeyMaterial takes a material from a key, by default the current one; the key waits for it again.
func (c *call) deleteImportedKeyMaterial(in *deleteMaterialInput) (*importOutput, error) {
	id := in.KeyMaterialId
	k, err := c.changeKey("DeleteImportedKeyMaterial", in.KeyId, func(k *key) *Error {
		if failure := k.importable(); failure != nil {
			return failure
		}
		if id == "" {
			id = k.Imported
		}
		if id != "" && !k.drop(id) {
			return fail("NotFoundException", "%s has no key material %s.", k.ARN, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &importOutput{k.ARN, id}, nil
}
