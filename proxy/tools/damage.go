package tools

import (
	"errors"
	"fmt"

	"sealfront/crypto"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
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

// inWords translates an error of package objects, which has S3's words for clients, into an operator's: a Damage,
// errGone, errReplaced, or what the store or the key service said.
func inWords(err error) error {
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

// causeOf is what the store or the key service said, behind S3's words for it.
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
