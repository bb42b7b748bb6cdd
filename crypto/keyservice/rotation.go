package keyservice

import (
	"fmt"
	"slices"
	"time"
)

// KMS's bounds of the time between two automatic rotations, and its default, in days.
const (
	leastRotationPeriod = 90
	usualRotationPeriod = 365
	mostRotationPeriod  = 2560
)

func (c *call) rotateKeyOnDemand(in *keyInput) (*keyInput, error) {
	k, err := c.changeKey("RotateKeyOnDemand", in.KeyId, func(k *key) *Error {
		if failure := k.rotatable(onDemand); failure != nil {
			return failure
		}
		automatic := 0
		for _, r := range k.Rotations {
			if r.Kind == rotatedAutomatically {
				automatic++
			}
		}
		if len(k.Former)-automatic >= maxRotations {
			return fail("LimitExceededException", "%s has been rotated on demand %d times.", k.ARN, maxRotations)
		}
		k.rotate(rotatedOnDemand, c.o.Now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &keyInput{KeyId: k.ARN}, nil
}

type enableRotationInput struct {
	KeyId                string
	RotationPeriodInDays *int
}

// enableKeyRotation also changes the period of a key that rotates already. As in KMS, the time to the next rotation
// then begins anew.
func (c *call) enableKeyRotation(in *enableRotationInput) (*struct{}, error) {
	days := usualRotationPeriod
	if in.RotationPeriodInDays != nil {
		days = *in.RotationPeriodInDays
	}
	if days < leastRotationPeriod || days > mostRotationPeriod {
		return nil, validation("1 validation error detected: Value '%d' at 'rotationPeriodInDays' failed to satisfy "+
			"constraint: Member must be between %d and %d",
			days, leastRotationPeriod, mostRotationPeriod)
	}
	_, err := c.changeKey("EnableKeyRotation", in.KeyId, func(k *key) *Error {
		if failure := k.rotatable("automatically"); failure != nil {
			return failure
		}
		if k.RotationPeriod != days {
			k.RotationPeriod, k.NextRotation = days, c.o.Now().UTC().AddDate(0, 0, days)
		}
		return nil
	})
	return &struct{}{}, err
}

func (c *call) disableKeyRotation(in *keyInput) (*struct{}, error) {
	_, err := c.changeKey("DisableKeyRotation", in.KeyId, func(k *key) *Error {
		if failure := k.rotatable("automatically"); failure != nil {
			return failure
		}
		k.RotationPeriod, k.NextRotation = 0, time.Time{}
		return nil
	})
	return &struct{}{}, err
}

type rotationStatus struct {
	KeyId                string
	KeyRotationEnabled   bool
	RotationPeriodInDays int       `json:",omitempty"`
	NextRotationDate     timestamp `json:",omitempty"`
}

// getKeyRotationStatus answers for keys of every kind: those that can't be rotated aren't. AWS rotates its own each
// year.
func (c *call) getKeyRotationStatus(in *keyInput) (*rotationStatus, error) {
	k, err := c.findByID("GetKeyRotationStatus", in.KeyId)
	if err != nil {
		return nil, err
	}
	out := &rotationStatus{KeyId: k.ID, KeyRotationEnabled: k.AWSManaged}
	if k.RotationPeriod != 0 && k.Deletion.IsZero() {
		out.KeyRotationEnabled, out.RotationPeriodInDays, out.NextRotationDate = true, k.RotationPeriod,
			stamp(k.NextRotation)
	}
	return out, nil
}

type listRotationsInput struct {
	listInput
	IncludeKeyMaterial string
}

type listedRotation struct {
	KeyId                                                string
	KeyMaterialId                                        string
	KeyMaterialState                                     string    `json:",omitempty"`
	ImportState, ExpirationModel, KeyMaterialDescription string    `json:",omitempty"` // of imported material
	ValidTo                                              timestamp `json:",omitempty"`
	RotationDate                                         timestamp `json:",omitempty"`
	RotationType                                         string    `json:",omitempty"`
}

type listedRotations struct {
	Rotations  []listedRotation
	Truncated  bool
	NextMarker string `json:",omitempty"`
}

// listKeyRotations lists what there is of a key, oldest first: its first material has no rotation, and is left out
// unless it is requested. Rotations by earlier releases, which kept no dates, have none.
func (c *call) listKeyRotations(in *listRotationsInput) (*listedRotations, error) {
	switch in.IncludeKeyMaterial {
	case "", "ROTATIONS_ONLY", "ALL_KEY_MATERIAL":
	default:
		return nil, validation("1 validation error detected: Value '%s' at 'includeKeyMaterial' failed to satisfy "+
			"constraint: Member must satisfy enum value set: [ROTATIONS_ONLY, ALL_KEY_MATERIAL]", in.IncludeKeyMaterial)
	}
	k, err := c.findByID("ListKeyRotations", in.KeyId)
	if err != nil {
		return nil, err
	}
	if k.Spec != specSymmetric {
		return nil, unsupported("%s has no rotations: only symmetric encryption keys can be rotated.", k.ARN)
	}
	list := k.listMaterials(in.IncludeKeyMaterial == "ALL_KEY_MATERIAL")
	numbers := make([]string, len(list))
	for i := range list {
		numbers[i] = fmt.Sprintf("%06d", i)
	}
	shown, next, err := page(numbers, &in.listInput, 100, 1000)
	if err != nil {
		return nil, err
	}
	out := &listedRotations{Rotations: []listedRotation{}, Truncated: next != "", NextMarker: next}
	for _, number := range shown {
		i, _ := slices.BinarySearch(numbers, number)
		out.Rotations = append(out.Rotations, list[i])
	}
	return out, nil
}
