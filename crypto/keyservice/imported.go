package keyservice

import (
	"slices"
	"time"
)

// KMS's words for whether imported material has an end.
const (
	materialExpires = "KEY_MATERIAL_EXPIRES"
	materialStays   = "KEY_MATERIAL_DOES_NOT_EXPIRE"
)

// importable refuses keys whose material isn't imported, or that are to be deleted.
func (k *key) importable() *Error {
	switch {
	case k.origin() != originExternal:
		return unsupported("%s origin is %s which is not valid for this operation.", k.ARN, k.origin())
	case !k.Deletion.IsZero():
		return invalidState(k.ARN, "pending deletion")
	}
	return nil
}

// expired reports whether imported material has ended.
func (k *key) expired(now time.Time) bool { return !k.ValidTo.IsZero() && !now.Before(k.ValidTo) }

func (k *key) dropMaterial() {
	clear(k.Material)
	k.Material, k.ValidTo = nil, time.Time{}
}

// take gives the key imported material, of which it makes a copy.
func (k *key) take(material []byte, id string, until time.Time) {
	k.Material, k.Imported, k.ValidTo, k.Enabled = slices.Clone(material), id, until, true
}
