package tools

import (
	"errors"
	"fmt"

	"sealfront/crypto"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// A Damage is a property of a stored object that no sealed object has. It holds no secrets.
type Damage struct {
	Kind   string `json:"kind"` // not-sealed, envelope, key, length, segment, trailer or padding
	Reason string `json:"reason"`
}

// Error returns the reason.
func (d *Damage) Error() string { return d.Reason }

func damagef(kind, format string, args ...any) error {
	return &Damage{kind, fmt.Sprintf(format, args...)}
}

// operatorError translates an error of package objects, which is S3's for clients, into an operator's: a Damage,
// errGone, errReplaced, or the error of the store or the key service.
func operatorError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, objects.ErrReplaced):
		return errReplaced
	}
	if d, ok := errors.AsType[*objects.Damage](err); ok {
		if errors.Is(d, crypto.ErrNotSealed) {
			return &Damage{"not-sealed", "it has no envelope: its bytes were not sealed, or its metadata was removed"}
		}
		return &Damage{d.Kind, d.Reason}
	}
	switch e := objects.Translate(err); {
	case e.Row == objects.RowForeignBlob:
		return damagef("envelope", "KMS does not open the bucket key in its envelope: %v", codeOf(err))
	case e.Code == "NoSuchKey":
		return errGone
	}
	return causeOf(err)
}

// causeOf is the error of the store or the key service that S3's error wraps.
func causeOf(err error) error {
	for {
		e, ok := errors.AsType[*s3.Error](err)
		if !ok || e.Cause == nil {
			return err
		}
		err = e.Cause
	}
}

// codeOf is KMS's name for an error, or the error.
func codeOf(err error) any {
	if coded, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err); ok {
		return coded.ErrorCode()
	}
	return err
}
