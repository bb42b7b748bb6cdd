package keyservice

import (
	"crypto/subtle"
	"slices"
	"time"
)

// KMS's words for whether imported material has an end.
const (
	materialExpires = "KEY_MATERIAL_EXPIRES"
	materialStays   = "KEY_MATERIAL_DOES_NOT_EXPIRE"
)

// imported is what is kept of a material that was imported, also when it is gone: it can be imported again.
type imported struct {
	ID          string    `json:"id"`
	ValidTo     time.Time `json:"validTo,omitzero"` // when it ends; zero: it doesn't
	Description string    `json:"description,omitempty"`
}

// nextMaterial was imported to become the current one at the next rotation on demand.
type nextMaterial struct {
	imported

	Material []byte `json:"material,omitempty"` // none: it was deleted, or has ended
}

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

// incomplete reports whether a key needs material that was imported once and is gone, or never was: what it has sealed
// might not open.
func (k *key) incomplete() bool {
	return k.Origin == originExternal && (k.Material == nil || slices.ContainsFunc(k.Former, func(m []byte) bool {
		return m == nil
	}))
}

// current is what is kept of the current material of an imported key.
func (k *key) current() imported { return imported{k.Imported, k.ValidTo, k.About} }

func (i *imported) ended(now time.Time) bool { return !i.ValidTo.IsZero() && !now.Before(i.ValidTo) }

// expired reports whether imported material has ended that is still there.
func (k *key) expired(now time.Time) bool {
	current := k.current()
	return current.ended(now) || k.Next != nil && k.Next.ended(now) ||
		slices.ContainsFunc(k.FormerImports, func(i imported) bool { return i.ended(now) })
}

// dropExpired takes away what has ended.
func (k *key) dropExpired(now time.Time) {
	if current := k.current(); current.ended(now) {
		k.drop(current.ID)
	}
	for _, i := range k.FormerImports {
		if i.ended(now) {
			k.drop(i.ID)
		}
	}
	if k.Next != nil && k.Next.ended(now) {
		k.drop(k.Next.ID)
	}
}

// drop takes a material from a key, which waits for it again. It reports whether there is one with this id.
func (k *key) drop(id string) bool {
	if k.Imported == id {
		clear(k.Material)
		k.Material, k.ValidTo = nil, time.Time{}
		return true
	}
	if k.Next != nil && k.Next.ID == id {
		clear(k.Next.Material)
		k.Next = &nextMaterial{imported: imported{ID: id, Description: k.Next.Description}}
		return true
	}
	for i, former := range k.FormerImports {
		if former.ID == id {
			clear(k.Former[i])
			k.setFormer(i, nil, imported{ID: id, Description: former.Description})
			return true
		}
	}
	return false
}

func (k *key) setFormer(i int, material []byte, about imported) {
	k.Former, k.FormerImports = slices.Clone(k.Former), slices.Clone(k.FormerImports)
	k.Former[i], k.FormerImports[i] = material, about
}

// take gives the key imported material, of which it makes a copy: its first, one that it has had before, or, with
// fresh, one that waits for the next rotation.
func (k *key) take(material []byte, about imported, fresh bool) *Error {
	same := func(id string) bool { return subtle.ConstantTimeCompare([]byte(id), []byte(about.ID)) == 1 }
	copied := slices.Clone(material)
	at := slices.IndexFunc(k.FormerImports, func(i imported) bool { return same(i.ID) })
	known := k.Imported != "" && (same(k.Imported) || at >= 0 || k.Next != nil && same(k.Next.ID))
	switch {
	case known && fresh:
		return fail("IncorrectKeyMaterialException", "%s has or had this key material: it isn't new.", k.ARN)
	case k.Imported == "" || same(k.Imported):
		k.Material, k.Imported, k.ValidTo, k.About, k.Enabled = copied, about.ID, about.ValidTo, about.Description, true
	case at >= 0:
		k.setFormer(at, copied, about)
	case known:
		k.Next = &nextMaterial{about, copied}
	case !fresh:
		return fail("IncorrectKeyMaterialException",
			"%s never had this key material. To rotate to it, import it with ImportType NEW_KEY_MATERIAL.", k.ARN)
	case k.MultiRegion:
		return unsupported("%s is a multi-Region key, whose imported key material can't be rotated.", k.ARN)
	case k.Next != nil:
		return fail("KMSInvalidStateException", "%s has key material already that waits for its rotation.", k.ARN)
	default:
		k.Next = &nextMaterial{about, copied}
	}
	return nil
}

// rotateImported makes the material current that waits for it.
func (k *key) rotateImported() {
	k.Former = slices.Insert(slices.Clone(k.Former), 0, k.Material)
	k.FormerImports = slices.Insert(slices.Clone(k.FormerImports), 0, k.current())
	n := k.Next
	k.Material, k.Imported, k.ValidTo, k.About, k.Next = n.Material, n.ID, n.ValidTo, n.Description, nil
}
