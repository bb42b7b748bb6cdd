package keyservice

import (
	"crypto/rand"
	"errors"
	"time"
)

const (
	maxPlaintext = 4096 // bytes, of Encrypt
	maxDataKey   = 1024 // bytes, of GenerateDataKey
	maxContext   = 8192 // bytes of names and values together
	maxBlob      = 6144 // bytes, of Decrypt
)

// conditions are the members that every use of a key may have.
type conditions struct {
	EncryptionContext   map[string]string
	EncryptionAlgorithm string
	DryRun              bool
	Recipient           *struct{}
}

// checkUse refuses what this service doesn't do or KMS doesn't accept.
func (c *conditions) checkUse() *Error {
	size := 0
	for name, value := range c.EncryptionContext {
		size += len(name) + len(value)
	}
	switch {
	case size > maxContext:
		return validation("EncryptionContext is longer than %d bytes", maxContext)
	case c.Recipient != nil:
		return unsupported("This key service knows no attested recipients.")
	case c.EncryptionAlgorithm != "" && c.EncryptionAlgorithm != specSymmetric:
		return fail("InvalidKeyUsageException", "Algorithm %s is incompatible with key spec %s.", c.EncryptionAlgorithm,
			specSymmetric)
	}
	return nil
}

// use finds a key and checks that it can be used for the action now.
func (c *call) use(name, action string, with *conditions) (*key, error) {
	if failure := with.checkUse(); failure != nil {
		return nil, failure
	}
	c.with = with.EncryptionContext
	k, err := c.findUsable(name, action, with, c.o.Freshness)
	if refused, ok := errors.AsType[*Error](err); ok && refused != nil {
		// It may rest on a record that has been changed since.
		k, err = c.findUsable(name, action, with, min(refusalAge, c.o.Freshness))
	}
	if err != nil {
		return nil, err
	}
	if with.DryRun {
		return nil, errDryRun
	}
	return k, nil
}

// refusalAge is how old a record may be that a refusal rests on.
const refusalAge = time.Second

func (c *call) findUsable(name, action string, with *conditions, maxAge time.Duration) (*key, error) {
	k, err := c.find(action, name, with.EncryptionContext, maxAge)
	if err != nil {
		return nil, err
	}
	if failure := k.usable(action); failure != nil {
		return nil, failure
	}
	return k, nil
}

type dataKeyInput struct {
	KeyId, KeySpec string
	NumberOfBytes  *int
	conditions
}

type dataKey struct {
	CiphertextBlob []byte
	Plaintext      []byte `json:",omitempty"`
	KeyId          string
}

func (c *call) generateDataKey(in *dataKeyInput) (*dataKey, error) {
	return c.makeDataKey("GenerateDataKey", in)
}

func (c *call) generateDataKeyWithoutPlaintext(in *dataKeyInput) (*dataKey, error) {
	out, err := c.makeDataKey("GenerateDataKeyWithoutPlaintext", in)
	if err != nil {
		return nil, err
	}
	clear(out.Plaintext)
	out.Plaintext = nil
	return out, nil
}

func (c *call) makeDataKey(action string, in *dataKeyInput) (*dataKey, error) {
	size, failure := in.size()
	if failure != nil {
		return nil, failure
	}
	k, err := c.use(in.KeyId, action, &in.conditions)
	if err != nil {
		return nil, err
	}
	plaintext := make([]byte, size)
	if _, err := rand.Read(plaintext); err != nil {
		return nil, err
	}
	blob, err := k.seal(plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	c.used(k, action)
	return &dataKey{CiphertextBlob: blob, Plaintext: plaintext, KeyId: k.ARN}, nil
}

func (in *dataKeyInput) size() (int, *Error) {
	switch {
	case (in.KeySpec == "") == (in.NumberOfBytes == nil):
		return 0, validation("Please specify either number of bytes or key spec.")
	case in.KeySpec == "AES_256":
		return 32, nil
	case in.KeySpec == "AES_128":
		return 16, nil
	case in.KeySpec != "":
		return 0, validation("1 validation error detected: Value '%s' at 'keySpec' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [AES_256, AES_128]", in.KeySpec)
	case *in.NumberOfBytes < 1 || *in.NumberOfBytes > maxDataKey:
		return 0, validation("1 validation error detected: Value '%d' at 'numberOfBytes' failed to satisfy "+
			"constraint: Member must be between 1 and %d", *in.NumberOfBytes, maxDataKey)
	}
	return *in.NumberOfBytes, nil
}

type randomInput struct {
	NumberOfBytes    *int
	CustomKeyStoreId string
	Recipient        *struct{}
}

type randomOutput struct{ Plaintext []byte }

// generateRandom needs no key; that a caller may do it is his own policies' to say.
func (c *call) generateRandom(in *randomInput) (*randomOutput, error) {
	switch {
	case c.mayCall("GenerateRandom", "*") != nil:
		return nil, c.mayCall("GenerateRandom", "*")
	case in.CustomKeyStoreId != "":
		return nil, unsupported("This key service has no custom key stores.")
	case in.Recipient != nil:
		return nil, unsupported("This key service knows no attested recipients.")
	case in.NumberOfBytes == nil:
		return nil, validation("1 validation error detected: Value null at 'numberOfBytes' failed to satisfy " +
			"constraint: Member must not be null")
	case *in.NumberOfBytes < 1 || *in.NumberOfBytes > maxDataKey:
		return nil, validation("1 validation error detected: Value '%d' at 'numberOfBytes' failed to satisfy "+
			"constraint: Member must be between 1 and %d", *in.NumberOfBytes, maxDataKey)
	}
	out := &randomOutput{Plaintext: make([]byte, *in.NumberOfBytes)}
	_, err := rand.Read(out.Plaintext)
	return out, err
}

type encryptInput struct {
	KeyId     string
	Plaintext []byte
	conditions
}

type encryptOutput struct {
	CiphertextBlob      []byte
	KeyId               string
	EncryptionAlgorithm string
}

func (c *call) encrypt(in *encryptInput) (*encryptOutput, error) {
	defer clear(in.Plaintext)
	if len(in.Plaintext) < 1 || len(in.Plaintext) > maxPlaintext {
		return nil, validation("1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "+
			"Member must have length between 1 and %d", maxPlaintext)
	}
	k, err := c.use(in.KeyId, "Encrypt", &in.conditions)
	if err != nil {
		return nil, err
	}
	blob, err := k.seal(in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	c.used(k, "Encrypt")
	return &encryptOutput{CiphertextBlob: blob, KeyId: k.ARN, EncryptionAlgorithm: specSymmetric}, nil
}

type decryptInput struct {
	KeyId          string // may be left out: the blob names its key
	CiphertextBlob []byte
	conditions
}

type decryptOutput struct {
	KeyId               string
	Plaintext           []byte
	EncryptionAlgorithm string
}

func (c *call) decrypt(in *decryptInput) (*decryptOutput, error) {
	k, plaintext, err := c.openBlob("Decrypt", in.KeyId, in.CiphertextBlob, &in.conditions)
	if err != nil {
		return nil, err
	}
	c.used(k, "Decrypt")
	return &decryptOutput{KeyId: k.ARN, Plaintext: plaintext, EncryptionAlgorithm: specSymmetric}, nil
}

// openBlob opens what was sealed under a key, which the blob names; name is another name of it, or "".
func (c *call) openBlob(action, name string, blob []byte, with *conditions) (*key, []byte, error) {
	if len(blob) < 1 || len(blob) > maxBlob {
		return nil, nil, validation("1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: "+
			"Member must have length between 1 and %d", maxBlob)
	}
	sealedUnder := blobKey(blob)
	if name == "" {
		if sealedUnder == "" {
			return nil, nil, errCiphertext
		}
		st, err := c.view(c.o.Freshness, sealedUnder)
		switch {
		case err != nil:
			return nil, nil, err
		case st.Keys[sealedUnder] == nil:
			return nil, nil, fail("AccessDeniedException", "The ciphertext refers to a customer master key that does not "+
				"exist, does not exist in this region, or you are not allowed to access.")
		}
		name = st.Keys[sealedUnder].ARN
	}
	k, err := c.use(name, action, with)
	if err != nil {
		return nil, nil, err
	}
	if sealedUnder != "" && sealedUnder != k.ID {
		return nil, nil, fail("IncorrectKeyException",
			"The key ID in the request does not identify a CMK that can perform this operation.")
	}
	plaintext, err := k.open(blob, with.EncryptionContext)
	return k, plaintext, err
}
