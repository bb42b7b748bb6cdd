package crypto

import (
	"bytes"
	"crypto/subtle"
	"fmt"
)

// WrapKeyer derives wrap keys from a bucket key that it keeps to itself. WrapKey writes the key for salt to key, as
// [DeriveWrapKey] does; the caller wipes key. It fails when the bucket key is gone.
type WrapKeyer interface {
	WrapKey(salt *[SaltSize]byte, key *[KeySize]byte) error
}

// Place is where an object lives. A sealed object opens only there.
type Place struct {
	BucketARN string // as the bucket's record has it since the bucket was made
	Key       string // the object's key, unescaped
}

// Wrap seals secrets into the envelope for place, under a wrap salt that is fresh each time. It sorts Context and sets
// WrapSalt, Commitment and Wrapped; the other fields are the caller's. It returns ErrTooLarge if the envelope would
// exceed MaxEnvelope, ErrFormat if a field or secret can't be in an envelope (a bad ARN, two context pairs of one name,
// an object of one part without its length), and what the keyer returns; e is then as it was. Source: FORMAT.md,
// "Envelope".
func (e *Envelope) Wrap(place Place, keyer WrapKeyer, secrets Secrets) error {
	return e.wrap(place, keyer, secrets, nil)
}

func (e *Envelope) wrap(place Place, keyer WrapKeyer, secrets Secrets, salt *[SaltSize]byte) error {
	w := workspaces.Get().(*workspace)
	defer w.release()
	wrapped, err := w.seal(e, place, keyer, &secrets, salt)
	if err != nil {
		return err
	}
	e.Context = sorted(e.Context)
	e.WrapSalt, e.Commitment, e.Wrapped = w.wrapSalt, w.commitment, bytes.Clone(wrapped)
	return nil
}

// AppendWrapped is Wrap and AppendText in one, for an envelope that is only sent: it appends to dst the text form that
// the envelope would have, and leaves the envelope as it is. On an error, which is one of Wrap's, dst is as it was.
func (e *Envelope) AppendWrapped(dst []byte, place Place, keyer WrapKeyer, secrets Secrets) ([]byte, error) {
	w := workspaces.Get().(*workspace)
	defer w.release()
	wrapped, err := w.seal(e, place, keyer, &secrets, nil)
	if err != nil {
		return dst, err
	}
	w.binary = appendWrapped(w.binary, wrapped)
	return textForm.AppendEncode(dst, w.binary), nil
}

// seal leaves in w what wrapping secrets gives the envelope: wrap salt, commitment and, up to Wrapped, the binary form.
// Wrapped is what it returns, in w's memory. The wrap salt is salt, or a fresh one if that is nil.
func (w *workspace) seal(
	e *Envelope, place Place, keyer WrapKeyer, secrets *Secrets, salt *[SaltSize]byte,
) ([]byte, error) {
	context := sorted(e.Context)
	switch {
	case !e.fits() || !place.fits():
		return nil, fmt.Errorf("wrap data key: %w", ErrTooLarge)
	case !e.legal(context) || !secrets.legal(e.Multipart):
		return nil, fmt.Errorf("wrap data key: %w", ErrFormat)
	}
	w.commitment = secrets.DataKey.commitment(&e.ObjectID)
	if salt != nil {
		w.wrapSalt = *salt
	} else {
		w.wrapSalt = secrets.DataKey.takeWrapSalt()
	}
	if err := keyer.WrapKey(&w.wrapSalt, &w.wrapKey); err != nil {
		return nil, fmt.Errorf("wrap data key: %w", err)
	}
	plaintext := secrets.append(w.secrets[:0])
	w.binary = e.appendAuthenticated(w.binary[:0], context, &w.wrapSalt, &w.commitment)
	authenticated := len(w.binary)
	w.binary = place.append(w.binary)
	wrapped := newAEAD(&w.wrapKey).Seal(plaintext[:0], zeroNonce[:], plaintext, w.binary)
	w.binary = w.binary[:authenticated]
	return wrapped, nil
}

// Unwrap opens the envelope at place and returns its secrets, which the caller wipes. It returns ErrTampered if
// anything in the envelope was changed, if it was made for another place or under another bucket key, or if the data
// key isn't the one committed to (compared in constant time); ErrFormat if what was sealed isn't something Wrap seals;
// and what the keyer returns. It doesn't change the envelope and may run concurrently. Source: FORMAT.md, "Envelope".
func (e *Envelope) Unwrap(place Place, keyer WrapKeyer) (Secrets, error) {
	if !place.fits() {
		return Secrets{}, fmt.Errorf("unwrap data key: %w", ErrTooLarge)
	}
	w := workspaces.Get().(*workspace)
	defer w.release()
	w.wrapSalt = e.WrapSalt
	if err := keyer.WrapKey(&w.wrapSalt, &w.wrapKey); err != nil {
		return Secrets{}, fmt.Errorf("unwrap data key: %w", err)
	}
	w.binary = place.append(e.appendAuthenticated(w.binary[:0], e.Context, &e.WrapSalt, &e.Commitment))
	plaintext, err := newAEAD(&w.wrapKey).Open(w.secrets[:0], zeroNonce[:], e.Wrapped, w.binary)
	if err != nil {
		return Secrets{}, fmt.Errorf("unwrap data key: %w", ErrTampered)
	}
	secrets, err := parseSecrets(plaintext)
	if err == nil && !secrets.legal(e.Multipart) {
		err = ErrFormat
	}
	if err != nil {
		secrets.Wipe()
		return Secrets{}, fmt.Errorf("unwrap data key: %w", err)
	}
	commitment := secrets.DataKey.commitment(&e.ObjectID)
	if subtle.ConstantTimeCompare(commitment[:], e.Commitment[:]) != 1 {
		secrets.Wipe()
		return Secrets{}, fmt.Errorf("unwrap data key: commitment: %w", ErrTampered)
	}
	return secrets, nil
}

// append writes the place as it follows the envelope in what is authenticated: each string with its length in front.
func (p Place) append(dst []byte) []byte {
	return appendString(appendString(dst, p.BucketARN), p.Key)
}

func (p Place) fits() bool { return len(p.BucketARN) < 1<<16 && len(p.Key) < 1<<16 }
