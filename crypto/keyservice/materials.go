package keyservice

import "slices"

// listMaterials lists what a key has sealed under, oldest first, with when that began: by a rotation, unless it is its
// first. all has the first, too, and what waits for its rotation.
func (k *key) listMaterials(all bool) (list []listedRotation) {
	if k.Origin == originExternal {
		list = k.listImported()
	} else {
		for i := len(k.Former) - 1; i >= 0; i-- {
			list = append(list, listedRotation{
				KeyId: k.ID, KeyMaterialId: k.materialID(k.Former[i]), KeyMaterialState: "NON_CURRENT",
			})
		}
		list = append(list, listedRotation{KeyId: k.ID, KeyMaterialId: k.materialID(k.Material), KeyMaterialState: "CURRENT"})
	}
	for i := range list {
		if n := i - (len(k.Former) + 1 - len(k.Rotations)); n >= 0 && n < len(k.Rotations) {
			list[i].RotationDate, list[i].RotationType = stamp(k.Rotations[n].Date), k.Rotations[n].Kind
		} else if i > 0 && i <= len(k.Former) {
			list[i].RotationType = rotatedOnDemand
		}
	}
	if all {
		return list
	}
	return slices.DeleteFunc(list, func(r listedRotation) bool { return r.RotationType == "" })
}

// listImported lists the materials of an imported key, oldest first, and the one that waits.
func (k *key) listImported() (list []listedRotation) {
	add := func(about imported, there bool, state string) {
		r := listedRotation{
			KeyId: k.ID, KeyMaterialId: about.ID, KeyMaterialState: state, ImportState: "PENDING_IMPORT",
			KeyMaterialDescription: about.Description,
		}
		if there {
			r.ImportState, r.ExpirationModel = "IMPORTED", materialStays
			if !about.ValidTo.IsZero() {
				r.ExpirationModel, r.ValidTo = materialExpires, stamp(about.ValidTo)
			}
		}
		list = append(list, r)
	}
	for i := len(k.Former) - 1; i >= 0; i-- {
		add(k.FormerImports[i], k.Former[i] != nil, "NON_CURRENT")
	}
	if k.Imported != "" {
		add(k.current(), k.Material != nil, "CURRENT")
	}
	if k.Next != nil {
		add(k.Next.imported, k.Next.Material != nil, "PENDING_ROTATION")
	}
	return list
}
