package keyservice

import (
	"crypto/rsa"
	"crypto/subtle"
	"time"
)

type importInput struct {
	KeyId, ExpirationModel, ImportType string
	ImportToken, EncryptedKeyMaterial  []byte
	ValidTo                            *float64 // seconds since 1970
}

type importOutput struct{ KeyId, KeyMaterialId string }

// importKeyMaterial gives a key the material that it waits for. A key has one material for ever: what was sealed under
// another would open no more.
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
		return nil, fail("IncorrectKeyMaterialException", "The key material has %d bytes, not %d.", len(material), materialSize)
	}
	id := k.materialID(material)
	k, err = c.changeKey("ImportKeyMaterial", in.KeyId, func(k *key) *Error {
		if failure := k.importable(); failure != nil {
			return failure
		}
		if k.Imported != "" && subtle.ConstantTimeCompare([]byte(k.Imported), []byte(id)) != 1 {
			return fail("IncorrectKeyMaterialException", "%s had other key material before, and can have no other.", k.ARN)
		}
		k.take(material, id, until)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &importOutput{k.ARN, id}, nil
}

// until is when the material ends; zero: never.
func (in *importInput) until(now time.Time) (time.Time, *Error) {
	switch {
	case in.ImportType != "" && in.ImportType != "EXISTING_KEY_MATERIAL" && in.ImportType != "NEW_KEY_MATERIAL":
		return time.Time{}, validation("1 validation error detected: Value '%s' at 'importType' failed to satisfy constraint: "+
			"Member must satisfy enum value set", in.ImportType)
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

// deleteImportedKeyMaterial takes the material from a key, which waits for it again.
func (c *call) deleteImportedKeyMaterial(in *keyInput) (*importOutput, error) {
	k, err := c.changeKey("DeleteImportedKeyMaterial", in.KeyId, func(k *key) *Error {
		if failure := k.importable(); failure != nil {
			return failure
		}
		k.dropMaterial()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &importOutput{k.ARN, k.Imported}, nil
}
