package tools

import (
	"errors"
	"fmt"

	"sealfront/crypto"
)

// A Damage is something about a stored object that no sealed object has. Nothing in it is secret.
type Damage struct {
	Kind   string `json:"kind"` // not-sealed, envelope, key, length, segment, trailer or padding
	Reason string `json:"reason"`
}

// Error returns the reason.
func (d *Damage) Error() string { return d.Reason }

func damagef(kind, format string, args ...any) error {
	return &Damage{kind, fmt.Sprintf(format, args...)}
}

// ofFormat makes an error of package crypto a Damage; others are returned as they are.
func ofFormat(kind string, err error) error {
	var e *crypto.Error
	if !errors.As(err, &e) {
		return err
	}
	if errors.Is(err, crypto.ErrNotSealed) {
		return &Damage{"not-sealed", "it has no envelope: its bytes were not sealed, or its metadata was removed"}
	}
	return &Damage{kind, err.Error()}
}

// kmsDamage are KMS's answers that blame what was asked about and not the asking: a blob that was altered, or belongs to
// another key or context.
var kmsDamage = map[string]bool{"InvalidCiphertextException": true, "IncorrectKeyException": true}

// ofKMS makes KMS's refusal of a blob a Damage; others are returned as they are.
func ofKMS(err error) error {
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) && kmsDamage[coded.ErrorCode()] {
		return damagef("envelope", "KMS does not open the bucket key in its envelope: %s", coded.ErrorCode())
	}
	return err
}
