//go:build pkcs11

package pkcs11

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"sealfront/crypto/keyroot"
)

// A method is the first byte of a wrapped key.
//
//	byGCM:  1 | length of the IV, 12 or 16 | IV | key encrypted, 32 + 16 bytes
//	byWrap: 2 | data key wrapped, 40 bytes | key sealed, 32 + 16 bytes
//
// By GCM the HSM encrypts the key, with boundTo(name) as additional data; some choose the IV themselves. RFC 3394 and
// 5649 know no additional data, so there the HSM wraps a data key of 32 bytes, made for this one key, and the key is
// sealed under it by AES-256-GCM with a nonce of zeros and boundTo(name).
type method byte

const (
	byGCM  method = 1
	byWrap method = 2

	keySize     = 32
	tagSize     = 16
	sealedSize  = keySize + tagSize
	wrappedSize = keySize + 8
)

func boundTo(name string) []byte { return []byte("sealfront root pkcs11\x00" + name) }

// chooseMethod returns how new keys are wrapped: the configured way, or the first that token and key allow.
func (r *Root) chooseMethod(a *attachment, session pkcs11.SessionHandle) (method, error) {
	allows := func(attribute uint) bool {
		got, err := a.library.GetAttributeValue(session, a.key, []*pkcs11.Attribute{pkcs11.NewAttribute(attribute, false)})
		return err == nil && len(got) == 1 && len(got[0].Value) == 1 && got[0].Value[0] != 0
	}
	if r.config.Mechanism != "wrap" && a.has(pkcs11.CKM_AES_GCM, pkcs11.CKF_ENCRYPT|pkcs11.CKF_DECRYPT) &&
		allows(pkcs11.CKA_ENCRYPT) && allows(pkcs11.CKA_DECRYPT) {
		return byGCM, nil
	}
	if r.config.Mechanism != "gcm" && a.keyWrap() != 0 && allows(pkcs11.CKA_WRAP) && allows(pkcs11.CKA_UNWRAP) {
		return byWrap, nil
	}
	return 0, fmt.Errorf("the key %s in the token %s can't wrap: it needs CKA_ENCRYPT and CKA_DECRYPT with CKM_AES_GCM, "+
		"or CKA_WRAP and CKA_UNWRAP with CKM_AES_KEY_WRAP_PAD or CKM_AES_KEY_WRAP (mechanism: %q)", r.keyName(),
		r.config.Token, r.config.Mechanism)
}

func (a *attachment) has(mechanism uint, flags uint) bool {
	info, err := a.library.GetMechanismInfo(a.slot, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)})
	return err == nil && info.Flags&flags == flags
}

// keyWrap returns the mechanism of key wrap that the token has; 0: none. Of 32 bytes both make the same 40.
func (a *attachment) keyWrap() uint {
	for _, mechanism := range []uint{pkcs11.CKM_AES_KEY_WRAP, pkcs11.CKM_AES_KEY_WRAP_PAD} {
		if a.has(mechanism, pkcs11.CKF_WRAP|pkcs11.CKF_UNWRAP) {
			return mechanism
		}
	}
	return 0
}

// wrap wraps key in a session.
func (a *attachment) wrap(s pkcs11.SessionHandle, name string, key *[keySize]byte) ([]byte, error) {
	if a.wraps == byGCM {
		return a.encrypt(s, name, key)
	}
	dataKey := make([]byte, keySize)
	_, _ = rand.Read(dataKey)
	defer clear(dataKey)
	handle, err := a.library.CreateObject(s, append(temporary(), pkcs11.NewAttribute(pkcs11.CKA_VALUE, dataKey)))
	if err != nil {
		return nil, fmt.Errorf("create a data key: %w", err)
	}
	defer func() { _ = a.library.DestroyObject(s, handle) }()
	wrapped, err := a.library.WrapKey(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(a.keyWrap(), nil)}, a.key, handle)
	if err != nil {
		return nil, err
	}
	if len(wrapped) != wrappedSize {
		return nil, fmt.Errorf("the module wrapped %d bytes to %d", keySize, len(wrapped))
	}
	aead, err := newAEAD(dataKey)
	if err != nil {
		return nil, err
	}
	out := append([]byte{byte(byWrap)}, wrapped...)
	return aead.Seal(out, make([]byte, aead.NonceSize()), key[:], boundTo(name)), nil
}

// temporary describes a data key as an object of the session, which can be read.
func temporary() []*pkcs11.Attribute {
	return []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
	}
}

func (a *attachment) encrypt(s pkcs11.SessionHandle, name string, key *[keySize]byte) ([]byte, error) {
	iv := make([]byte, 12)
	_, _ = rand.Read(iv)
	params := pkcs11.NewGCMParams(iv, boundTo(name), 8*tagSize)
	defer params.Free()
	err := a.library.EncryptInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, params)}, a.key)
	if err != nil {
		return nil, err
	}
	sealed, err := a.library.Encrypt(s, key[:])
	if err != nil {
		return nil, err
	}
	if used := params.IV(); len(used) > 0 {
		iv = used
	}
	if len(sealed) != sealedSize || len(iv) != 12 && len(iv) != 16 {
		return nil, fmt.Errorf("the module encrypted %d bytes to %d with an IV of %d", keySize, len(sealed), len(iv))
	}
	return append(append([]byte{byte(byGCM), byte(len(iv))}, iv...), sealed...), nil
}

// wellFormed reports whether wrapped has one of the two forms.
func wellFormed(wrapped []byte) bool {
	switch {
	case len(wrapped) < 2:
		return false
	case method(wrapped[0]) == byGCM:
		return (wrapped[1] == 12 || wrapped[1] == 16) && len(wrapped) == 2+int(wrapped[1])+sealedSize
	case method(wrapped[0]) == byWrap:
		return len(wrapped) == 1+wrappedSize+sealedSize
	}
	return false
}

// unwrap unwraps what is wellFormed in a session.
func (a *attachment) unwrap(s pkcs11.SessionHandle, name string, wrapped []byte, key *[keySize]byte) error {
	if method(wrapped[0]) == byWrap {
		return a.unwrapDataKey(s, name, wrapped[1:], key)
	}
	iv := wrapped[2 : 2+wrapped[1]]
	params := pkcs11.NewGCMParams(iv, boundTo(name), 8*tagSize)
	defer params.Free()
	err := a.library.DecryptInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, params)}, a.key)
	if err != nil {
		return err
	}
	plain, err := a.library.Decrypt(s, wrapped[2+len(iv):])
	defer clear(plain)
	if err != nil {
		return err
	}
	if len(plain) != keySize {
		return keyroot.ErrWrong
	}
	copy(key[:], plain)
	return nil
}

func (a *attachment) unwrapDataKey(
	s pkcs11.SessionHandle, name string, wrapped []byte, key *[keySize]byte,
) error {
	mechanism := a.keyWrap()
	if mechanism == 0 {
		return errors.New("it was wrapped by AES key wrap, which the token no longer allows")
	}
	handle, err := a.library.UnwrapKey(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, a.key,
		wrapped[:wrappedSize], temporary())
	if err != nil {
		return err
	}
	defer func() { _ = a.library.DestroyObject(s, handle) }()
	got, err := a.library.GetAttributeValue(s, handle,
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	if err != nil {
		return fmt.Errorf("read a data key: %w", err)
	}
	dataKey := got[0].Value
	defer clear(dataKey)
	if len(dataKey) != keySize {
		return keyroot.ErrWrong
	}
	aead, err := newAEAD(dataKey)
	if err != nil {
		return err
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), wrapped[wrappedSize:], boundTo(name))
	if err != nil {
		return keyroot.ErrWrong
	}
	copy(key[:], plain)
	clear(plain)
	return nil
}

func newAEAD(dataKey []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(dataKey)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// refusesText reports whether the module says that the text is wrong, and doubtful whether it may mean that.
func refusesText(err error) (surely, doubtful bool) {
	const aeadDecryptFailed = 0x42 // CKR_AEAD_DECRYPT_FAILED of PKCS #11 3.0
	code, ok := errors.AsType[pkcs11.Error](err)
	if !ok {
		return false, false
	}
	switch code {
	case pkcs11.CKR_ENCRYPTED_DATA_INVALID, pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE, pkcs11.CKR_WRAPPED_KEY_INVALID,
		pkcs11.CKR_WRAPPED_KEY_LEN_RANGE, aeadDecryptFailed:
		return true, false
	case pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_FUNCTION_FAILED, pkcs11.CKR_DATA_INVALID, pkcs11.CKR_DATA_LEN_RANGE,
		pkcs11.CKR_SIGNATURE_INVALID, pkcs11.CKR_ARGUMENTS_BAD, pkcs11.CKR_MECHANISM_PARAM_INVALID:
		return false, true
	}
	return false, false
}
